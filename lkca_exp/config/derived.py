"""Values that follow from the configuration and the facts of the data set, by kind of model.

A key left at `null` means "as the rest implies". `derive` and the options work out its value once; the configuration
itself stays as it was written, and the record names both.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeVar

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


def or_default(value: T | None, default: T) -> T:
    return default if value is None else value
