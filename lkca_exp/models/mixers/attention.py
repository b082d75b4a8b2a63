"""Multi-head self-attention, the mixer that every other one is compared with.

Vaswani et al., "Attention Is All You Need", arXiv 1706.03762, as Vision Transformers use it (Dosovitskiy et al., arXiv
2010.11929): one fused projection to queries, keys and values, and an output projection.

Shapes: B batch, N tokens (those of the grid, or one more: a class token in front), C channels, H heads, D = C/H.
"""

from __future__ import annotations

from typing import Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lkca_exp.config.derived import VitDerived
from lkca_exp.config.schema import HeadsConfig
from lkca_exp.models.layers.drop import Drop


class Attention(nn.Module):
    """`dropout` is the chance to drop an attention weight while training."""

    def __init__(self, width: int, grid: tuple[int, int], num_heads: int, qkv_bias: bool, dropout: float) -> None:
        super().__init__()
        if width % num_heads:
            raise ValueError(f"num_heads={num_heads}: the heads must divide the {width} channels.")
        self.grid = grid
        self.num_heads = num_heads
        self.dropout = Drop(dropout, per_image=False)
        self.qkv = nn.Linear(width, 3 * width, bias=qkv_bias)
        self.output = nn.Linear(width, width)

    @classmethod
    def from_config(cls, config: HeadsConfig, derived: VitDerived) -> Self:
        assert derived.num_heads is not None
        return cls(derived.width, derived.grid, derived.num_heads, config.qkv_bias, config.dropout)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, N, C) -> (B, N, C)."""
        mixed_BHND = self.attend(*self._project(tokens))
        return self.output(mixed_BHND.transpose(1, 2).flatten(2))

    def matrix(self, tokens: Tensor) -> Tensor:
        """How much each of the tokens (B, N, C) reads of each: (B, H, N, N), whose rows sum to 1."""
        q_BHND, k_BHND, _ = self._project(tokens)
        num_tokens = tokens.shape[1]
        return self.attend(q_BHND, k_BHND, torch.eye(num_tokens).to(q_BHND).expand(*q_BHND.shape[:2], -1, -1))

    def _project(self, tokens: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values of tokens (B, N, C)."""
        batch, num_tokens, width = tokens.shape
        if num_tokens - self.grid[0] * self.grid[1] not in (0, 1):
            raise ValueError(
                f"{num_tokens} tokens: this layer was built for a grid of {self.grid[0]} x {self.grid[1]}, with or "
                "without a class token."
            )
        qkv = self.qkv(tokens).view(batch, num_tokens, 3, self.num_heads, width // self.num_heads)
        q_BHND, k_BHND, v_BHND = qkv.permute(2, 0, 3, 1, 4).unbind(0)
        return q_BHND, k_BHND, v_BHND

    def attend(self, q_BHND: Tensor, k_BHND: Tensor, v_BHND: Tensor) -> Tensor:
        """softmax(q k^T / sqrt(D)) v, which is what other kinds of attention change."""
        return softmax_attention(q_BHND, k_BHND, v_BHND, self.dropout)


def softmax_attention(
    q_BHND: Tensor,
    k_BHND: Tensor,
    v_BHND: Tensor,
    dropout: Drop,
    mask: Tensor | None = None,
    scale: float | None = None,
) -> Tensor:
    """softmax(scale q k^T + mask) v, with `mask` and `scale` as torch's fused function takes them, in the form that is
    faster.

    That is the fused one, but for bfloat16 on a CPU. There its forward and backward take up to ten times as long as
    three plain steps (65 tokens, 12 heads of 16: 129 ms against 19; 257 tokens: 118 against 87), which in float32 they
    never did: the fused one was level with them, or up to three times as fast. With dropout, whose mask is ours, the
    steps are plain everywhere.
    """
    if not dropout.active and (q_BHND.device.type != "cpu" or q_BHND.dtype != torch.bfloat16):
        return F.scaled_dot_product_attention(q_BHND, k_BHND, v_BHND, attn_mask=mask, scale=scale)
    logits_BHNN = (q_BHND * (q_BHND.shape[-1] ** -0.5 if scale is None else scale)) @ k_BHND.transpose(-2, -1)
    if mask is not None:
        logits_BHNN = logits_BHNN.masked_fill(~mask, -torch.inf) if mask.dtype == torch.bool else logits_BHNN + mask
    return dropout(logits_BHNN.softmax(-1)) @ v_BHND
