"""Applies to every image its own operations, the images of one operation together.

B images (B, C, H, W) in uint8; K operations in a row for each, numbers and strengths (B, K) as in policies.py.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any, NamedTuple

import torch
from torch import Tensor

from lkca_exp.augment import colour, geometry, pil_colour, pil_geometry
from lkca_exp.augment.pieces import in_pieces
from lkca_exp.augment.policies import OPERATIONS
from lkca_exp.augment.transfer import to_device

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


class Change(NamedTuple):
    """How the images of a group are changed. `plan` makes of their operations (B,) and strengths (B,), on the CPU, and
    the size (H, W) of the images what `apply` takes, wherever the images are; that overwrites them, with a grey level
    from outside."""

    plan: Callable[[Tensor, Tensor, tuple[int, int]], Any]
    apply: Callable[[Tensor, Any, int], Any]


class Groups(NamedTuple):
    """Operations whose images are changed together: how, and the group of each operation, by its number."""

    changes: tuple[Change, ...]
    group_of: Tensor


class Group(NamedTuple):
    """The images from `start` to before `stop` are changed by `GROUPS[...].changes[number]` with its `plan`."""

    number: int
    start: int
    stop: int
    plan: Any


class Column(NamedTuple):
    """One operation of every image: `order` (B,) sorts them by group."""

    order: Tensor
    groups: list[Group]


class Plan(NamedTuple):
    """All operations of a batch, one after the other; `order` (B,) is the way back to the images' own order."""

    columns: list[Column]
    order: Tensor


def _along(plan: Callable[..., Any], apply: Callable[..., Any], axis: int) -> Change:
    """A change in the direction of an axis, by strengths alone."""
    return Change(
        lambda _, strengths, size: plan(strengths, size, axis),
        lambda images, plan, fill: apply(images, plan, fill, axis),
    )


def _of_strengths(apply: Callable[[Tensor, Tensor, int], Any]) -> Change:
    """A change that takes the strengths as they are."""
    return Change(lambda operations, strengths, size: strengths, apply)


def _recolour(change: Recolour) -> Change:
    return _of_strengths(lambda images, strengths, _: in_pieces(change, images, strengths))


MOVES: dict[tuple[str, ...], Change] = {
    ("ShearX", "ShearY", "Rotate"): Change(geometry.plan_transform, geometry.transform),
    ("TranslateX",): _along(geometry.plan_translation, geometry.shift, axis=3),
    ("TranslateY",): _along(geometry.plan_translation, geometry.shift, axis=2),
}

PIL_MOVES: dict[tuple[str, ...], Change] = {
    ("ShearX",): _along(pil_geometry.plan_shear, pil_geometry.shear, axis=3),
    ("ShearY",): _along(pil_geometry.plan_shear, pil_geometry.shear, axis=2),
    ("Rotate",): _of_strengths(pil_geometry.rotate),
    ("TranslateX",): _along(pil_geometry.plan_translation, geometry.shift, axis=3),
    ("TranslateY",): _along(pil_geometry.plan_translation, geometry.shift, axis=2),
}


def _groups(moves: dict[tuple[str, ...], Change], colours: dict[str, Recolour]) -> Groups:
    changes: dict[tuple[str, ...], Change] = {
        ("Identity",): Change(lambda operations, strengths, size: None, lambda images, plan, fill: images),
        **moves,
        **{(name,): _recolour(colours[name]) for name in colours},
    }
    group_of = torch.tensor([next(i for i, names in enumerate(changes) if name in names) for name in OPERATIONS])
    return Groups(tuple(changes.values()), group_of)


GROUPS = {"torchvision": _groups(MOVES, COLOURS), "pil": _groups(PIL_MOVES, PIL_COLOURS)}
"""For each choice of `augment.policy_pixels`."""


def plan_operations(operations: Tensor, strengths: Tensor, size: tuple[int, int], pixels: str) -> Plan:
    """What `operations` and `strengths` (B, K), in the units of `pixels` and on the CPU, mean for images of `size`
    (H, W): all that has to be counted or looked up, so that nothing waits for the device that has the images."""
    groups, origins, columns = GROUPS[pixels], torch.arange(len(operations)), []
    for number, strength in zip(operations.unbind(1), strengths.unbind(1), strict=True):
        # Sorted by group, the images of one lie together and are changed in place, without further copies.
        order = groups.group_of[number[origins]].argsort(stable=True)
        origins = origins[order]
        columns.append(Column(order, _plan_sorted(number[origins], strength[origins], size, groups)))
    return Plan(columns, origins.argsort())


def _plan_sorted(operations: Tensor, strengths: Tensor, size: tuple[int, int], groups: Groups) -> list[Group]:
    """The groups of `operations` (B,), which are sorted by group."""
    counts = torch.bincount(groups.group_of[operations], minlength=len(groups.changes))
    bounds = [0, *counts.cumsum(0).tolist()]
    return [
        Group(number, start, stop, change.plan(operations[start:stop], strengths[start:stop], size))
        for number, (change, (start, stop)) in enumerate(zip(groups.changes, pairwise(bounds), strict=True))
        if stop > start
    ]


def apply_plan(images: Tensor, plan: Plan, fill: int, pixels: str) -> Tensor:
    """`images` (B, C, H, W) after their operations. The tensors of `plan` are where the images are."""
    for order, groups in plan.columns:
        images = images.index_select(0, order)
        for number, start, stop, how in groups:
            GROUPS[pixels].changes[number].apply(images[start:stop], how, fill)
    return images.index_select(0, plan.order)


def apply_operations(
    images: Tensor, operations: Tensor, strengths: Tensor, fill: int = 0, pixels: str = "torchvision"
) -> Tensor:
    """`images` after their operations, the first column first, as `plan_operations` says."""
    plan = plan_operations(operations, strengths, (images.shape[2], images.shape[3]), pixels)
    return apply_plan(images, to_device(plan, images.device), fill, pixels)
