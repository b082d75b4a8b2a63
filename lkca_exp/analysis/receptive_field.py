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


def radius(field: Tensor, grid: tuple[int, int]) -> float:
    """The mean distance, in pixels, of the mass of a field (H, W) from the middle of the central token's patch."""
    along = zip(field.shape, grid, strict=True)
    rows, columns = (torch.arange(size) + 0.5 - (tokens // 2 + 0.5) * size / tokens for size, tokens in along)
    distance = (rows[:, None] ** 2 + columns**2).sqrt()
    return float((field * distance).sum() / field.sum())


def curves(fields: Tensor, grid: tuple[int, int]) -> dict[str, object]:
    """For the report: the radius by layer, and what it would be `even`, if the centre depended on all pixels alike."""
    radii = [round(radius(field, grid), 3) for field in fields]
    return {
        "title": "Radius of the effective receptive field",
        "x_label": "layer",
        "y_label": "mean distance from the centre, pixels",
        "x": list(range(1, len(radii) + 1)),
        "series": {"radius": radii},
        "even": round(radius(torch.ones_like(fields[0]), grid), 3),
    }


def picture(fields: Tensor, zoom: int) -> Image.Image:
    """The fields side by side, dark where the gradient is small; the square root, so that the weak parts are seen."""
    padded = np.pad(fields.sqrt().numpy(), ((0, 0), (1, 1), (1, 1)), constant_values=1.0)
    levels = (np.concatenate(list(padded), axis=1) * 255).astype(np.uint8)
    return Image.fromarray(levels).resize((levels.shape[1] * zoom, levels.shape[0] * zoom), Image.Resampling.NEAREST)
