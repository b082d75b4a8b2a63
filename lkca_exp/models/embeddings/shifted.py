"""Shifted Patch Tokenization: each patch is seen together with the pixels around it.

Lee et al., "Vision Transformer for Small-Size Datasets", arXiv 2112.13492, as in its code: the image and its copies
shifted by half a patch along the four diagonals, with zeros moving in, are stacked as channels; then patches, a norm, a
linear map.

Shapes: B batch, h x w grid of patches, p patch side in pixels, N = h*w tokens, C width.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lkca_exp.config.derived import VitDerived
from lkca_exp.config.schema import ShiftedEmbeddingConfig
from lkca_exp.models.embeddings.linear import check_images, cut_patches


class ShiftedEmbedding(nn.Module):
    def __init__(self, grid: tuple[int, int], patch_size: int, channels: int, width: int) -> None:
        super().__init__()
        if patch_size < 2:
            raise ValueError(f"patch_size={patch_size}: patches of one pixel have no half to be shifted by.")
        self.grid = grid
        self.patch_size = patch_size
        self.channels = channels
        self.norm = nn.LayerNorm(5 * channels * patch_size**2)
        self.projection = nn.Linear(5 * channels * patch_size**2, width)

    @classmethod
    def from_config(cls, config: ShiftedEmbeddingConfig, derived: VitDerived) -> ShiftedEmbedding:
        return cls(derived.grid, derived.patch_size, derived.channels, derived.width)

    def forward(self, images: Tensor) -> Tensor:
        """(B, channels, h*p, w*p) -> (B, N, C), tokens in rows of the grid."""
        check_images(images, self.grid, self.patch_size, self.channels)
        stacked = with_shifted_copies(images, self.patch_size // 2)
        return self.projection(self.norm(cut_patches(stacked, self.patch_size)))


def with_shifted_copies(images: Tensor, pixels: int) -> Tensor:
    """(B, channels, H, W) -> (B, 5*channels, H, W): the images, then moved right and down, left and down, right and up,
    left and up."""
    height, width = images.shape[2:]
    padded = F.pad(images, (pixels,) * 4)
    corners = [(top, left) for top in (0, 2 * pixels) for left in (0, 2 * pixels)]
    copies = [padded[:, :, top : top + height, left : left + width] for top, left in corners]
    return torch.cat([images, *copies], dim=1)
