"""What every image goes through at the end: scaling to mean 0 and deviation 1."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import torch
from torch import Tensor


def normalise(images: Tensor, mean: Sequence[float], std: Sequence[float]) -> Tensor:
    """uint8 images (B, C, H, W) as float32, less `mean` and over `std`, which are per channel on a scale of 0 to 1."""
    scale, shift = _line(tuple(mean), tuple(std), images.shape[1:], images.device)
    values = images.float()
    return torch.addcmul(shift, values, scale, out=values)


@functools.lru_cache(maxsize=8)
def _line(
    mean: tuple[float, ...], std: tuple[float, ...], shape: torch.Size, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Slope and offset, written out for every pixel (C, H, W): broadcast, they would keep the loop from vectorising."""
    scale = torch.tensor([1 / (255 * s) for s in std], device=device).view(-1, 1, 1)
    shift = torch.tensor([-m / s for m, s in zip(mean, std, strict=True)], device=device).view(-1, 1, 1)
    return scale.expand(shape).contiguous(), shift.expand(shape).contiguous()


def denormalise(images: Tensor, mean: Sequence[float], std: Sequence[float]) -> Tensor:
    """The way back: uint8 images, rounded, cut to what fits."""
    to_level = [torch.tensor(values, device=images.device).view(-1, 1, 1) * 255 for values in (mean, std)]
    return (images * to_level[1] + to_level[0]).round().clamp(0, 255).to(torch.uint8)
