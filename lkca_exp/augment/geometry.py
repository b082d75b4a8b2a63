"""Shear, translation and rotation of many images at once, each by its own matrix, taking the nearest pixel.

Follows torchvision.transforms.v2.functional.affine and .rotate step by step (matrix in double precision, grid in single
precision, grid_sample), so that the same pixels are taken. B images, C channels, H x W pixels.
"""

from __future__ import annotations

import functools

import torch
import torch.nn.functional as F
from torch import Tensor

from lkca_exp.augment.pieces import in_pieces
from lkca_exp.augment.policies import ID

GEOMETRIC = range(ID["ShearX"], ID["Rotate"] + 1)
"""The operations of this file."""


def transform(images: Tensor, operations: Tensor, strengths: Tensor, fill: int) -> Tensor:
    """Apply to each of `images` (B, C, H, W), uint8, its geometric operation (B,); `fill` is the grey level that comes
    in from outside. Writes into `images`."""
    height, width = images.shape[-2:]
    theta = inverse_matrices(operations, strengths, (height, width)).to(images.device, torch.float32)
    return in_pieces(functools.partial(_transform, fill=fill), images, theta)


def _transform(images: Tensor, theta: Tensor, fill: int) -> Tensor:
    height, width = images.shape[-2:]
    half_sides = torch.tensor([0.5 * width, 0.5 * height], device=images.device)
    grid = centred_grid(height, width, images.device).expand(len(images), -1, -1).bmm(theta.mT / half_sides)
    return sample_nearest(images, grid.view(-1, height, width, 2), fill)


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
    to_x, to_y = x + of("TranslateX").trunc(), y + of("TranslateY").trunc()
    rows = [d, -b, x - d * to_x + b * to_y, -c, a, y + c * to_x - a * to_y]
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
    return values.add_(fill).to(torch.uint8)
