"""Shear, rotation and translation of many images at once, with the pixels of PIL's Image.transform and Image.rotate.

The rules are those of Pillow's libImaging/Geometry.c, and the tests compare with Pillow. The strength of a shear or
translation is the number in PIL's affine matrix, which leads from a pixel of the result to its origin: a positive one
moves the content to the left or upwards. A positive rotation is counterclockwise. B images, C channels, H x W pixels,
all uint8.
"""

from __future__ import annotations

import functools
import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from lkca_exp.augment.colour import to_uint8
from lkca_exp.augment.geometry import Shifts, plan_shift
from lkca_exp.augment.pieces import in_pieces

ONE = 1 << 16
"""1 in PIL's fixed-point numbers."""


class Slopes(NamedTuple):
    """Tangents of the angle (B,); no row, or column, moves by more than `reach` pixels."""

    tangents: Tensor
    reach: int


def plan_translation(strengths: Tensor, size: tuple[int, int], axis: int) -> Shifts:
    """Vertically (`axis` 2) or horizontally (3) by strengths (B,), in pixels, to the nearest whole pixel, halves up."""
    return plan_shift(-(strengths + 0.5).floor().long(), size, axis)


def plan_shear(strengths: Tensor, size: tuple[int, int], axis: int) -> Slopes:
    """Vertically (`axis` 2) or horizontally (3) in images of `size` (H, W)."""
    return Slopes(strengths, int(strengths.abs().max() * size[3 - axis]) + 1)


def shear(images: Tensor, slopes: Slopes, fill: int, axis: int) -> Tensor:
    """Shear each of `images` (B, C, H, W) vertically (`axis` 2) or horizontally (3) with bicubic interpolation. Writes
    into `images`."""
    reach = slopes.reach

    def change(part: Tensor, tangents: Tensor) -> Tensor:
        if axis == 3:
            return _shear_rows(part, tangents, min(reach, part.shape[3]), fill)
        return _shear_rows(part.mT.contiguous(), tangents, min(reach, part.shape[2]), fill).mT

    return in_pieces(change, images, slopes.tangents)


def _shear_rows(images: Tensor, slopes: Tensor, reach: int, fill: int) -> Tensor:
    """Each row moves by a distance of its own, at most `reach` pixels: whole pixels by copying a window of the row, and
    the fraction by the cubic through the four nearest pixels, where pixels past the border repeat it.

    Grey levels are cut to whole numbers, so that rounding matters: all steps are PIL's, in double precision. Where a
    row moves by whole pixels but for the last bit, PIL's rounding could give its pixels different windows; with the
    levels of the policies it does not.
    """
    batch, channels, height, width = images.shape
    columns = torch.arange(width + 3, dtype=torch.double, device=images.device)  # a window has three more pixels
    rows = torch.arange(height, dtype=torch.double, device=images.device) + 0.5
    origins = (columns + 0.5) + (slopes.view(-1, 1) * rows).unsqueeze(2)  # (B, H, W + 3)
    inside = (origins >= 0) & (origins < width)
    distances = origins.sub_(0.5)
    moves = distances[..., :1].floor()
    distances -= moves + columns

    left, right = images[..., :1], images[..., -1:]
    padded = torch.cat([left.expand(-1, -1, -1, reach + 1), images, right.expand(-1, -1, -1, reach + 2)], 3)
    starts = (moves.long().clamp(-reach, reach) + reach).mT.expand(-1, channels, -1).reshape(-1)
    starts += torch.arange(len(starts), device=images.device) * padded.shape[3]
    # One window too many: the last pixels look beyond theirs.
    windows = padded.view(-1).unfold(0, width + 3, 1).index_select(0, F.pad(starts, (0, 1)))
    values = _cubic(windows.view(-1), distances.view(batch, 1, -1), batch * channels * height * (width + 3))
    kept = inside.view(torch.uint8).neg_().view(batch, 1, -1)  # 255 inside, 0 outside
    values.bitwise_and_(kept).bitwise_or_(kept.bitwise_not().bitwise_and_(fill))
    return values.view(batch, channels, height, -1)[..., :width]


def _cubic(pixels: Tensor, distances: Tensor, count: int) -> Tensor:
    """Interpolate (a = -1) between the second and third of every four neighbours in `pixels`, `count` times.

    `distances` (B, 1, N) from the second are those of every channel of an image; the result is (B, C, N). The
    coefficients are whole numbers; what follows is rounded in PIL's order.
    """
    pixels = pixels.short()
    shape = (len(distances), -1, distances.shape[2])
    first, second, third, fourth = (pixels[i : i + count].view(shape) for i in range(4))
    falls, falls_after = first - second, third - fourth
    cubed = (falls + falls_after).double().mul_(distances)
    values = falls.mul_(2).add_(falls_after).double().sub_(cubed).mul_(distances)
    values = values.add_(third - first).mul_(distances)
    return to_uint8(values.add_(second))


def rotate(images: Tensor, strengths: Tensor, fill: int) -> Tensor:
    """Turn each of `images` (B, C, H, W) about its centre by its strength (B,), in degrees, taking the nearest pixel.
    Writes into `images`."""
    return in_pieces(functools.partial(_rotate, fill=fill), images, strengths)


def _rotate(images: Tensor, degrees: Tensor, fill: int) -> Tensor:
    batch, channels, height, width = images.shape
    angles = (degrees % 360) * (-math.pi / 180)
    cos, sin = angles.cos().view(-1, 1, 1), angles.sin().view(-1, 1, 1)
    x = torch.arange(width, dtype=torch.int32, device=images.device)
    y = torch.arange(height, dtype=torch.int32, device=images.device).unsqueeze(1)
    # The origin of the first pixel's centre and the step to the next, each rounded to a fixed-point number.
    first_x = _fixed(width / 2 - cos * ((width - 1) / 2) - sin * ((height - 1) / 2))
    first_y = _fixed(height / 2 + sin * ((width - 1) / 2) - cos * ((height - 1) / 2))
    column = ((first_x + _fixed(sin) * y) + _fixed(cos) * x) >> 16
    row = ((first_y + _fixed(cos) * y) + _fixed(-sin) * x) >> 16
    inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    places = torch.where(inside, row * width + column, height * width).long()
    filled = F.pad(images.flatten(2), (0, 1), value=fill)  # a pixel for all that is outside
    return filled.gather(2, places.view(batch, 1, -1).expand(-1, channels, -1)).view_as(images)


def _fixed(values: Tensor) -> Tensor:
    return (values * ONE + 0.5).floor().int()
