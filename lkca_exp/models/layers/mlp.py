"""The half of a transformer block that looks at one token at a time: linear, GELU, linear."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


class Mlp(nn.Module):
    def __init__(self, width: int, hidden_width: int) -> None:
        super().__init__()
        self.expand = nn.Linear(width, hidden_width)
        self.reduce = nn.Linear(hidden_width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        """(..., C) -> (..., C)."""
        return self.reduce(F.gelu(self.expand(tokens)))
