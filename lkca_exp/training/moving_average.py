"""The exponential moving average of a model's weights, updated without a word from the device."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn


class MovingAverage(AveragedModel):
    """`module` is the average of a model's parameters and buffers, each average `decay` of itself and the rest of what
    is new. torch's own `update_parameters` reads twice a step from the device how often it was called.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        super().__init__(model, use_buffers=True)
        self.average = get_ema_multi_avg_fn(decay)
        self.requires_grad_(False)

    @torch.no_grad()
    def update(self, model: nn.Module, first: bool) -> None:
        """Take up the weights of `model`: whole, where it is the `first` step of a run."""
        pairs = list(zip(_tensors(self.module), _tensors(model), strict=True))
        if first:
            for mine, new in pairs:
                mine.copy_(new)
        else:
            for floating in (True, False):
                chosen = [pair for pair in pairs if pair[0].is_floating_point() is floating]
                if chosen:
                    averages, values = map(list, zip(*chosen, strict=True))
                    self.average(averages, values, self.n_averaged)
        self.n_averaged += 1


def _tensors(model: nn.Module) -> itertools.chain[Tensor]:
    return itertools.chain(model.parameters(), model.buffers())
