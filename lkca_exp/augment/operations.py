"""Applies to every image its own operations, the images of one operation together.

B images (B, C, H, W) in uint8; K operations in a row for each, numbers and strengths (B, K) as in policies.py.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

from torch import Tensor

from lkca_exp.augment import colour
from lkca_exp.augment.geometry import GEOMETRIC, transform
from lkca_exp.augment.policies import ID

COLOURS: dict[str, Callable[..., Tensor]] = {
    "Brightness": lambda images, strengths: colour.brightness(images, 1 + strengths),
    "Color": lambda images, strengths: colour.color(images, 1 + strengths),
    "Contrast": lambda images, strengths: colour.contrast(images, 1 + strengths),
    "Sharpness": lambda images, strengths: colour.sharpness(images, 1 + strengths),
    "Posterize": lambda images, strengths: colour.posterize(images, strengths.trunc()),
    "Solarize": lambda images, strengths: colour.solarize(images, strengths),
    "AutoContrast": lambda images, strengths: colour.autocontrast(images),
    "Equalize": lambda images, strengths: colour.equalize(images),
    "Invert": lambda images, strengths: images.bitwise_not(),
}


def apply_operations(images: Tensor, operations: Tensor, strengths: Tensor, fill: int = 0) -> Tensor:
    """`images` after their operations, the first column first. `operations` and `strengths` lie on the CPU, so that
    forming the groups waits for no device."""
    images = images.clone()
    for number, strength in zip(operations.unbind(1), strengths.unbind(1), strict=True):
        _apply_one_each(images, number, strength, fill)
    return images


def _apply_one_each(images: Tensor, operations: Tensor, strengths: Tensor, fill: int) -> None:
    """Overwrite `images` with what the operation of each (B,) makes of it."""
    moved = ((operations >= GEOMETRIC.start) & (operations < GEOMETRIC.stop)).nonzero()[:, 0]
    _change(images, moved, lambda part: transform(part, operations[moved], strengths[moved], fill))
    for name, function in COLOURS.items():
        places = (operations == ID[name]).nonzero()[:, 0]
        strength = strengths[places].to(images.device)
        _change(images, places, functools.partial(function, strengths=strength))


def _change(images: Tensor, places: Tensor, function: Callable[[Tensor], Tensor]) -> None:
    if len(places):
        here = places.to(images.device)
        images.index_copy_(0, here, function(images.index_select(0, here)))
