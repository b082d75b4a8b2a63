"""Multi-head self-attention, the mixer that every other one is compared with.

Vaswani et al., "Attention Is All You Need", arXiv 1706.03762, as Vision Transformers use it (Dosovitskiy et al., arXiv
2010.11929): one fused projection to queries, keys and values, with biases; an output projection; no dropout.

Shapes: B batch, N tokens (those of the grid, or one more: a class token in front), C channels, H heads, D = C/H.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from lkca_exp.config.derive import Derived
from lkca_exp.config.schema import AttentionConfig


class Attention(nn.Module):
    def __init__(self, width: int, grid: tuple[int, int], num_heads: int) -> None:
        super().__init__()
        if width % num_heads:
            raise ValueError(f"num_heads={num_heads}: the heads must divide the {width} channels.")
        self.grid = grid
        self.num_heads = num_heads
        self.qkv = nn.Linear(width, 3 * width)
        self.output = nn.Linear(width, width)

    @classmethod
    def from_config(cls, config: AttentionConfig, derived: Derived) -> Attention:
        assert derived.num_heads is not None
        return cls(derived.width, derived.grid, derived.num_heads)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, N, C) -> (B, N, C)."""
        batch, num_tokens, width = tokens.shape
        if num_tokens - self.grid[0] * self.grid[1] not in (0, 1):
            raise ValueError(
                f"{num_tokens} tokens: this layer was built for a grid of {self.grid[0]} x {self.grid[1]}, with or "
                "without a class token."
            )
        qkv = self.qkv(tokens).view(batch, num_tokens, 3, self.num_heads, width // self.num_heads)
        q_BHND, k_BHND, v_BHND = qkv.permute(2, 0, 3, 1, 4).unbind(0)
        mixed_BHND = F.scaled_dot_product_attention(q_BHND, k_BHND, v_BHND)
        return self.output(mixed_BHND.transpose(1, 2).reshape(batch, num_tokens, width))
