"""The convolution view: torch's depthwise conv2d."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def mix(tokens: Tensor, kernel: Tensor, grid: tuple[int, int]) -> Tensor:
    """`large_kernel_mix` as a convolution of images (B, C, h, w) in channels_last, which is how tokens lie in memory:
    nothing is copied here or on the way back."""
    batch, num_tokens, channels = tokens.shape
    num_kernels, side, _ = kernel.shape
    image = tokens.reshape(batch, *grid, channels).permute(0, 3, 1, 2)
    weight = kernel[:, None].expand(-1, channels // num_kernels, -1, -1).reshape(channels, 1, side, side)
    mixed = F.conv2d(image, weight.to(tokens.dtype), padding=side // 2, groups=channels)
    return mixed.permute(0, 2, 3, 1).reshape(batch, num_tokens, channels)
