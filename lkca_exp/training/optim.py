"""AdamW (Loshchilov and Hutter 2019, arXiv 1711.05101), and what timm has."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import torch
from torch import nn

from lkca_exp.config.errors import ConfigError
from lkca_exp.config.schema import AdamwConfig, OptimConfig, TimmOptimConfig
from lkca_exp.models.baselines import first_line


def build_optimizer(model: nn.Module, optim: OptimConfig, no_decay: Collection[str]) -> torch.optim.Optimizer:
    """The optimiser of `model`. The parameters named in `no_decay` have no weight decay, unless all are to decay.

    Raises:
        ConfigError: if timm cannot build it with the options given.
    """
    spared = () if optim.weight_decay_on == "all" else no_decay
    named = dict(model.named_parameters())
    groups = [
        {"params": [p for name, p in named.items() if name not in spared], "weight_decay": optim.weight_decay},
        {"params": [p for name, p in named.items() if name in spared], "weight_decay": 0.0},
    ]
    groups = [group for group in groups if group["params"]]
    if isinstance(optim, TimmOptimConfig):
        return _of_timm(groups, optim)
    assert isinstance(optim, AdamwConfig)
    return torch.optim.AdamW(groups, lr=optim.lr, betas=(optim.beta1, optim.beta2), fused=True)


def check_optimizer(optim: OptimConfig) -> None:
    """Raises ConfigError if timm cannot build the optimiser with the options given."""
    build_optimizer(nn.Linear(1, 1), optim, ())


def _of_timm(groups: list[dict[str, Any]], optim: TimmOptimConfig) -> torch.optim.Optimizer:
    from timm.optim import create_optimizer_v2

    try:
        return create_optimizer_v2(groups, opt=optim.name, lr=optim.lr, **optim.options)
    except (TypeError, ValueError) as error:
        rule = f"timm cannot build {optim.name} with them: {first_line(error)}"
        raise ConfigError("optim.options", dict(optim.options), rule) from error
