"""Linear warm-up, then half a cosine (Loshchilov and Hutter 2017, arXiv 1608.03983), stepped per batch."""

from __future__ import annotations

import math


def warmup_cosine(step: int, num_steps: int, num_warmup_steps: int, final_ratio: float) -> float:
    """The learning rate of 0-based `step` over its peak.

    Rises from 1/(W+1) so that the first step is not lost, reaches 1 after W warm-up steps, and falls to `final_ratio`
    at `num_steps`.
    """
    if step < num_warmup_steps:
        return (step + 1) / (num_warmup_steps + 1)
    progress = (step - num_warmup_steps) / max(num_steps - num_warmup_steps, 1)
    return final_ratio + (1 - final_ratio) * 0.5 * (1 + math.cos(math.pi * min(progress, 1)))
