"""With `pixels="pil"`, every operation at every strength gives the pixels of Pillow itself, bit for bit."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image, ImageEnhance, ImageOps
from torch import Tensor

from lkca_exp.augment.auto_augment import draw_auto_augment
from lkca_exp.augment.operations import apply_operations
from lkca_exp.augment.policies import ID, OPERATIONS, SIGNED, magnitudes
from lkca_exp.augment.rand_augment import RandAugment
from lkca_exp.data.randomness import generator
from tests.augment.conftest import pictures, smooth_pictures

SHAPES = [(3, 32, 32), (3, 64, 64), (3, 28, 28), (3, 20, 33), (1, 28, 28), (1, 32, 32), (1, 64, 64)]
FILL = 128


def reference(image: Tensor, name: str, strength: float) -> Tensor:
    """What Pillow makes of one image (C, H, W) when called as the protocol of Li et al. calls it."""
    picture = Image.fromarray(image[0].numpy() if len(image) == 1 else image.permute(1, 2, 0).numpy())
    changed = np.array(changed_by_pillow(picture, name, strength))
    return torch.from_numpy(changed if changed.ndim == 3 else changed[..., None]).permute(2, 0, 1)


def changed_by_pillow(picture: Image.Image, name: str, strength: float) -> Image.Image:
    fill = FILL if picture.mode == "L" else (FILL,) * 3

    def moved(*matrix: float, bicubic: bool = False) -> Image.Image:
        resample = Image.Resampling.BICUBIC if bicubic else Image.Resampling.NEAREST
        return picture.transform(picture.size, Image.Transform.AFFINE, matrix, resample, fillcolor=fill)

    def rotated() -> Image.Image:
        turned = picture.convert("RGBA").rotate(strength)
        return Image.composite(turned, Image.new("RGBA", turned.size, (FILL,) * 4), turned).convert(picture.mode)

    return {
        "Identity": lambda: picture,
        "ShearX": lambda: moved(1, strength, 0, 0, 1, 0, bicubic=True),
        "ShearY": lambda: moved(1, 0, 0, strength, 1, 0, bicubic=True),
        "TranslateX": lambda: moved(1, 0, strength, 0, 1, 0),
        "TranslateY": lambda: moved(1, 0, 0, 0, 1, strength),
        "Rotate": rotated,
        "Brightness": lambda: ImageEnhance.Brightness(picture).enhance(1 + strength),
        "Color": lambda: ImageEnhance.Color(picture).enhance(1 + strength),
        "Contrast": lambda: ImageEnhance.Contrast(picture).enhance(1 + strength),
        "Sharpness": lambda: ImageEnhance.Sharpness(picture).enhance(1 + strength),
        "Posterize": lambda: ImageOps.posterize(picture, int(strength)),
        "Solarize": lambda: ImageOps.solarize(picture, strength),
        "AutoContrast": lambda: ImageOps.autocontrast(picture),
        "Equalize": lambda: ImageOps.equalize(picture),
        "Invert": lambda: ImageOps.invert(picture),
    }[name]()


def strengths(name: str, size: tuple[int, int]) -> list[float]:
    """Of AutoAugment, RandAugment and TrivialAugment, with both signs where there are two."""
    tables = [
        magnitudes(levels, size, wide=wide, pixels="pil") for levels, wide in ((10, False), (31, False), (31, True))
    ]
    listed = {float(strength) for table in tables for strength in table[ID[name]]}
    return sorted(listed | {-strength for strength in listed} if SIGNED[ID[name]] else listed)


def applied(images: Tensor, name: str, values: list[float]) -> Tensor:
    """All of `images` (B, C, H, W) at the first of the `values`, then all at the second, and so on."""
    drawn = torch.tensor(values, dtype=torch.float64).repeat_interleave(len(images))
    repeated = images.repeat(len(values), 1, 1, 1)
    return apply_operations(repeated, torch.full((len(drawn), 1), ID[name]), drawn[:, None], FILL, "pil")


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", OPERATIONS)
def test_all_strengths_give_the_pixels_of_pillow(name, shape):
    channels, height, width = shape
    squares = torch.cat([pictures(6, channels, max(shape)), smooth_pictures(4, channels, max(shape))])
    images, values = squares[..., :height, :width].contiguous(), strengths(name, (height, width))
    expected = torch.stack([reference(image, name, strength) for strength in values for image in images])
    assert torch.equal(applied(images, name, values), expected)


@pytest.mark.parametrize("name", ["ShearX", "ShearY", "TranslateX", "TranslateY", "Rotate", "Solarize", "Contrast"])
def test_strengths_between_the_levels_give_the_pixels_of_pillow(name):
    """As RandAugment draws them with a standard deviation."""
    images = smooth_pictures(4, 3, 32)
    drawn, values = RandAugment(1, 15.0, 8.0, pixels="pil").draw(600, (32, 32), generator("rand"))
    chosen = values[drawn == ID[name]].tolist()
    assert len(set(chosen)) > 15
    expected = torch.stack([reference(image, name, strength) for strength in chosen for image in images])
    assert torch.equal(applied(images, name, chosen), expected)


def test_small_images_give_the_pixels_of_pillow():
    for side in (1, 2, 3):
        images = pictures(6, 3, side)
        for name in OPERATIONS:
            expected = torch.stack([reference(image, name, 0.25 if name != "Posterize" else 4) for image in images])
            assert torch.equal(applied(images, name, [0.25 if name != "Posterize" else 4]), expected), (name, side)


@pytest.mark.parametrize("table", ["cifar10", "svhn", "imagenet"])
@pytest.mark.parametrize(("channels", "side"), [(3, 32), (1, 28)])
def test_a_batch_is_what_pillow_makes_of_one_image_after_another(table, channels, side):
    images = smooth_pictures(300, channels, side)
    before = images.clone()
    numbers, drawn = draw_auto_augment(table, 300, (side, side), generator("auto"), pixels="pil")
    batch = apply_operations(images, numbers, drawn, FILL, "pil")
    for image, after, operations, values in zip(images, batch, numbers.tolist(), drawn.tolist(), strict=True):
        for number, strength in zip(operations, values, strict=True):
            image = reference(image, OPERATIONS[number], strength)
        assert torch.equal(after, image)
    assert torch.equal(images, before)


def test_the_strengths_of_auto_augment_are_those_of_li_et_al():
    table = magnitudes(10, (32, 64), pixels="pil")
    expected = {
        "ShearX": np.linspace(0, 0.3, 10),
        "TranslateX": np.linspace(0, 150 / 331, 10) * 64,
        "TranslateY": np.linspace(0, 150 / 331, 10) * 32,
        "Rotate": np.linspace(0, 30, 10),
        "Sharpness": np.linspace(0, 0.9, 10),
        "Posterize": [8, 8, 7, 7, 6, 6, 5, 5, 4, 4],
        "Solarize": np.linspace(256, 0, 10),
    }
    for name, values in expected.items():
        assert table[ID[name]].numpy() == pytest.approx(np.array(values), rel=1e-15, abs=0), name


def test_only_rotations_are_drawn_otherwise_than_for_torchvision():
    """From the same generator: the same operations and signs, but that AutoAugment rotates to one side."""
    (numbers, ours), (same, theirs) = (
        draw_auto_augment("svhn", 4000, (32, 32), generator("auto"), pixels) for pixels in ("pil", "torchvision")
    )
    assert torch.equal(numbers, same)
    rotations = numbers == ID["Rotate"]
    assert (theirs[rotations] < 0).float().mean() > 0.4
    assert (ours[rotations] > 0).all()
    assert torch.equal(ours.sign()[~rotations], theirs.sign()[~rotations])
    assert (ours[numbers == ID["ShearX"]] < 0).float().mean() > 0.4
    both = [RandAugment(1, pixels=pixels).draw(4000, (32, 32), generator("rand")) for pixels in ("pil", "torchvision")]
    assert torch.equal(both[0][1].sign(), both[1][1].sign())  # these keep their rotations to both sides
