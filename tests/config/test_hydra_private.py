"""Hydra and OmegaConf still have the private attributes that are used, and still say what is matched."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import hydra
import pytest
from hydra._internal.utils import get_args_parser
from hydra.core.global_hydra import GlobalHydra

import lkca_exp
from lkca_exp.config.hydra_private import MESSAGES, HydraLoader
from lkca_exp.config.job import conf_dir
from lkca_exp.config.schema import register
from lkca_exp.config.words import FLAGS

ATTRIBUTES = {
    "hydra._internal.config_loader_impl": (
        "ConfigLoaderImpl._apply_overrides_to_config",
        "ConfigLoaderImpl.validate_sweep_overrides_legal",
        "get_overrides_dirname",
    ),
    "hydra._internal.config_repository": ("ConfigRepository.group_exists",),
    "hydra._internal.core_plugins.basic_sweeper": ("BasicSweeper.split_arguments",),
    "hydra.core.utils": ("JobReturn._return_value",),
    "omegaconf": (
        "DictConfig._get_node",
        "DictConfig._is_none",
        "Node._is_missing",
        "Node._is_interpolation",
    ),
}
PROVOKED = {
    "no option": ["data=null"],
    "unknown key in a file": ["+experiment=digits_compare", "model=swin_lee2021"],
    "no such part": ["model=swin_lee2021", "model/mixer=lkca"],
    "sweep": ["seed=range(3)"],
    "several values": ["seed=1,2"],
    "wrong value in a file": ["hydra.searchpath=[file://{tmp_path}]", "+experiment=wrong"],
    "key exists": ["+optim.lr=1"],
    "not in the defaults": ["experiment=digits_compare"],
}


@pytest.mark.parametrize(("module", "name"), [(module, name) for module, names in ATTRIBUTES.items() for name in names])
def test_a_private_attribute_is_where_it_was(module, name):
    owner = importlib.import_module(module)
    for part in name.split("."):
        present = hasattr(owner, part) or part in getattr(owner, "__annotations__", {})
        assert present, f"{module} has no {name} any more: change lkca_exp/config/hydra_private.py"
        owner = getattr(owner, part, None)


def test_the_loader_of_hydra_has_a_repository():
    """An attribute that only an instance has."""
    register()
    with hydra.initialize_config_dir(str(conf_dir()), version_base="1.3"):
        loader = HydraLoader(GlobalHydra.instance().config_loader())
        assert hasattr(loader, "repository"), (
            "ConfigLoaderImpl has none any more: change lkca_exp/config/hydra_private.py"
        )
        assert loader.is_group("model/mixer")
        assert not loader.is_group("seed")


@pytest.mark.parametrize("what", MESSAGES)
def test_a_message_is_what_it_was(what, tmp_path):
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment" / "wrong.yaml").write_text("# @package _global_\nepochs: many\n")
    words = [word.replace("{tmp_path}", str(tmp_path)) for word in PROVOKED[what]]
    register()
    with hydra.initialize_config_dir(str(conf_dir()), version_base="1.3"), pytest.raises(Exception) as raised:  # noqa: PT011
        hydra.compose("config", words)
    assert MESSAGES[what].search(str(raised.value)), f"Hydra says otherwise now: {raised.value}"


def test_the_flags_are_hydras():
    known = {flag for action in get_args_parser()._actions for flag in action.option_strings}
    assert known == FLAGS | {"--experimental-rerun"}, "change lkca_exp/config/words.py"


def test_private_parts_are_in_one_file():
    private = re.compile(
        r"hydra\._internal|\._(get_node|is_none|is_missing|is_interpolation|return_value|content|metadata)\b"
    )
    files = {path.name for path in Path(lkca_exp.__file__).parent.rglob("*.py") if private.search(path.read_text())}
    assert files == {"hydra_private.py"}
