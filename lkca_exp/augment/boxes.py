"""Rectangles in an image, one per image: what random erasing and cutout blank, and what CutMix cuts out."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Boxes(NamedTuple):
    """Pixel rows from `top` to before `bottom` and columns from `left` to before `right`, each (B,); may be empty."""

    top: Tensor
    bottom: Tensor
    left: Tensor
    right: Tensor

    def areas(self) -> Tensor:
        """Pixels inside (B,)."""
        return (self.bottom - self.top) * (self.right - self.left)

    def masks(self, height: int, width: int) -> Tensor:
        """True inside: (B, 1, H, W)."""
        device = self.top.device
        rows, columns = torch.arange(height, device=device).view(-1, 1), torch.arange(width, device=device)
        top, bottom, left, right = (side.view(-1, 1, 1, 1) for side in self)
        return ((rows >= top) & (rows < bottom)) & ((columns >= left) & (columns < right))


def around(rows: Tensor, columns: Tensor, heights: Tensor, widths: Tensor, size: tuple[int, int]) -> Boxes:
    """Boxes about centres, half of their sides (rounded down) on either side, cut at the border of images of `size`."""
    half_heights, half_widths = heights // 2, widths // 2
    return Boxes(
        (rows - half_heights).clamp(0, size[0]),
        (rows + half_heights).clamp(0, size[0]),
        (columns - half_widths).clamp(0, size[1]),
        (columns + half_widths).clamp(0, size[1]),
    )
