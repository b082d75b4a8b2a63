"""The mean of the tokens with weights that depend on the tokens, in place of a class token.

Hassani et al., "Escaping the Big Data Paradigm with Compact Transformers", arXiv 2104.05704, equation 4: a linear map
scores each token, a softmax makes weights of the scores. The map has no bias: the softmax would take it out again.
"""

from __future__ import annotations

from torch import Tensor, nn


class SequencePool(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.score = nn.Linear(width, 1, bias=False)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, N, C) -> (B, C)."""
        weights_B1N = self.score(tokens).softmax(dim=1).mT
        return (weights_B1N @ tokens).squeeze(1)
