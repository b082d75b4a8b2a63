"""The mean of a token's neighbours, less the token itself: a mixer that learns nothing, as a control.

Yu et al., "MetaFormer Is Actually What You Need for Vision", arXiv 2111.11418, equation 4: what is left of attention if
all that it does is to mix. Outside the grid is nothing, so that at its border fewer tokens are averaged.

Shapes: B batch, N = h*w tokens, C channels, K side of the square that is averaged.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from lkca_exp.config.derived import VitDerived
from lkca_exp.config.schema import PoolingConfig
from lkca_exp.models.large_kernel import check_kernel_size


class Pooling(nn.Module):
    def __init__(self, grid: tuple[int, int], kernel_size: int) -> None:
        super().__init__()
        check_kernel_size(kernel_size, grid)
        self.grid, self.kernel_size = grid, kernel_size

    @classmethod
    def from_config(cls, config: PoolingConfig, derived: VitDerived) -> Pooling:
        return cls(derived.grid, config.kernel_size)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, N, C) -> (B, N, C)."""
        batch, num_tokens, channels = tokens.shape
        if num_tokens != self.grid[0] * self.grid[1]:
            raise ValueError(
                f"{num_tokens} tokens: this layer was built for a grid of {self.grid[0]} x {self.grid[1]}."
            )
        image = tokens.reshape(batch, *self.grid, channels).permute(0, 3, 1, 2)
        mean = F.avg_pool2d(image, self.kernel_size, stride=1, padding=self.kernel_size // 2, count_include_pad=False)
        return mean.permute(0, 2, 3, 1).reshape(batch, num_tokens, channels) - tokens
