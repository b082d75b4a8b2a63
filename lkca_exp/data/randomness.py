"""Random generators that are functions of what they are for, so that a continued run draws what it would have drawn."""

from __future__ import annotations

import hashlib

import torch


def generator(purpose: str, *numbers: int, device: torch.device | str = "cpu") -> torch.Generator:
    """A generator for one purpose, seeded by it and by numbers such as (seed, epoch, step)."""
    digest = hashlib.blake2b(repr((purpose, *numbers)).encode(), digest_size=8).digest()
    return torch.Generator(device).manual_seed(int.from_bytes(digest, "big") >> 1)
