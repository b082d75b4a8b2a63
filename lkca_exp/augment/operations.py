"""Applies to every image its own operations, the images of one operation together.

B images (B, C, H, W) in uint8; K operations in a row for each, numbers and strengths (B, K) as in policies.py.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from lkca_exp.augment import colour
from lkca_exp.augment.geometry import GEOMETRIC, transform
from lkca_exp.augment.pieces import in_pieces
from lkca_exp.augment.policies import ID, OPERATIONS

COLOURS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "Brightness": lambda images, strengths: colour.brightness(images, 1 + strengths),
    "Color": lambda images, strengths: colour.color(images, 1 + strengths),
    "Contrast": lambda images, strengths: colour.contrast(images, 1 + strengths),
    "Sharpness": lambda images, strengths: colour.sharpness(images, 1 + strengths),
    "Posterize": lambda images, strengths: colour.posterize(images, strengths.trunc()),
    "Solarize": colour.solarize,
    "AutoContrast": lambda images, _: colour.autocontrast(images),
    "Equalize": lambda images, _: colour.equalize(images),
    "Invert": lambda images, _: images.bitwise_not(),
}


def apply_operations(images: Tensor, operations: Tensor, strengths: Tensor, fill: int = 0) -> Tensor:
    """`images` after their operations, the first column first. `operations` and `strengths` lie on the CPU, so that
    forming the groups waits for no device."""
    origins = torch.arange(len(images))
    for number, strength in zip(operations.unbind(1), strengths.unbind(1), strict=True):
        # Sorted by operation, the images of one lie together and are changed in place, without further copies.
        order = number[origins].argsort(stable=True)
        origins = origins[order]
        images = images.index_select(0, order.to(images.device))
        _apply_sorted(images, number[origins], strength[origins], fill)
    return images.index_select(0, origins.argsort().to(images.device))


def _apply_sorted(images: Tensor, operations: Tensor, strengths: Tensor, fill: int) -> None:
    """Overwrite `images` with what the operation of each makes of it; `operations` (B,) are in ascending order."""
    bounds = [0, *torch.bincount(operations, minlength=len(OPERATIONS)).cumsum(0).tolist()]
    moved = slice(bounds[GEOMETRIC.start], bounds[GEOMETRIC.stop])
    if moved.stop > moved.start:
        transform(images[moved], operations[moved], strengths[moved], fill)
    for name, change in COLOURS.items():
        group = slice(bounds[ID[name]], bounds[ID[name] + 1])
        if group.stop > group.start:
            in_pieces(change, images[group], strengths[group].to(images.device))
