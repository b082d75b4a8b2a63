"""Small models, described as the configuration describes real ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from lkca_exp.config.derive import Derived, derive
from lkca_exp.config.schema import AttentionConfig, Config, DataConfig, LkcaConfig, MixerConfig, ModelConfig
from lkca_exp.data.specs import SPECS

Describe = Callable[..., tuple[ModelConfig, Derived]]

MIXER_CONFIGS: dict[str, Callable[..., MixerConfig]] = {"attention": AttentionConfig, "lkca": LkcaConfig}


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


@pytest.fixture
def describe() -> Describe:
    """describe("lkca", {"view": "attention"}, positions="none") -> the settings of a small model for digits: 4 x 4
    tokens of 2 x 2 pixels, 24 channels, 2 blocks, 4 heads."""

    def describe(mixer: str, options: dict[str, Any] | None = None, **model: Any) -> tuple[ModelConfig, Derived]:
        settings = {"width": 24, "depth": 2, "mlp_ratio": 2.0, "drop_path": 0.0} | model
        config = Config(data=DataConfig(name="digits"))
        config.model = ModelConfig(mixer=MIXER_CONFIGS[mixer](**(options or {})), **settings)
        return config.model, derive(config, SPECS["digits"])

    return describe
