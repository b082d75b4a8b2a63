"""Pictures of learned kernels, layer by layer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

NEGATIVE, ZERO, POSITIVE = (33, 102, 172), (247, 247, 247), (178, 24, 43)
"""Blue, white and red of ColorBrewer's RdBu, which colour-blind people can tell apart too."""
BETWEEN = 0
"""The place in the palette of what is between the kernels."""
WHITE = (255, 255, 255)
GAP = 4  # pixels on every side of a kernel


def learned_kernels(model: nn.Module) -> list[Tensor]:
    """The kernels (G, K, K) of a model's large-kernel mixers, in the order of the layers."""
    kernels = (getattr(module, "kernel", None) for module in model.modules())
    return [kernel.detach().cpu() for kernel in kernels if isinstance(kernel, nn.Parameter) and kernel.ndim == 3]


def picture(kernels: Sequence[Tensor], num_shown: int, zoom: int) -> Image.Image:
    """A row for each layer: the mean of its kernels' absolute values, then its `num_shown` strongest kernels.

    Each is scaled to its own largest absolute value; blue is negative, red positive.
    """
    rows = []
    for layer in kernels:
        strongest = layer[layer.flatten(1).norm(dim=1).argsort(descending=True)[:num_shown]]
        shown = torch.cat([layer.abs().mean(0, keepdim=True), strongest])
        tiles = (shown / shown.abs().amax((1, 2), keepdim=True).clamp_min(1e-12)).numpy()
        places = [_framed(_places(tile).repeat(zoom, axis=0).repeat(zoom, axis=1)) for tile in tiles]
        blank = np.full_like(places[0], BETWEEN)
        rows.append(np.concatenate(places + [blank] * (1 + num_shown - len(places)), axis=1))
    image = Image.fromarray(np.concatenate(rows))
    image.putpalette(_palette())
    return image


def _framed(places: np.ndarray) -> np.ndarray:
    return np.pad(places, GAP, constant_values=BETWEEN)


def _places(values: np.ndarray) -> np.ndarray:
    """Places 1 to 255 in the palette for values from -1 to 1."""
    return (128 + 127 * values).round().astype(np.uint8)


def _palette() -> list[int]:
    """256 colours in a row; 0 is what is between, 1 the most negative, 128 zero, 255 the most positive."""
    anchors = np.array([WHITE, NEGATIVE, ZERO, POSITIVE])
    channels = [np.interp(np.arange(256), [0, 1, 128, 255], anchor) for anchor in anchors.T]
    return np.stack(channels, axis=1).round().astype(int).flatten().tolist()
