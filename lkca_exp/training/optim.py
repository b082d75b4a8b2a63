"""AdamW (Loshchilov and Hutter 2019, arXiv 1711.05101)."""

from __future__ import annotations

from collections.abc import Collection

import torch
from torch import nn

from lkca_exp.config.schema import OptimConfig


def build_optimizer(model: nn.Module, optim: OptimConfig, no_decay: Collection[str]) -> torch.optim.Optimizer:
    """The optimiser of `model`. The parameters named in `no_decay` have no weight decay, unless all are to decay."""
    spared = () if optim.weight_decay_on == "all" else no_decay
    named = dict(model.named_parameters())
    groups = [
        {"params": [p for name, p in named.items() if name not in spared], "weight_decay": optim.weight_decay},
        {"params": [p for name, p in named.items() if name in spared], "weight_decay": 0.0},
    ]
    groups = [group for group in groups if group["params"]]
    return torch.optim.AdamW(groups, lr=optim.lr, betas=(optim.beta1, optim.beta2), fused=True)
