"""No mixing at all: tokens meet in the pooling only. What a model learns all the same, it owes no mixer."""

from __future__ import annotations

from torch import Tensor, nn

from lkca_exp.config.derived import VitDerived
from lkca_exp.config.schema import IdentityConfig


class Identity(nn.Module):
    @classmethod
    def from_config(cls, config: IdentityConfig, derived: VitDerived) -> Identity:
        return cls()

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, N, C), as they are."""
        return tokens
