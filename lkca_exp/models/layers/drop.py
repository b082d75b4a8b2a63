"""Stochastic depth and dropout whose masks do not depend on how many devices share a batch.

Stochastic depth: while training, each image skips the branch with a given chance. Huang et al., "Deep Networks with
Stochastic Depth", arXiv 1603.09382. As timm does, a branch that is kept is scaled by 1 / (1 - rate), so that its
expectation is the same in training and evaluation.

Masks come from the global generator of the tensor's device, which every process of a run seeds alike. Each draws for
the images of all processes and keeps its share, as it does with the images themselves (see lkca_exp.batches.loader).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lkca_exp.batches.loader import Share
from lkca_exp.models.layers.choice import check_choice


class Drop(nn.Module):
    """Multiplies by a random mask, 0 or 1 / (1 - rate), while training; `share` says which images of a batch these are.

    `per_image`: one value for all of an image, which is stochastic depth; else one for every number.
    """

    def __init__(self, rate: float, per_image: bool) -> None:
        super().__init__()
        if not 0 <= rate < 1:
            raise ValueError(f"drop rate {rate}: a chance from 0 up to, but not including, 1.")
        self.rate, self.per_image = rate, per_image
        self.share = Share()

    @property
    def active(self) -> bool:
        return self.training and self.rate > 0

    def forward(self, values: Tensor) -> Tensor:
        """(B, ...) -> (B, ...)."""
        return values * self._mask(values) if self.active else values

    def add(self, tokens: Tensor, branch: Tensor) -> Tensor:
        """tokens + self(branch), both (B, ...), in one pass over them and in the higher of their precisions."""
        branch = branch.to(torch.promote_types(tokens.dtype, branch.dtype))  # adding bfloat16 to float32 is slow
        return torch.addcmul(tokens, branch, self._mask(branch)) if self.active else tokens + branch

    def _mask(self, values: Tensor) -> Tensor:
        batch, *rest = values.shape
        mask = values.new_empty(batch * self.share.world_size, *([1] * len(rest) if self.per_image else rest))
        return self.share.of(mask.bernoulli_(1 - self.rate)) / (1 - self.rate)

    def extra_repr(self) -> str:
        return f"rate={self.rate:g}, per_image={self.per_image}"


def share_masks(model: nn.Module, share: Share) -> None:
    """Have a model draw its masks as the process does whose `share` of each batch it gets."""
    for module in model.modules():
        if isinstance(module, Drop):
            module.share = share


def drop_path_rates(rate: float, depth: int, schedule: str) -> list[float]:
    """The rate of stochastic depth of each block: "rising" linearly from 0 to `rate`, or "constant"."""
    check_choice("schedule", schedule, ("rising", "constant"))
    return [rate if schedule == "constant" else rate * index / max(depth - 1, 1) for index in range(depth)]
