"""Applies to every image its own operations, the images of one operation together.

B images (B, C, H, W) in uint8; K operations in a row for each, numbers and strengths (B, K) as in policies.py.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor

from lkca_exp.augment import colour
from lkca_exp.augment.geometry import transform, translate
from lkca_exp.augment.pieces import in_pieces
from lkca_exp.augment.policies import OPERATIONS

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

Change = Callable[[Tensor, Tensor, Tensor, int], Tensor]
"""Overwrites images, all of one group, by their operations (B,) and strengths (B,), with the grey level of outside."""


def _recolour(name: str) -> Change:
    return lambda images, _, strengths, fill: in_pieces(COLOURS[name], images, strengths.to(images.device))


GROUPS: dict[tuple[str, ...], Change] = {
    ("Identity",): lambda images, operations, strengths, fill: images,
    ("ShearX", "ShearY", "Rotate"): transform,
    ("TranslateX",): lambda images, _, strengths, fill: translate(images, strengths, fill, axis=3),
    ("TranslateY",): lambda images, _, strengths, fill: translate(images, strengths, fill, axis=2),
    **{(name,): _recolour(name) for name in COLOURS},
}
"""Operations whose images are changed together."""

GROUP_OF = torch.tensor([next(i for i, names in enumerate(GROUPS) if name in names) for name in OPERATIONS])
"""The group of each operation, by its number."""


def apply_operations(images: Tensor, operations: Tensor, strengths: Tensor, fill: int = 0) -> Tensor:
    """`images` after their operations, the first column first. `operations` and `strengths` lie on the CPU, so that
    forming the groups waits for no device."""
    origins = torch.arange(len(images))
    for number, strength in zip(operations.unbind(1), strengths.unbind(1), strict=True):
        # Sorted by group, the images of one lie together and are changed in place, without further copies.
        order = GROUP_OF[number[origins]].argsort(stable=True)
        origins = origins[order]
        images = images.index_select(0, order.to(images.device))
        _apply_sorted(images, number[origins], strength[origins], fill)
    return images.index_select(0, origins.argsort().to(images.device))


def _apply_sorted(images: Tensor, operations: Tensor, strengths: Tensor, fill: int) -> None:
    """Overwrite `images` with what the operation of each makes of it; `operations` (B,) are in the order of GROUPS."""
    bounds = [0, *torch.bincount(GROUP_OF[operations], minlength=len(GROUPS)).cumsum(0).tolist()]
    for change, (start, stop) in zip(GROUPS.values(), pairwise(bounds), strict=True):
        if stop > start:
            change(images[start:stop], operations[start:stop], strengths[start:stop], fill)
