"""The order of the augmentations, and what every image goes through at the end: scaling to mean 0 and deviation 1."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from lkca_exp.augment.crop import random_crop
from lkca_exp.augment.mirror import random_mirror


@dataclass(frozen=True)
class Augmentation:
    """What is done to a training batch of uint8 images (B, C, H, W), with parameters drawn per image."""

    crop_padding_px: int
    mirror: bool

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        images = random_crop(images, self.crop_padding_px, generator)
        return random_mirror(images, generator) if self.mirror else images


def normalise(images: Tensor, mean: Sequence[float], std: Sequence[float]) -> Tensor:
    """uint8 images (B, C, H, W) as float32, less `mean` and over `std`, which are per channel on a scale of 0 to 1."""
    scale = torch.tensor([1 / (255 * s) for s in std], device=images.device).view(-1, 1, 1)
    shift = torch.tensor([-m / s for m, s in zip(mean, std, strict=True)], device=images.device).view(-1, 1, 1)
    return torch.addcmul(shift, images.float(), scale)
