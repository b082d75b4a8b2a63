"""The order of the augmentations.

On uint8 pixels: crop and mirror, then the operations of a policy. On normalised values: erasing, cutout, mixing. The
parameters are drawn for one batch at a time, on the CPU, so that every device sees the same ones; the pixels of several
batches are changed together, which is faster and changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from lkca_exp.augment.boxes import Boxes
from lkca_exp.augment.crop_mirror import Crop, crop, draw_crop, draw_mirror, mirror
from lkca_exp.augment.erasing import Erasing, blank, draw_cutout, draw_fill
from lkca_exp.augment.mixing import Mix, Mixing, mix
from lkca_exp.augment.operations import apply_operations

Policy = Callable[[int, tuple[int, int], torch.Generator], tuple[Tensor, Tensor]]
"""Draws operations: numbers and strengths (B, K) for so many images of a size (H, W)."""


@dataclass(frozen=True)
class Draws:
    """What happens to one batch of B images; None for what is switched off."""

    corners: Crop | None
    mirrored: Tensor | None
    operations: tuple[Tensor, Tensor] | None
    erased: tuple[Boxes, Tensor] | None
    cut_out: Boxes | None
    mix: Mix | None


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
            erased = boxes, draw_fill(self.erasing.fill, boxes, self.mean, shape, generator)
        cut_out = draw_cutout(count, self.cutout_px, size, generator) if self.cutout_px else None
        mix = self.mixing.draw(count, size, generator) if self.mixing else None
        return Draws(corners, mirrored, operations, erased, cut_out, mix)

    def on_pixels(self, images: Tensor, draws: Sequence[Draws]) -> Tensor:
        """Change uint8 images (N B, C, H, W), which are N batches one after the other and may be overwritten."""
        device = images.device
        if self.crop_padding_px:
            rows, columns = (torch.cat(parts).to(device) for parts in zip(*of(draws, "corners"), strict=True))
            images = crop(images, (self.crop_padding_px,) * 2, Crop(rows, columns))
        if self.mirror:
            images = mirror(images, torch.cat(of(draws, "mirrored")))
        if self.policy:
            numbers, strengths = (torch.cat(parts) for parts in zip(*of(draws, "operations"), strict=True))
            images = apply_operations(images, numbers, strengths, self.policy_fill, self.policy_pixels)
        return images

    def on_values(self, images: Tensor, labels: Tensor, draws: Draws) -> tuple[Tensor, Tensor]:
        """Change one batch of normalised images (B, C, H, W), which is overwritten; targets are labels (B,) as they
        came or, where mixing is on, (B, classes)."""
        if draws.erased:
            images = blank(images, *draws.erased)
        if draws.cut_out:
            images = blank(images, draws.cut_out, torch.zeros(1))
        return mix(images, labels, draws.mix, self.num_classes) if self.mixing else (images, labels)


def of(draws: Sequence[Draws], name: str) -> list[Any]:
    """One kind of parameter of every batch."""
    return [getattr(each, name) for each in draws]
