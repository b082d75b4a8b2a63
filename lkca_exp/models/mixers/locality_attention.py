"""Locality Self-Attention: attention that is sharper, and looks away from itself.

Lee et al., "Vision Transformer for Small-Size Datasets", arXiv 2112.13492, as in its code: the temperature of the
softmax is learned, one for each head, from 1 / sqrt(D); and no token reads itself.

Shapes: B batch, N tokens, C channels, H heads, D = C/H.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lkca_exp.models.mixers.attention import Attention, softmax_attention


class LocalityAttention(Attention):
    def __init__(self, width: int, grid: tuple[int, int], num_heads: int, qkv_bias: bool, dropout: float) -> None:
        super().__init__(width, grid, num_heads, qkv_bias, dropout)
        self.scale = nn.Parameter(torch.full((num_heads,), (width / num_heads) ** -0.5))

    def attend(self, q_BHND: Tensor, k_BHND: Tensor, v_BHND: Tensor) -> Tensor:
        """softmax(scale q k^T, but never of a token with itself) v."""
        num_tokens = q_BHND.shape[2]
        if num_tokens < 2:
            raise ValueError("1 token: here a token looks at all tokens but itself, so that it takes two.")
        others = ~torch.eye(num_tokens, dtype=torch.bool, device=q_BHND.device)
        sharpened = q_BHND * self.scale[:, None, None]
        return softmax_attention(sharpened, k_BHND, v_BHND, self.dropout, mask=others, scale=1.0)
