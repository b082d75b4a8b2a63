"""Stochastic depth: while training, each image skips the branch with a given chance.

Huang et al., "Deep Networks with Stochastic Depth", arXiv 1603.09382. As timm does, a branch that is kept is scaled by
1 / (1 - rate), so that its expectation is the same in training and evaluation.
"""

from __future__ import annotations

from torch import Tensor, nn


class DropPath(nn.Module):
    """Draws from the global generator of the tensor's device."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        if not 0 <= rate < 1:
            raise ValueError(f"drop path rate {rate}: a chance from 0 up to, but not including, 1.")
        self.rate = rate

    def forward(self, branch: Tensor) -> Tensor:
        """(B, ...) -> (B, ...)."""
        if not self.training or self.rate == 0:
            return branch
        kept = branch.new_empty(branch.shape[0], *[1] * (branch.ndim - 1)).bernoulli_(1 - self.rate)
        return branch * (kept / (1 - self.rate))

    def extra_repr(self) -> str:
        return f"rate={self.rate:g}"
