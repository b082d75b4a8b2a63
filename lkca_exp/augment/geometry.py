"""Shear, rotation and translation of many images at once, taking the nearest pixel.

Shears and rotations, each by its own matrix, follow torchvision.transforms.v2.functional.affine and .rotate step by
step (matrix in double precision, grid in single precision, grid_sample), so that the same pixels are taken.
Translations by whole pixels copy windows. B images, C channels, H x W pixels.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from lkca_exp.augment.colour import to_uint8
from lkca_exp.augment.crop_mirror import Crop, crop
from lkca_exp.augment.pieces import in_pieces
from lkca_exp.augment.policies import ID


class Shifts(NamedTuple):
    """Whole pixels (B,), of which none is more than `reach`."""

    pixels: Tensor
    reach: int


def plan_transform(operations: Tensor, strengths: Tensor, size: tuple[int, int]) -> Tensor:
    """From homogeneous coordinates (x, y, 1) of a pixel to its origin, from -1 to 1 over the image: (B, 3, 2)."""
    theta = inverse_matrices(operations, strengths, size).float()
    return theta.mT / torch.tensor([0.5 * size[1], 0.5 * size[0]])


def transform(images: Tensor, theta: Tensor, fill: int) -> Tensor:
    """Shear or rotate each of `images` (B, C, H, W), uint8, by its matrix of `plan_transform`; `fill` is the grey level
    that comes in from outside. Writes into `images`."""
    return in_pieces(functools.partial(_transform, fill=fill), images, theta)


def _transform(images: Tensor, theta: Tensor, fill: int) -> Tensor:
    height, width = images.shape[-2:]
    grid = centred_grid(height, width, images.device)
    if images.device.type == "cpu":
        origins = grid.expand(len(images), -1, -1).bmm(theta)
    else:  # not a matrix product, which TF32 may round to other pixels
        x, y, one = (theta[:, row].unsqueeze(1) for row in range(3))
        origins = (grid[..., :1] * x).addcmul(grid[..., 1:2], y) + one
    return sample_nearest(images, origins.view(-1, height, width, 2), fill)


def plan_translation(strengths: Tensor, size: tuple[int, int], axis: int) -> Shifts:
    """Downwards (`axis` 2) or to the right (3) by strengths (B,), in pixels, fractions dropped."""
    return plan_shift(strengths.long(), size, axis)


def plan_shift(pixels: Tensor, size: tuple[int, int], axis: int) -> Shifts:
    """No further than out of images of `size` (H, W)."""
    pixels = pixels.clamp(-size[axis - 2], size[axis - 2])
    return Shifts(pixels, int(pixels.abs().max()))


def shift(images: Tensor, shifts: Shifts, fill: int, axis: int) -> Tensor:
    """Shift each of `images` (B, C, H, W), uint8, downwards (`axis` 2) or to the right (3). Writes into `images`."""
    reach = shifts.reach
    padding = (reach, 0) if axis == 2 else (0, reach)

    def move(part: Tensor, by: Tensor) -> Tensor:
        still = torch.zeros_like(by)
        return crop(part, padding, Crop(reach - by, still) if axis == 2 else Crop(still, reach - by), fill)

    return in_pieces(move, images, shifts.pixels)


def inverse_matrices(operations: Tensor, strengths: Tensor, size: tuple[int, int]) -> Tensor:
    """From a pixel of the result to its origin, in pixels from the centre of an image of `size` (H, W): (B, 2, 3).

    Shears keep the image's upper left corner, as AutoAugment's do; rotations keep the centre.
    """
    zero = torch.zeros_like(strengths)

    def of(name: str) -> Tensor:
        return torch.where(operations == ID[name], strengths, zero)

    angle, shear_x, shear_y = torch.deg2rad(-(of("Rotate") % 360)), of("ShearX").atan(), of("ShearY").atan()
    a = torch.cos(angle - shear_y) / torch.cos(shear_y)
    b = -(a * torch.tan(shear_x) + torch.sin(angle))
    c = torch.sin(angle - shear_y) / torch.cos(shear_y)
    d = torch.cos(angle) - c * torch.tan(shear_x)
    corner = ((operations == ID["ShearX"]) | (operations == ID["ShearY"])).to(strengths.dtype)
    x, y = -0.5 * size[1] * corner, -0.5 * size[0] * corner
    rows = [d, -b, x - d * x + b * y, -c, a, y + c * x - a * y]
    return torch.stack(rows, -1).view(-1, 2, 3)


@functools.lru_cache(maxsize=8)
def centred_grid(height: int, width: int, device: torch.device) -> Tensor:
    """Homogeneous coordinates (x, y, 1) of the pixels' centres, in pixels from the image's: (1, H W, 3)."""
    x = torch.linspace((1.0 - width) * 0.5, (width - 1.0) * 0.5, width, device=device)
    y = torch.linspace((1.0 - height) * 0.5, (height - 1.0) * 0.5, height, device=device)
    y, x = torch.meshgrid(y, x, indexing="ij")
    return torch.stack([x, y, torch.ones_like(x)], -1).view(1, -1, 3)


def sample_nearest(images: Tensor, grid: Tensor, fill: int) -> Tensor:
    """Take of each of `images` (B, C, H, W) the pixels nearest to `grid` (B, H, W, 2), from -1 to 1 over the image."""
    values = images.float().sub_(fill)  # grid_sample puts zeros outside
    values = F.grid_sample(values, grid, mode="nearest", padding_mode="zeros", align_corners=False)
    return to_uint8(values.add_(fill))
