"""Patches to tokens: cut the image into p x p patches, flatten each, one linear map for all.

Dosovitskiy et al., arXiv 2010.11929. Other code writes it as a convolution of side p and stride p; the two are equal
(that convolution's weight is ours, viewed as (C, channels, p, p)). The linear map leaves its tokens contiguous as
(B, N, C); the convolution leaves a strided view, a layout that every later layer would inherit.

Shapes: B batch, h x w grid of patches, p patch side in pixels, N = h*w tokens, C width.
"""

from __future__ import annotations

from torch import Tensor, nn

from lkca_exp.config.derived import VitDerived
from lkca_exp.config.schema import EmbeddingConfig


class LinearEmbedding(nn.Module):
    def __init__(self, grid: tuple[int, int], patch_size: int, channels: int, width: int) -> None:
        super().__init__()
        self.grid = grid
        self.patch_size = patch_size
        self.channels = channels
        self.projection = nn.Linear(channels * patch_size**2, width)

    @classmethod
    def from_config(cls, config: EmbeddingConfig, derived: VitDerived) -> LinearEmbedding:
        return cls(derived.grid, derived.patch_size, derived.channels, derived.width)

    def forward(self, images: Tensor) -> Tensor:
        """(B, channels, h*p, w*p) -> (B, N, C), tokens in rows of the grid."""
        check_images(images, self.grid, self.patch_size, self.channels)
        return self.projection(cut_patches(images, self.patch_size))


def cut_patches(images: Tensor, side: int) -> Tensor:
    """(B, channels, h*p, w*p) -> (B, N, channels*p*p)."""
    batch, channels, height, width = images.shape
    patches = images.reshape(batch, channels, height // side, side, width // side, side)
    return patches.permute(0, 2, 4, 1, 3, 5).flatten(3).flatten(1, 2)


def check_images(images: Tensor, grid: tuple[int, int], patch_size: int, channels: int) -> None:
    """Raises ValueError for images that the model was not built for."""
    expected = (channels, grid[0] * patch_size, grid[1] * patch_size)
    if images.ndim != 4 or images.shape[1:] != expected:
        raise ValueError(f"images of shape {tuple(images.shape)}: this model was built for (B, *{expected}).")
