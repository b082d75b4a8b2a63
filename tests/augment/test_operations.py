"""Every operation at every strength gives the pixels of torchvision's function for one image."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torchvision.transforms.v2 import functional as F

from lkca_exp.augment.operations import apply_operations
from lkca_exp.augment.policies import ID, OPERATIONS, SIGNED, magnitudes
from tests.augment.conftest import pictures

SHAPES = [(3, 32), (3, 64), (1, 28)]


def reference(image: Tensor, name: str, strength: float, fill: list[float] | None = None) -> Tensor:
    """What torchvision's AutoAugment does to one image, written out again."""
    still = {"angle": 0.0, "translate": [0, 0], "scale": 1.0, "shear": [0.0, 0.0], "fill": fill}
    angle = math.degrees(math.atan(strength))
    return {
        "Identity": lambda: image,
        "ShearX": lambda: F.affine(image, **still | {"shear": [angle, 0.0], "center": [0, 0]}),
        "ShearY": lambda: F.affine(image, **still | {"shear": [0.0, angle], "center": [0, 0]}),
        "TranslateX": lambda: F.affine(image, **still | {"translate": [int(strength), 0]}),
        "TranslateY": lambda: F.affine(image, **still | {"translate": [0, int(strength)]}),
        "Rotate": lambda: F.rotate(image, strength, fill=fill),
        "Brightness": lambda: F.adjust_brightness(image, 1.0 + strength),
        "Color": lambda: F.adjust_saturation(image, 1.0 + strength),
        "Contrast": lambda: F.adjust_contrast(image, 1.0 + strength),
        "Sharpness": lambda: F.adjust_sharpness(image, 1.0 + strength),
        "Posterize": lambda: F.posterize(image, int(strength)),
        "Solarize": lambda: F.solarize(image, 255.0 * strength),
        "AutoContrast": lambda: F.autocontrast(image),
        "Equalize": lambda: F.equalize(image),
        "Invert": lambda: F.invert(image),
    }[name]()


def strengths(name: str, side: int) -> list[float]:
    """Of AutoAugment, RandAugment and TrivialAugment, with both signs where there are two."""
    tables = [magnitudes(10, (side, side)), magnitudes(31, (side, side)), magnitudes(31, (side, side), wide=True)]
    strengths = {float(strength) for table in tables for strength in table[ID[name]]}
    return sorted(strengths | {-strength for strength in strengths} if SIGNED[ID[name]] else strengths)


@pytest.mark.parametrize(("channels", "side"), SHAPES)
@pytest.mark.parametrize("name", OPERATIONS)
def test_all_strengths_give_the_pixels_of_torchvision(name, channels, side):
    images = pictures(6, channels, side)
    drawn = torch.tensor(strengths(name, side), dtype=torch.float64).repeat_interleave(6)
    changed = apply_operations(
        images.repeat(len(drawn) // 6, 1, 1, 1), torch.full((len(drawn), 1), ID[name]), drawn[:, None]
    )
    expected = torch.stack([reference(images[i % 6], name, float(strength)) for i, strength in enumerate(drawn)])
    assert torch.equal(changed, expected)


@pytest.mark.parametrize("name", ["ShearX", "TranslateY", "Rotate"])
def test_the_grey_that_moves_in_is_chosen(name):
    images = pictures(6, 3, 32)
    strength = 0.3 if name == "ShearX" else 11.0
    changed = apply_operations(images, torch.full((6, 1), ID[name]), torch.full((6, 1), strength).double(), fill=128)
    expected = torch.stack([reference(image, name, strength, fill=[128.0]) for image in images])
    assert torch.equal(changed, expected)
    assert (changed == 128).float().mean() > 0.05


def test_images_of_many_operations_are_kept_apart():
    """Two operations in a row on each of 300 images, against one image at a time; the images given stay as they are."""
    draws = torch.Generator().manual_seed(0)
    images = pictures(6, 3, 32).repeat(50, 1, 1, 1)
    before = images.clone()
    operations = torch.randint(len(OPERATIONS), (300, 2), generator=draws)
    levels = torch.randint(10, (300, 2), generator=draws)
    drawn = magnitudes(10, (32, 32))[operations, levels]
    changed = apply_operations(images, operations, drawn)
    for image, after, numbers, values in zip(images, changed, operations, drawn, strict=True):
        for number, value in zip(numbers, values, strict=True):
            image = reference(image, OPERATIONS[number], float(value))
        assert torch.equal(after, image)
    assert torch.equal(images, before)
