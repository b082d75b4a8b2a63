"""Random crop after zero padding (He et al. 2016, arXiv 1512.03385, section 4.2) and mirroring left to right, place and
side drawn per image.

A crop is one gather of whole windows: every window of the padded images is a view of the same memory that begins at
another pixel, so that its beginning is all there is to look up.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor


class Crop(NamedTuple):
    """Upper left corners in the padded images, each (B,)."""

    rows: Tensor
    columns: Tensor


def draw_crop(count: int, padding_px: int, generator: torch.Generator) -> Crop:
    rows, columns = torch.randint(0, 2 * padding_px + 1, (2, count, 1), generator=generator)[..., 0]
    return Crop(rows, columns)


def draw_mirror(count: int, generator: torch.Generator) -> Tensor:
    """Which of `count` images are mirrored (B,): each with probability one half."""
    return torch.rand(count, generator=generator) < 0.5


def crop(images: Tensor, padding_px: tuple[int, int], corners: Crop, fill: int = 0) -> Tensor:
    """Cut each of `images` (B, C, H, W) at its corner out of its padded self: `padding_px` rows above and below and
    columns to the left and right, of the grey level `fill`."""
    batch, channels, height, width = images.shape
    rows, columns = padding_px
    padded = F.pad(images, (columns, columns, rows, rows), value=fill)
    padded_width, plane = padded.shape[3], padded.shape[2] * padded.shape[3]
    window = (channels - 1) * plane + (height - 1) * padded_width + width
    windows = padded.as_strided(
        (padded.numel() - window + 1, channels, height, width), (1, plane, padded_width, 1)
    )  # overlapping: one begins at every pixel
    first = torch.arange(batch, device=images.device) * (channels * plane)
    # index_select copies whole rows, which gather and indexing do not.
    return windows.index_select(0, first + corners.rows * padded_width + corners.columns)


def mirror(images: Tensor, places: Tensor) -> Tensor:
    """Turn those of `images` (B, C, H, W), uint8, left to right that are at `places` (M,). Writes into `images`."""
    turned = images.index_select(0, places).flip(-1)
    # index_copy_ moves value by value: eight pixels are one where they divide the image.
    dtype = torch.uint8 if images[0].numel() % 8 else torch.int64
    images.flatten(1).view(dtype).index_copy_(0, places, turned.flatten(1).view(dtype))
    return images
