"""Values that follow from the configuration and the facts of the data set.

A key left at `null` means "as the rest implies". What it comes to is worked out here, once; the configuration itself
stays as it was written, and the record names both.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from lkca_exp.config.schema import (
    Config,
    HeadsConfig,
    KernelConfig,
    PoolingConfig,
    VitConfig,
    VitPytorchConfig,
)
from lkca_exp.config.schema.sizes import SIZES


class DataFacts(Protocol):
    """What the configuration needs to know of a data set (see lkca_exp.data.specs.DataSpec)."""

    @property
    def name(self) -> str: ...

    @property
    def image_size(self) -> int: ...

    @property
    def channels(self) -> int: ...

    @property
    def num_classes(self) -> int: ...

    @property
    def min_images_per_class(self) -> int: ...

    @property
    def may_mirror(self) -> bool: ...

    @property
    def patch_size(self) -> int: ...

    @property
    def part_of(self) -> str: ...

    @property
    def auto_augment(self) -> str: ...


T = TypeVar("T")


@dataclass(frozen=True)
class Derived:
    """What follows for any model. Lengths are in pixels; `auto_policy` is None where AutoAugment is off.

    `data_content` is a SHA-256 of the images and labels, None for the published data set. It is read from the files, so
    `derive` leaves it at None; see lkca_exp.data.content.
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


def derive(config: Config, facts: DataFacts) -> Derived:
    """Work out every value that `config` leaves to follow from the rest; a VitDerived for our own model, a
    VitPytorchDerived for one of vit-pytorch."""
    common = Derived(
        image_size=facts.image_size,
        channels=facts.channels,
        num_classes=facts.num_classes,
        crop_padding_px=_or(config.augment.crop_padding_px, facts.image_size // 8),
        mirror=_or(config.augment.mirror, facts.may_mirror),
        auto_policy=_or(config.augment.auto_policy, facts.auto_augment) if config.augment.policy == "auto" else None,
        warmup_epochs=_or(config.optim.warmup_epochs, config.epochs / 10),
    )
    if isinstance(config.model, VitPytorchConfig):
        return VitPytorchDerived(**vars(common), patch_size=facts.patch_size)
    return _derive_vit(config.model, facts, common) if isinstance(config.model, VitConfig) else common


def _derive_vit(model: VitConfig, facts: DataFacts, common: Derived) -> VitDerived:
    size = SIZES[model.size]
    patch_size = _or(model.patch_size, facts.patch_size)
    side = max(facts.image_size // patch_size, 1)
    num_heads = kernel_size = None
    match model.mixer:
        case HeadsConfig():
            num_heads = _or(model.mixer.num_heads, size.num_heads)
        case KernelConfig():
            kernel_size = _or(model.mixer.kernel_size, 2 * side - 1)
            if model.mixer.sharing == "head":
                num_heads = _or(model.mixer.num_heads, size.num_heads)
        case PoolingConfig():
            kernel_size = model.mixer.kernel_size
    return VitDerived(
        **vars(common),
        patch_size=patch_size,
        grid=(side, side),
        width=_or(model.width, size.width),
        depth=_or(model.depth, size.depth),
        mlp_ratio=_or(model.mlp_ratio, size.mlp_ratio),
        num_heads=num_heads,
        kernel_size=kernel_size,
    )


def _or(value: T | None, default: T) -> T:
    return default if value is None else value
