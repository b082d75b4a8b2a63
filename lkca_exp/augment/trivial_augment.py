"""TrivialAugment Wide (Müller and Hutter 2021, arXiv 2103.10158): one operation of one strength, both drawn evenly per
image, as torchvision.transforms.v2.TrivialAugmentWide draws them."""

from __future__ import annotations

import torch
from torch import Tensor

from lkca_exp.augment.policies import NUM_LEVELS, NUM_RANDOM_OPERATIONS, magnitudes, with_random_sign


def draw_trivial_augment(
    count: int, size: tuple[int, int], generator: torch.Generator, pixels: str = "torchvision"
) -> tuple[Tensor, Tensor]:
    """Numbers and strengths (B, 1) of the operation for `count` images of `size` (H, W)."""
    operations = torch.randint(NUM_RANDOM_OPERATIONS, (count, 1), generator=generator)
    levels = torch.randint(NUM_LEVELS, (count, 1), generator=generator)
    strengths = magnitudes(NUM_LEVELS, size, wide=True, pixels=pixels)[operations, levels]
    return operations, with_random_sign(operations, strengths, generator)
