"""Mirroring left to right, decided per image."""

from __future__ import annotations

import torch
from torch import Tensor


def random_mirror(images: Tensor, generator: torch.Generator) -> Tensor:
    """Mirror each of `images` (B, C, H, W) with probability one half."""
    mirrored = torch.rand(len(images), generator=generator, device=images.device) < 0.5
    return torch.where(mirrored.view(-1, 1, 1, 1), images.flip(-1), images)
