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


@pytest.fixture
def images() -> Tensor:
    return torch.randint(1, 256, (300, 3, 5, 7), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
