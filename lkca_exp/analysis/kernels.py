"""Pictures of learned kernels, layer by layer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

NEGATIVE, ZERO, POSITIVE = (33, 102, 172), (247, 247, 247), (178, 24, 43)
"""Blue, white and red of ColorBrewer's RdBu, told apart by the colour-blind too."""


def learned_kernels(model: nn.Module) -> list[Tensor]:
    """The kernels (G, K, K) of a model's large-kernel mixers, in the order of the layers."""
    found = (getattr(module, "kernel", None) for module in model.modules())
    return [kernel.detach().cpu() for kernel in found if isinstance(kernel, nn.Parameter) and kernel.ndim == 3]


def picture(kernels: Sequence[Tensor], num_shown: int, zoom: int) -> Image.Image:
    """A row for each layer: the mean of its kernels' absolute values, then its `num_shown` strongest kernels.

    Each is scaled to its own largest absolute value; blue is negative, red positive.
    """
    rows = []
    for layer in kernels:
        strongest = layer[layer.flatten(1).norm(dim=1).argsort(descending=True)[:num_shown]]
        blank = torch.zeros(num_shown - len(strongest), *layer.shape[1:])
        shown = torch.cat([layer.abs().mean(0, keepdim=True), strongest, blank])
        tiles = (shown / shown.abs().amax((1, 2), keepdim=True).clamp_min(1e-12)).numpy()
        rows.append(np.concatenate([_framed(tile) for tile in tiles], axis=1))
    levels = np.concatenate(rows)
    return Image.fromarray(levels).resize((levels.shape[1] * zoom, levels.shape[0] * zoom), Image.Resampling.NEAREST)


def _framed(values: np.ndarray) -> np.ndarray:
    """Colours (K+2, K+2, 3) of values from -1 to 1, with a white frame."""
    toward = np.where(values[..., None] < 0, NEGATIVE, POSITIVE)
    colours = np.array(ZERO) + np.abs(values)[..., None] * (toward - np.array(ZERO))
    return np.pad(colours.round().astype(np.uint8), ((1, 1), (1, 1), (0, 0)), constant_values=255)
