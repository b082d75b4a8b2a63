"""Attention with a relative position bias, learned for each head and each offset between two tokens.

Liu et al., "Swin Transformer", arXiv 2103.14030, equation 4, over the whole grid in place of a window: a table of
(2h-1)(2w-1) numbers a head, added to the logits. It starts normal with std 0.02, as there.

Shapes: B batch, N = h*w tokens, C channels, H heads, D = C/H.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lkca_exp.models.layers.initial import Generators, from_global
from lkca_exp.models.mixers.attention import Attention, softmax_attention


class RelativeAttention(Attention):
    offsets: Tensor

    def __init__(self, width: int, grid: tuple[int, int], num_heads: int, qkv_bias: bool, dropout: float) -> None:
        super().__init__(width, grid, num_heads, qkv_bias, dropout)
        self.position_bias = nn.Parameter(torch.empty(num_heads, (2 * grid[0] - 1) * (2 * grid[1] - 1)))
        self.register_buffer("offsets", relative_offsets(grid), persistent=False)
        self.draw(from_global)

    def draw(self, generators: Generators) -> None:
        nn.init.normal_(self.position_bias, std=0.02, generator=generators("position_bias"))

    def attend(self, q_BHND: Tensor, k_BHND: Tensor, v_BHND: Tensor) -> Tensor:
        """softmax(q k^T / sqrt(D) + bias) v."""
        num_tokens = self.grid[0] * self.grid[1]
        if q_BHND.shape[2] != num_tokens:
            raise ValueError("A class token has no offset to a token of the grid: use mean pooling.")
        bias_HNN = self.position_bias[:, self.offsets].to(q_BHND.dtype)
        return softmax_attention(q_BHND, k_BHND, v_BHND, self.dropout, mask=bias_HNN)


def relative_offsets(grid: tuple[int, int]) -> Tensor:
    """(N, N): for tokens i and j the place of their offset, pos(j) - pos(i), in a table of all (2h-1)(2w-1)."""
    height, width = grid
    rows, columns = (
        place.flatten() for place in torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    )
    down = rows[None, :] - rows[:, None] + height - 1
    across = columns[None, :] - columns[:, None] + width - 1
    return down * (2 * width - 1) + across
