"""Images for the tests of augmentation."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor


def pictures(count: int, channels: int, side: int) -> Tensor:
    """uint8 images: noise, smooth ramps, and the degenerate ones that operations stumble over."""
    draws = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (count, channels, side, side), dtype=torch.uint8, generator=draws)
    ramp = torch.arange(side).view(1, -1) * 2 + torch.arange(side).view(-1, 1)
    images[1] = (ramp * 80 // side + 10).to(torch.uint8)  # grey, and not all levels
    images[2] = 77
    images[3] = 0
    images[3, :, 0, 0] = 255
    images[4] //= 8
    return images


def smooth_pictures(count: int, channels: int, side: int) -> Tensor:
    """uint8 images like photographs: a gradient of random direction and level, under noise that grows with the image's
    number from none to a deviation of 12 grey levels."""
    draws = torch.Generator().manual_seed(1)
    ramp = torch.linspace(0, 120, side)
    across, down, level = torch.rand(3, count, channels, 1, 1, generator=draws)
    noise = torch.randn(count, channels, side, side, generator=draws) * torch.linspace(0, 12, count).view(-1, 1, 1, 1)
    return (across * ramp + down * ramp.view(-1, 1) + 80 * level + noise).clamp(0, 255).to(torch.uint8)


@pytest.fixture
def images() -> Tensor:
    return torch.randint(1, 256, (300, 3, 5, 7), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
