"""RandAugment (Cubuk et al. 2020, arXiv 1909.13719): a few operations drawn per image, all of one strength.

Draws as torchvision.transforms.v2.RandAugment does. Beyond it, as timm's auto_augment.py offers: a strength that varies
about its mean, and operations that happen with a probability below 1. timm's own list of operations differs a little
(it has inversion, and adds a constant below the threshold of solarisation) and its levels end at 10, not 30.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from lkca_exp.augment.policies import ID, NUM_LEVELS, NUM_RANDOM_OPERATIONS, magnitudes, with_random_sign


@dataclass(frozen=True)
class RandAugment:
    """`magnitude` and its standard deviation are levels from 0 to 30; strengths are in the units of `pixels`."""

    num_ops: int = 2
    magnitude: float = 9.0
    magnitude_std: float = 0.0
    probability: float = 1.0
    pixels: str = "torchvision"

    def draw(self, count: int, size: tuple[int, int], generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Numbers and strengths (B, num_ops) of the operations for `count` images of `size` (H, W)."""
        shape = (count, self.num_ops)
        operations = torch.randint(NUM_RANDOM_OPERATIONS, shape, generator=generator)
        if self.probability < 1:
            happens = torch.rand(shape, generator=generator) <= self.probability
            operations = torch.where(happens, operations, ID["Identity"])
        levels = torch.full(shape, self.magnitude, dtype=torch.float64)
        if self.magnitude_std > 0:
            levels += self.magnitude_std * torch.randn(shape, generator=generator, dtype=torch.float64)
        strengths = at_level(operations, levels.clamp(0, NUM_LEVELS - 1), size, self.pixels)
        return operations, with_random_sign(operations, strengths, generator)


def at_level(operations: Tensor, levels: Tensor, size: tuple[int, int], pixels: str) -> Tensor:
    """Strengths of `operations` at `levels` between the steps of the table as well, all of one shape."""
    table = magnitudes(NUM_LEVELS, size, pixels=pixels)
    below = levels.floor().long()
    above = (below + 1).clamp(max=NUM_LEVELS - 1)
    return torch.lerp(table[operations, below], table[operations, above], levels - below)
