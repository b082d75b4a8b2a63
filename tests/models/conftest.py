"""Small models, described as the configuration describes real ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from lkca_exp.config.derive import derive
from lkca_exp.config.derived import VitDerived
from lkca_exp.config.schema import GROUP_SCHEMAS, Config, DataConfig, VitConfig
from lkca_exp.config.specs import SPECS

Describe = Callable[..., tuple[VitConfig, VitDerived]]


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


@pytest.fixture
def describe() -> Describe:
    """describe("lkca", {"view": "attention"}, positions="none") -> the settings of a small model for digits: 4 x 4
    tokens of 2 x 2 pixels, 24 channels, 2 blocks, 4 heads."""

    def describe(mixer: str, options: dict[str, Any] | None = None, **model: Any) -> tuple[VitConfig, VitDerived]:
        settings = {"width": 24, "depth": 2, "mlp_ratio": 2.0, "drop_path": 0.0} | model
        config = Config(data=DataConfig(name="digits"))
        config.model = VitConfig(mixer=GROUP_SCHEMAS["model/mixer"][mixer](**(options or {})), **settings)
        derived = derive(config, SPECS["digits"])
        assert isinstance(derived, VitDerived)
        return config.model, derived

    return describe
