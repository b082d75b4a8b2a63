"""AutoAugment (Cubuk et al. 2019, arXiv 1805.09501): one of 25 learned pairs of operations, drawn per image.

Draws as torchvision.transforms.v2.AutoAugment does: each operation of the pair happens with its own probability, and
its strength is as often negative where a sign makes sense. With PIL's pixels, as Li et al. 2024 do: the same but that
rotations are never negative.
"""

from __future__ import annotations

import functools

import torch
from torch import Tensor

from lkca_exp.augment.policies import (
    ID,
    SIGNED,
    SIGNED_BUT_ROTATIONS,
    magnitudes,
    with_random_sign,
)

NUM_LEVELS = 10


def draw_auto_augment(
    policy: str, count: int, size: tuple[int, int], generator: torch.Generator, pixels: str = "torchvision"
) -> tuple[Tensor, Tensor]:
    """Numbers and strengths (B, 2) of the operations for `count` images of `size` (H, W)."""
    operations, probabilities, strengths = sub_policies(policy, size, pixels)
    chosen = torch.randint(len(operations), (count,), generator=generator)
    happens = torch.rand(count, 2, generator=generator) <= probabilities[chosen]
    drawn = torch.where(happens, operations[chosen], ID["Identity"])
    signed = SIGNED_BUT_ROTATIONS if pixels == "pil" else SIGNED
    return drawn, with_random_sign(drawn, strengths[chosen], generator, signed)


@functools.cache
def sub_policies(policy: str, size: tuple[int, int], pixels: str) -> tuple[Tensor, Tensor, Tensor]:
    """Numbers, probabilities and strengths of the operations, each (25, 2): torchvision's tables, of which each entry
    is a pair of (name, probability, level)."""
    from torchvision.transforms import AutoAugment, AutoAugmentPolicy

    table = AutoAugment(AutoAugmentPolicy(policy)).policies
    operations = torch.tensor([[ID[name] for name, _, _ in pair] for pair in table])
    probabilities = torch.tensor([[probability for _, probability, _ in pair] for pair in table])
    levels = torch.tensor([[level or 0 for _, _, level in pair] for pair in table])
    return operations, probabilities, magnitudes(NUM_LEVELS, size, pixels=pixels)[operations, levels]
