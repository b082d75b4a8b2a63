"""The order of the augmentations.

On uint8 pixels: crop and mirror, then the operations of a policy. On normalised values: erasing, cutout, mixing. The
parameters are drawn for one batch at a time, on the CPU, so that every device sees the same ones; the pixels of several
batches are changed together, which is faster and changes nothing. What can be worked out without the pixels is planned
on the CPU too, so that a plan goes to the device in one piece (`to_device`), and nothing comes back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from lkca_exp.augment.crop_mirror import Crop, crop, draw_crop, draw_mirror, mirror
from lkca_exp.augment.erasing import Blank, Erasing, blank, draw_cutout, draw_fill
from lkca_exp.augment.mixing import Mix, Mixing, mix
from lkca_exp.augment.operations import Plan, apply_plan, plan_operations

Policy = Callable[[int, tuple[int, int], torch.Generator], tuple[Tensor, Tensor]]
"""Draws operations: numbers and strengths (B, K) for so many images of a size (H, W)."""


class Draws(NamedTuple):
    """What happens to one batch of B images; None for what is switched off."""

    corners: Crop | None
    mirrored: Tensor | None
    operations: tuple[Tensor, Tensor] | None
    erased: Blank | None
    cut_out: Blank | None
    mix: Mix | None

    def of(self, images: Tensor, count: int) -> tuple[Tensor, Draws]:
        """The same of those `images` of a batch of `count`. Where the batch is mixed, their partners follow on them:
        which images these are, and what happens to them."""
        mix = None
        if self.mix is not None:
            mix = self.mix.of(images)
            images = torch.cat([images, self.mix.partners[images]])
        return images, Draws(
            Crop(*(side[images] for side in self.corners)) if self.corners else None,
            None if self.mirrored is None else self.mirrored[images],
            (self.operations[0][images], self.operations[1][images]) if self.operations else None,
            self.erased.of(images, count) if self.erased else None,
            self.cut_out.of(images, count) if self.cut_out else None,
            mix,
        )


class Pixels(NamedTuple):
    """What happens to the pixels of several batches; `mirrored` (M,) are the images that are."""

    corners: Crop | None
    mirrored: Tensor | None
    operations: Plan | None


class Plans(NamedTuple):
    """For several batches together, and of each what happens to its values."""

    pixels: Pixels
    values: list[Draws]


@dataclass(frozen=True)
class Augmentation:
    """What is done to training batches, with parameters drawn per image.

    `mean` is the data set's, per channel; `policy_fill` the grey level that moves in from outside. `policy_pixels`,
    "torchvision" or "pil", says whose pixels the operations have; `policy` draws strengths in the units of the same.
    Every image comes `repeats` times in a row, and `passes_per_epoch` times in an epoch (see lkca_exp.batches.order).
    """

    crop_padding_px: int = 0
    mirror: bool = False
    policy: Policy | None = None
    policy_fill: int = 0
    policy_pixels: str = "torchvision"
    erasing: Erasing | None = None
    cutout_px: int = 0
    mixing: Mixing | None = None
    mean: tuple[float, ...] = ()
    num_classes: int = 0
    repeats: int = 1
    passes_per_epoch: int = 1

    def draw(self, count: int, shape: tuple[int, int, int], generator: torch.Generator) -> Draws:
        """The parameters for a batch of `count` images of `shape` (C, H, W)."""
        size, erased = shape[1:], None
        corners = draw_crop(count, self.crop_padding_px, generator) if self.crop_padding_px else None
        mirrored = draw_mirror(count, generator) if self.mirror else None
        operations = self.policy(count, size, generator) if self.policy else None
        if self.erasing:
            boxes = self.erasing.draw(count, size, generator)
            erased = Blank.into(boxes, draw_fill(self.erasing.fill, boxes, self.mean, shape, generator))
        cut_out = None
        if self.cutout_px:
            cut_out = Blank.into(draw_cutout(count, self.cutout_px, size, generator), torch.zeros(1))
        mix = self.mixing.draw(count, size, generator) if self.mixing else None
        return Draws(corners, mirrored, operations, erased, cut_out, mix)

    def plan(self, draws: Sequence[Draws], size: tuple[int, int]) -> Plans:
        """What `draws` mean for batches of images of `size` (H, W), one after the other."""
        corners = mirrored = operations = None
        if self.crop_padding_px:
            corners = Crop(*_joined(draws, "corners"))
        if self.mirror:
            mirrored = torch.cat([each.mirrored for each in draws]).nonzero()[:, 0]  # type: ignore[misc]
        if self.policy:
            numbers, strengths = _joined(draws, "operations")
            operations = plan_operations(numbers, strengths, size, self.policy_pixels)
        values = [each._replace(corners=None, mirrored=None, operations=None) for each in draws]
        return Plans(Pixels(corners, mirrored, operations), values)

    def on_pixels(self, images: Tensor, pixels: Pixels) -> Tensor:
        """Change uint8 images (N B, C, H, W), which are N batches one after the other and may be overwritten."""
        if pixels.corners:
            images = crop(images, (self.crop_padding_px,) * 2, pixels.corners)
        if pixels.mirrored is not None:
            images = mirror(images, pixels.mirrored)
        if pixels.operations:
            images = apply_plan(images, pixels.operations, self.policy_fill, self.policy_pixels)
        return images

    def on_values(self, images: Tensor, labels: Tensor, draws: Draws) -> tuple[Tensor, Tensor]:
        """Change one batch of normalised images (B, C, H, W), which is overwritten; targets are labels (B,) as they
        came or, where mixing is on, (B, classes)."""
        if draws.erased:
            images = blank(images, draws.erased)
        if draws.cut_out:
            images = blank(images, draws.cut_out)
        return mix(images, labels, draws.mix, self.num_classes) if self.mixing else (images, labels)


def _joined(draws: Sequence[Draws], name: str) -> Iterator[Tensor]:
    """The parts of one kind of parameter, of all batches together."""
    return (torch.cat(parts) for parts in zip(*(getattr(each, name) for each in draws), strict=True))
