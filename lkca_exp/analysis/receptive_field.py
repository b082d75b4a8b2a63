"""What part of an image the centre of each layer's tokens depends on.

Luo et al. 2016, "Understanding the Effective Receptive Field in Deep Convolutional Neural Networks", arXiv 1701.04128:
the gradient of the central unit with respect to the pixels, over all channels and a mean over images.
"""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from lkca_exp.models.vit import VisionTransformer


def receptive_fields(model: VisionTransformer, images: Tensor, grid: tuple[int, int]) -> Tensor:
    """The mean absolute gradient of the central token's channels, after every block, with respect to each pixel.

    Args:
        images: (B, channels, H, W), normalised.
        grid: rows and columns of tokens.

    Returns:
        (blocks, H, W), each block's scaled to a largest value of 1.
    """
    images = images.clone().requires_grad_()
    seen = model.eval().intermediates(images)
    centre = (grid[0] // 2) * grid[1] + grid[1] // 2 - grid[0] * grid[1]  # from the end: a class token stands in front
    fields = []
    for name in (name for name in seen if name.startswith("block_")):
        (gradient,) = torch.autograd.grad(seen[name][:, centre].sum(), images, retain_graph=True)
        field = gradient.abs().mean((0, 1))
        fields.append(field / field.amax())
    return torch.stack(fields)


def area(field: Tensor, share: float = 0.9) -> float:
    """The share of the image's pixels that hold this share of the field's mass, the strongest first."""
    mass = field.flatten().sort(descending=True).values.cumsum(0)
    return float((mass < share * mass[-1]).sum() + 1) / field.numel()


def picture(fields: Tensor, zoom: int) -> Image.Image:
    """The fields side by side, dark where the gradient is small; the square root, so that the weak parts are seen."""
    padded = np.pad(fields.sqrt().numpy(), ((0, 0), (1, 1), (1, 1)), constant_values=1.0)
    levels = (np.concatenate(list(padded), axis=1) * 255).astype(np.uint8)
    return Image.fromarray(levels).resize((levels.shape[1] * zoom, levels.shape[0] * zoom), Image.Resampling.NEAREST)
