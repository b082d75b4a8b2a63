"""Operations on colours with the pixels of PIL's ImageEnhance and ImageOps, each image with its own strength.

The arithmetic is that of Pillow (ImageEnhance.py, ImageOps.py, libImaging's Blend.c, Convert.c and Filter.c), and the
tests compare with Pillow. What PIL and torchvision compute alike (Brightness, Posterize, Equalize, Invert) is in
colour.py. Images are (B, C, H, W) in uint8, C is 1 or 3; factors are (B,) in double precision.
"""

from __future__ import annotations

import torch
from torch import Tensor

from lkca_exp.augment.colour import invert_from, per_image, smoothing, to_uint8

RED, GREEN, BLUE = 19595, 38470, 7471
"""Weights of ITU-R 601, times 2^16: PIL's luminance is exact, and then rounded."""


def color(images: Tensor, factors: Tensor) -> Tensor:
    """Between grey (factor 0), the image (1) and beyond. A grey image stays what it is."""
    return images if images.shape[1] == 1 else blend(luminance(images), images.float(), factors)


def contrast(images: Tensor, factors: Tensor) -> Tensor:
    """Between the mean grey, rounded (factor 0), the image (1) and beyond."""
    sums = luminance(images).sum(3).sum((1, 2), dtype=torch.float64)  # of a row: exact in single precision
    means = (sums / (images.shape[2] * images.shape[3]) + 0.5).floor()
    return blend(per_image(means), images.float(), factors)


def sharpness(images: Tensor, factors: Tensor) -> Tensor:
    """Between the image smoothed by [[1, 1, 1], [1, 5, 1], [1, 1, 1]] / 13 (factor 0), the image (1) and beyond; the
    border stays."""
    values = images.float()
    return blend(values + smoothing(values), values, factors)


def solarize(images: Tensor, thresholds: Tensor) -> Tensor:
    """Invert the grey levels that reach the threshold, from 0 (all) to 256 (none)."""
    return invert_from(images, thresholds.ceil())


def autocontrast(images: Tensor) -> Tensor:
    """Stretch each channel over all grey levels, in double precision; a channel of one level stays."""
    low, high = (side.double() for side in (images.amin((2, 3), keepdim=True), images.amax((2, 3), keepdim=True)))
    flat = low == high
    scale = torch.where(flat, 1.0, torch.div(255.0, high - low))  # 255 / x is 255 times 1 / x
    return to_uint8(images.double().mul_(scale).add_(torch.where(flat, 0.0, -low * scale)))


def luminance(images: Tensor) -> Tensor:
    """Grey levels (B, 1, H, W), rounded to whole numbers in single precision, which holds sums below 2^24 exactly."""
    if images.shape[1] == 1:
        return images.float()
    red, green, blue = images.unbind(1)
    sums = red.float().mul_(RED).add_(green, alpha=GREEN).add_(blue, alpha=BLUE).add_(1 << 15)
    return sums.mul_(1 / (1 << 16)).floor_().unsqueeze(1)


def blend(others: Tensor, values: Tensor, factors: Tensor) -> Tensor:
    """other + factor * (value - other), each step rounded to single precision as PIL's Image.blend does. `values`
    (B, C, H, W) are overwritten."""
    return to_uint8(values.sub_(others).mul_(per_image(factors)).add_(others))
