"""Random generators that are functions of what they are for, so that a continued run draws what it would have drawn."""

from __future__ import annotations

import hashlib

import torch


def generator(purpose: str, *key: int | str) -> torch.Generator:
    """A generator for one purpose, seeded by it and by what is drawn for: (seed, epoch, step), or (seed, name)."""
    digest = hashlib.blake2b(repr((purpose, *key)).encode(), digest_size=8).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest, "big") >> 1)
