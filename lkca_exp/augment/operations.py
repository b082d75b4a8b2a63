"""Applies to every image its own operations, the images of one operation together.

B images (B, C, H, W) in uint8; K operations in a row for each, numbers and strengths (B, K) as in policies.py.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor

from lkca_exp.augment import colour, geometry, pil_colour, pil_geometry
from lkca_exp.augment.pieces import in_pieces
from lkca_exp.augment.policies import OPERATIONS

Recolour = Callable[[Tensor, Tensor], Tensor]
"""From images and their strengths (B,) to new images; may write into the old ones."""

COLOURS: dict[str, Recolour] = {
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

PIL_COLOURS: dict[str, Recolour] = COLOURS | {
    "Color": lambda images, strengths: pil_colour.color(images, 1 + strengths),
    "Contrast": lambda images, strengths: pil_colour.contrast(images, 1 + strengths),
    "Sharpness": lambda images, strengths: pil_colour.sharpness(images, 1 + strengths),
    "Solarize": pil_colour.solarize,
    "AutoContrast": lambda images, _: pil_colour.autocontrast(images),
}

Change = Callable[[Tensor, Tensor, Tensor, int], Tensor]
"""Overwrites images, all of one group, by their operations (B,) and strengths (B,), with the grey level of outside."""

MOVES: dict[tuple[str, ...], Change] = {
    ("ShearX", "ShearY", "Rotate"): geometry.transform,
    ("TranslateX",): lambda images, _, strengths, fill: geometry.translate(images, strengths, fill, axis=3),
    ("TranslateY",): lambda images, _, strengths, fill: geometry.translate(images, strengths, fill, axis=2),
}

PIL_MOVES: dict[tuple[str, ...], Change] = {
    ("ShearX",): lambda images, _, strengths, fill: pil_geometry.shear(images, strengths, fill, axis=3),
    ("ShearY",): lambda images, _, strengths, fill: pil_geometry.shear(images, strengths, fill, axis=2),
    ("Rotate",): lambda images, _, strengths, fill: pil_geometry.rotate(images, strengths, fill),
    ("TranslateX",): lambda images, _, strengths, fill: pil_geometry.translate(images, strengths, fill, axis=3),
    ("TranslateY",): lambda images, _, strengths, fill: pil_geometry.translate(images, strengths, fill, axis=2),
}


class Groups(NamedTuple):
    """Operations whose images are changed together: how, and the group of each operation, by its number."""

    changes: tuple[Change, ...]
    group_of: Tensor


def _groups(moves: dict[tuple[str, ...], Change], colours: dict[str, Recolour]) -> Groups:
    changes: dict[tuple[str, ...], Change] = {
        ("Identity",): lambda images, operations, strengths, fill: images,
        **moves,
        **{(name,): _recolour(colours[name]) for name in colours},
    }
    group_of = torch.tensor([next(i for i, names in enumerate(changes) if name in names) for name in OPERATIONS])
    return Groups(tuple(changes.values()), group_of)


def _recolour(change: Recolour) -> Change:
    return lambda images, _, strengths, fill: in_pieces(change, images, strengths.to(images.device))


GROUPS = {"torchvision": _groups(MOVES, COLOURS), "pil": _groups(PIL_MOVES, PIL_COLOURS)}
"""For each choice of `augment.policy_pixels`."""


def apply_operations(
    images: Tensor, operations: Tensor, strengths: Tensor, fill: int = 0, pixels: str = "torchvision"
) -> Tensor:
    """`images` after their operations, the first column first. `operations` and `strengths`, in the units of `pixels`,
    lie on the CPU, so that forming the groups waits for no device."""
    groups, origins = GROUPS[pixels], torch.arange(len(images))
    for number, strength in zip(operations.unbind(1), strengths.unbind(1), strict=True):
        # Sorted by group, the images of one lie together and are changed in place, without further copies.
        order = groups.group_of[number[origins]].argsort(stable=True)
        origins = origins[order]
        images = images.index_select(0, order.to(images.device))
        _apply_sorted(images, number[origins], strength[origins], fill, groups)
    return images.index_select(0, origins.argsort().to(images.device))


def _apply_sorted(images: Tensor, operations: Tensor, strengths: Tensor, fill: int, groups: Groups) -> None:
    """Overwrite `images` with what the operation of each makes of it; `operations` (B,) are sorted by group."""
    counts = torch.bincount(groups.group_of[operations], minlength=len(groups.changes))
    bounds = [0, *counts.cumsum(0).tolist()]
    for change, (start, stop) in zip(groups.changes, pairwise(bounds), strict=True):
        if stop > start:
            change(images[start:stop], operations[start:stop], strengths[start:stop], fill)
