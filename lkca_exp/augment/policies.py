"""The operations of the learned and random policies, and how strong they can be.

Papers: AutoAugment (Cubuk et al. 2019, arXiv 1805.09501), RandAugment (Cubuk et al. 2020, arXiv 1909.13719),
TrivialAugment (Müller and Hutter 2021, arXiv 2103.10158). Operations and strengths are torchvision's
(torchvision.transforms.v2), which the tests compare. With `pixels="pil"`, the strengths of AutoAugment are those of Li
et al. 2024 (arXiv 2401.05738; CatworldLee/LKCA-MiniViTsTrainer-Pytorch-CIFAR-TinyImageNet, utils/autoaug.py): the same
ranges in double precision, and thresholds of solarisation from 256 to 0. They use neither RandAugment nor
TrivialAugment, which take the same ranges and keep torchvision's levels and signs.
"""

from __future__ import annotations

import functools

import numpy as np
import torch
from torch import Tensor

OPERATIONS = (
    "Identity",
    "ShearX",
    "ShearY",
    "TranslateX",
    "TranslateY",
    "Rotate",
    "Brightness",
    "Color",
    "Contrast",
    "Sharpness",
    "Posterize",
    "Solarize",
    "AutoContrast",
    "Equalize",
    "Invert",
)
"""An operation's number is its place here. RandAugment and TrivialAugment draw from all but the last."""

ID = {name: number for number, name in enumerate(OPERATIONS)}
NUM_RANDOM_OPERATIONS = ID["Invert"]
SIGNED = torch.tensor([ID["ShearX"] <= number <= ID["Sharpness"] for number in range(len(OPERATIONS))])
"""Operations whose strength is as often negative."""

SIGNED_BUT_ROTATIONS = SIGNED & (torch.arange(len(OPERATIONS)) != ID["Rotate"])
"""The same for the AutoAugment of Li et al., whose rotations are all counterclockwise."""

NUM_LEVELS = 31
"""Levels of strength, from 0, of RandAugment and TrivialAugment; AutoAugment has 10."""


@functools.cache
def magnitudes(num_levels: int, size: tuple[int, int], *, wide: bool = False, pixels: str = "torchvision") -> Tensor:
    """Strengths (operation, level) in the operation's own unit, for images of `size` (H, W): tangent of the angle for a
    shear, pixels, degrees, a factor's distance from 1, bits that are kept, the threshold of solarisation (a grey level
    where `pixels` are PIL's, a share of the largest value where they are torchvision's).

    `wide`: the ranges of TrivialAugment Wide, which do not depend on the size.
    """
    pil = pixels == "pil"

    def between(first: float, last: float) -> Tensor:
        if pil:
            return torch.from_numpy(np.linspace(first, last, num_levels))
        return torch.linspace(first, last, num_levels)

    def up_to(most: float) -> Tensor:
        return between(0.0, most)

    height, width = size
    shift_x, shift_y = (32.0, 32.0) if wide else (150 / 331 * width, 150 / 331 * height)
    strengths = {
        **dict.fromkeys(("ShearX", "ShearY"), up_to(0.99 if wide else 0.3)),
        "TranslateX": up_to(shift_x),
        "TranslateY": up_to(shift_y),
        "Rotate": up_to(135.0 if wide else 30.0),
        **dict.fromkeys(("Brightness", "Color", "Contrast", "Sharpness"), up_to(0.99 if wide else 0.9)),
        "Posterize": (8 - torch.arange(num_levels) / ((num_levels - 1) / (6 if wide else 4))).round(),
        "Solarize": between(256.0 if pil else 1.0, 0.0),
    }
    none = torch.zeros(num_levels)
    return torch.stack([strengths.get(name, none).double() for name in OPERATIONS])


def with_random_sign(
    operations: Tensor, strengths: Tensor, generator: torch.Generator, signed: Tensor = SIGNED
) -> Tensor:
    """Turn half of the `strengths` negative where the operation, of the same shape, is `signed` (operation,)."""
    negative = torch.rand(strengths.shape, generator=generator) <= 0.5
    return torch.where(negative & signed[operations], -strengths, strengths)
