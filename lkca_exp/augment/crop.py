"""Random crop after zero padding (He et al. 2016, arXiv 1512.03385, section 4.2), the place drawn per image."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def random_crop(images: Tensor, padding_px: int, generator: torch.Generator) -> Tensor:
    """Shift each of `images` (B, C, H, W) by up to `padding_px` pixels along both axes; what comes in is zero."""
    if padding_px == 0:
        return images
    batch, channels, height, width = images.shape
    draw = torch.randint(0, 2 * padding_px + 1, (2, batch, 1), generator=generator, device=images.device)
    rows = draw[0] + torch.arange(height, device=images.device)
    columns = draw[1] + torch.arange(width, device=images.device)
    padded = F.pad(images, (padding_px,) * 4)
    places = rows[:, :, None] * padded.shape[-1] + columns[:, None, :]
    places = places.view(batch, 1, -1).expand(-1, channels, -1)
    return padded.flatten(2).gather(2, places).view(batch, channels, height, width)
