"""Values that follow from the configuration and the facts of the data set.

A key left at `null` means "as the rest implies". What it comes to is worked out here, once; the configuration itself
stays as it was written, and the record names both.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from lkca_exp.config.specs import DataSpec

if TYPE_CHECKING:
    from lkca_exp.config.schema import Config


T = TypeVar("T")


@dataclass(frozen=True)
class Derived:
    """What follows for any model. Lengths are in pixels; `auto_policy` is None where AutoAugment is off.

    `data_content` is a SHA-256 of the images and labels, None for the published data set. It is read from the files, so
    `derive` leaves it at None; see lkca_exp.content.
    """

    image_size: int
    channels: int
    num_classes: int
    crop_padding_px: int
    mirror: bool
    auto_policy: str | None
    warmup_epochs: float
    data_content: str | None = field(default=None, kw_only=True)


@dataclass(frozen=True)
class VitDerived(Derived):
    """What follows for our own model. `grid` is (rows, columns) of tokens; `num_heads` and `kernel_size` are None for a
    mixer that has none."""

    patch_size: int
    grid: tuple[int, int]
    width: int
    depth: int
    mlp_ratio: float
    num_heads: int | None
    kernel_size: int | None


@dataclass(frozen=True)
class VitPytorchDerived(Derived):
    """What follows for a model of vit-pytorch: the side of a patch in pixels, where its family has patches."""

    patch_size: int


def derive(config: Config, facts: DataSpec) -> Derived:
    """Work out every value that `config` leaves to follow from the rest; of the type that its model has."""
    auto = config.augment.policy == "auto"
    common = Derived(
        image_size=facts.image_size,
        channels=facts.channels,
        num_classes=facts.num_classes,
        crop_padding_px=or_default(config.augment.crop_padding_px, facts.image_size // 8),
        mirror=or_default(config.augment.mirror, facts.may_mirror),
        auto_policy=or_default(config.augment.auto_policy, facts.auto_augment) if auto else None,
        warmup_epochs=or_default(config.optim.warmup_epochs, config.epochs / 10),
    )
    return config.model.derive(common, facts)


def or_default(value: T | None, default: T) -> T:
    return default if value is None else value
