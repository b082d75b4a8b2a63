"""What tests of sweeps share: a multirun composed as Hydra does, before its sweeper takes over."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import hydra
import pytest
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode
from omegaconf import DictConfig

from lkca_exp.config.job import conf_dir
from lkca_exp.config.schema import register
from lkca_exp.sweep.loader import SweepLoader


@pytest.fixture
def hydra_loader() -> Iterator:
    """Hydra's own config loader, at our folder."""
    register()
    with hydra.initialize_config_dir(str(conf_dir()), version_base="1.3"):
        yield GlobalHydra.instance().config_loader()


@pytest.fixture
def loader(hydra_loader) -> SweepLoader:
    return SweepLoader(hydra_loader)


@pytest.fixture
def multirun(hydra_loader, tmp_path) -> Callable[..., DictConfig]:
    """Composes what the sweeper is given for `python -m lkca_exp -m ...`, with runs in an empty folder."""

    def compose(*words: str) -> DictConfig:
        words = (*words, f"paths.runs={tmp_path / 'runs'}")
        return hydra_loader.load_configuration("config", list(words), RunMode.MULTIRUN)

    return compose
