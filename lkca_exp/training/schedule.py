"""Linear warm-up, then half a cosine (Loshchilov and Hutter 2017, arXiv 1608.03983), stepped per batch."""

from __future__ import annotations

import math

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from lkca_exp.config.schema import OptimConfig


def warmup_cosine(
    step: int, num_steps: int, num_warmup_steps: int, initial_ratio: float | None, final_ratio: float
) -> float:
    """The learning rate of 0-based `step` over its peak.

    Rises linearly from `initial_ratio` to 1, which it reaches after W warm-up steps, and falls to `final_ratio` at
    `num_steps`. For None it rises from 1/(W+1), so that all of these steps are equal and the first is not lost.
    """
    if step < num_warmup_steps:
        first = 1 / (num_warmup_steps + 1) if initial_ratio is None else initial_ratio
        return first + (1 - first) * step / num_warmup_steps
    progress = (step - num_warmup_steps) / max(num_steps - num_warmup_steps, 1)
    return final_ratio + (1 - final_ratio) * 0.5 * (1 + math.cos(math.pi * min(progress, 1)))


def build_schedule(optimizer: Optimizer, optim: OptimConfig, num_steps: int, num_warmup_steps: int) -> LambdaLR:
    """The schedule of `optimizer` over a whole run."""
    first, last = optim.initial_lr_ratio, optim.final_lr_ratio
    return LambdaLR(optimizer, lambda step: warmup_cosine(step, num_steps, num_warmup_steps, first, last))
