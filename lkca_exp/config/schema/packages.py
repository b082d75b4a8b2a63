"""Keys of `model` for models of other packages: timm and vit-pytorch."""

from __future__ import annotations

from dataclasses import field
from typing import Any

from omegaconf import MISSING

from lkca_exp.config.derived import Derived, VitPytorchDerived
from lkca_exp.config.errors import ConfigError, did_you_mean, divisors
from lkca_exp.config.schema.key import key
from lkca_exp.config.schema.model import ModelConfig
from lkca_exp.config.schema.option import option
from lkca_exp.config.specs import DataSpec
from lkca_exp.config.timm_names import timm_names
from lkca_exp.config.vit_pytorch_families import FAMILIES, arguments

SET_BY_US = {
    "num_classes": "data",
    "in_chans": "data",
    "img_size": "data",
    "patch_size": "model.patches_per_side",
    "drop_path_rate": "model.drop_path",
}
"""Arguments of timm's that follow from other keys -> which."""


@option("model", "timm")
class TimmConfig(ModelConfig):
    """A model of the timm package, with fresh weights."""

    name: str = key("what timm calls it", MISSING)
    stem: str = key(
        "the first layers: timm's, or (of a ResNet) a 3x3 convolution of stride 1 and no pooling, for small images",
        "timm",
        choices=("timm", "small"),
    )
    patches_per_side: int | None = key(
        "patches along a side of the image, so that timm's patch_size is the image's side over it; null: timm's own",
        None,
        at_least=1,
    )
    positions: str = key(
        "added to the patches: timm's own, or further learned ones, one for each patch, that start from N(0, 0.02)",
        "timm",
        choices=("timm", "learned"),
    )
    drop_path: float = key("stochastic depth, as timm spreads it over the model", 0.0, at_least=0, below=1)
    options: dict[str, Any] = field(
        default_factory=dict, metadata={"help": "further arguments for timm's constructor, such as depths=[2,6,4]"}
    )

    def check(self, derived: Derived, facts: DataSpec) -> None:
        if self.name not in timm_names():
            raise ConfigError("model.name", self.name, "timm has no such model.", did_you_mean(self.name, timm_names()))
        for name in self.options:
            if name in SET_BY_US:
                raise ConfigError(
                    f"model.options.{name}", self.options[name], f"It follows from {SET_BY_US[name]}.", "Leave it out."
                )
        patches = self.patches_per_side
        if patches is not None and facts.image_size % patches:
            raise ConfigError(
                "model.patches_per_side",
                patches,
                f"Patches must tile the {facts.image_size} x {facts.image_size} pixels of {facts.name}.",
                f"Numbers that do: {divisors(facts.image_size)}.",
            )


@option("model", "vit_pytorch")
class VitPytorchConfig(ModelConfig):
    """A model of the vit-pytorch package, with fresh weights. Arguments that follow from the data set, such as
    `image_size`, are no options."""

    family: str = key("module of the package", MISSING, choices=tuple(FAMILIES))
    options: dict[str, Any] = field(
        default_factory=dict, metadata={"help": "further arguments for the class's constructor, such as depth=10"}
    )

    def derive(self, common: Derived, facts: DataSpec) -> VitPytorchDerived:
        return VitPytorchDerived(**vars(common), patch_size=facts.patch_size)

    def check(self, derived: VitPytorchDerived, facts: DataSpec) -> None:
        family, known = FAMILIES[self.family], arguments(self.family)
        for name, value in self.options.items():
            if name in family.from_data:
                raise ConfigError(f"model.options.{name}", value, "It follows from data.", "Leave it out.")
            if name not in known:
                rule = f"vit-pytorch's {family.class_name} has no such argument."
                remedy = did_you_mean(name, set(known) - set(family.from_data))
                raise ConfigError(f"model.options.{name}", value, rule, remedy)
        given = {*family.from_data, *self.options}
        missing = [name for name, default in known.items() if default is ... and name not in given]
        if missing:
            rule = f"vit-pytorch's {family.class_name} needs further arguments: {', '.join(missing)}."
            raise ConfigError("model.family", self.family, rule, f"Give them as +model.options.{missing[0]}=VALUE.")
        if facts.channels != 3 and not family.any_channels:
            rule = (
                f"vit-pytorch's {family.class_name} takes images of 3 channels, and {facts.name} has {facts.channels}."
            )
            fitting = ", ".join(name for name in FAMILIES if FAMILIES[name].any_channels)
            raise ConfigError("model.family", self.family, rule, f"Families for any number: {fitting}.")
        if self.family == "twins_svt":
            _twins(self, facts)


def _twins(model: VitPytorchConfig, facts: DataSpec) -> None:
    """Each of four stages divides the tokens before it into patches; all but the last have windows of tokens."""
    options, side = {**arguments("twins_svt"), **model.options}, facts.image_size
    for stage in range(1, 5):
        patch_key, window_key = f"s{stage}_patch_size", f"s{stage}_local_patch_size"
        patch, window = options[patch_key], options[window_key]
        if not isinstance(patch, int) or not isinstance(window, int) or patch < 1 or window < 1:
            return  # refused by vit-pytorch
        _tiles(patch_key, patch, stage, side, facts)
        side //= patch
        if stage < 4:
            _tiles(window_key, window, stage, side, facts)


def _tiles(name: str, length: int, stage: int, side: int, facts: DataSpec) -> None:
    if side % length:
        size = f"{facts.image_size} x {facts.image_size} pixels"
        rule = f"Of {size} stage {stage} has {side} x {side} positions, which squares of side {length} do not tile."
        remedy = f"Sides that do: {divisors(side)}. Or choose data with larger images."
        raise ConfigError(f"model.options.{name}", length, rule, remedy)
