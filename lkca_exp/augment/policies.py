"""The operations of the learned and random policies, how strong they can be, and AutoAugment's tables.

Papers: AutoAugment (Cubuk et al. 2019, arXiv 1805.09501), RandAugment (Cubuk et al. 2020, arXiv 1909.13719),
TrivialAugment (Müller and Hutter 2021, arXiv 2103.10158). Operations, strengths and tables are torchvision's
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

SubPolicy = tuple[tuple[str, float, int | None], tuple[str, float, int | None]]
"""Two operations in a row: name, probability, level."""


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


AUTO_AUGMENT: dict[str, tuple[SubPolicy, ...]] = {
    "cifar10": (
        (("Invert", 0.1, None), ("Contrast", 0.2, 6)),
        (("Rotate", 0.7, 2), ("TranslateX", 0.3, 9)),
        (("Sharpness", 0.8, 1), ("Sharpness", 0.9, 3)),
        (("ShearY", 0.5, 8), ("TranslateY", 0.7, 9)),
        (("AutoContrast", 0.5, None), ("Equalize", 0.9, None)),
        (("ShearY", 0.2, 7), ("Posterize", 0.3, 7)),
        (("Color", 0.4, 3), ("Brightness", 0.6, 7)),
        (("Sharpness", 0.3, 9), ("Brightness", 0.7, 9)),
        (("Equalize", 0.6, None), ("Equalize", 0.5, None)),
        (("Contrast", 0.6, 7), ("Sharpness", 0.6, 5)),
        (("Color", 0.7, 7), ("TranslateX", 0.5, 8)),
        (("Equalize", 0.3, None), ("AutoContrast", 0.4, None)),
        (("TranslateY", 0.4, 3), ("Sharpness", 0.2, 6)),
        (("Brightness", 0.9, 6), ("Color", 0.2, 8)),
        (("Solarize", 0.5, 2), ("Invert", 0.0, None)),
        (("Equalize", 0.2, None), ("AutoContrast", 0.6, None)),
        (("Equalize", 0.2, None), ("Equalize", 0.6, None)),
        (("Color", 0.9, 9), ("Equalize", 0.6, None)),
        (("AutoContrast", 0.8, None), ("Solarize", 0.2, 8)),
        (("Brightness", 0.1, 3), ("Color", 0.7, 0)),
        (("Solarize", 0.4, 5), ("AutoContrast", 0.9, None)),
        (("TranslateY", 0.9, 9), ("TranslateY", 0.7, 9)),
        (("AutoContrast", 0.9, None), ("Solarize", 0.8, 3)),
        (("Equalize", 0.8, None), ("Invert", 0.1, None)),
        (("TranslateY", 0.7, 9), ("AutoContrast", 0.9, None)),
    ),
    "svhn": (
        (("ShearX", 0.9, 4), ("Invert", 0.2, None)),
        (("ShearY", 0.9, 8), ("Invert", 0.7, None)),
        (("Equalize", 0.6, None), ("Solarize", 0.6, 6)),
        (("Invert", 0.9, None), ("Equalize", 0.6, None)),
        (("Equalize", 0.6, None), ("Rotate", 0.9, 3)),
        (("ShearX", 0.9, 4), ("AutoContrast", 0.8, None)),
        (("ShearY", 0.9, 8), ("Invert", 0.4, None)),
        (("ShearY", 0.9, 5), ("Solarize", 0.2, 6)),
        (("Invert", 0.9, None), ("AutoContrast", 0.8, None)),
        (("Equalize", 0.6, None), ("Rotate", 0.9, 3)),
        (("ShearX", 0.9, 4), ("Solarize", 0.3, 3)),
        (("ShearY", 0.8, 8), ("Invert", 0.7, None)),
        (("Equalize", 0.9, None), ("TranslateY", 0.6, 6)),
        (("Invert", 0.9, None), ("Equalize", 0.6, None)),
        (("Contrast", 0.3, 3), ("Rotate", 0.8, 4)),
        (("Invert", 0.8, None), ("TranslateY", 0.0, 2)),
        (("ShearY", 0.7, 6), ("Solarize", 0.4, 8)),
        (("Invert", 0.6, None), ("Rotate", 0.8, 4)),
        (("ShearY", 0.3, 7), ("TranslateX", 0.9, 3)),
        (("ShearX", 0.1, 6), ("Invert", 0.6, None)),
        (("Solarize", 0.7, 2), ("TranslateY", 0.6, 7)),
        (("ShearY", 0.8, 4), ("Invert", 0.8, None)),
        (("ShearX", 0.7, 9), ("TranslateY", 0.8, 3)),
        (("ShearY", 0.8, 5), ("AutoContrast", 0.7, None)),
        (("ShearX", 0.7, 2), ("Invert", 0.1, None)),
    ),
    "imagenet": (
        (("Posterize", 0.4, 8), ("Rotate", 0.6, 9)),
        (("Solarize", 0.6, 5), ("AutoContrast", 0.6, None)),
        (("Equalize", 0.8, None), ("Equalize", 0.6, None)),
        (("Posterize", 0.6, 7), ("Posterize", 0.6, 6)),
        (("Equalize", 0.4, None), ("Solarize", 0.2, 4)),
        (("Equalize", 0.4, None), ("Rotate", 0.8, 8)),
        (("Solarize", 0.6, 3), ("Equalize", 0.6, None)),
        (("Posterize", 0.8, 5), ("Equalize", 1.0, None)),
        (("Rotate", 0.2, 3), ("Solarize", 0.6, 8)),
        (("Equalize", 0.6, None), ("Posterize", 0.4, 6)),
        (("Rotate", 0.8, 8), ("Color", 0.4, 0)),
        (("Rotate", 0.4, 9), ("Equalize", 0.6, None)),
        (("Equalize", 0.0, None), ("Equalize", 0.8, None)),
        (("Invert", 0.6, None), ("Equalize", 1.0, None)),
        (("Color", 0.6, 4), ("Contrast", 1.0, 8)),
        (("Rotate", 0.8, 8), ("Color", 1.0, 2)),
        (("Color", 0.8, 8), ("Solarize", 0.8, 7)),
        (("Sharpness", 0.4, 7), ("Invert", 0.6, None)),
        (("ShearX", 0.6, 5), ("Equalize", 1.0, None)),
        (("Color", 0.4, 0), ("Equalize", 0.6, None)),
        (("Equalize", 0.4, None), ("Solarize", 0.2, 4)),
        (("Solarize", 0.6, 5), ("AutoContrast", 0.6, None)),
        (("Invert", 0.6, None), ("Equalize", 1.0, None)),
        (("Color", 0.6, 4), ("Contrast", 1.0, 8)),
        (("Equalize", 0.8, None), ("Equalize", 0.6, None)),
    ),
}
"""The 25 sub-policies that were learned on each data set."""
