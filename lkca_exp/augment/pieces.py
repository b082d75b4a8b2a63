"""Work on as many images at a time as the processor's cache holds.

Normalising is two passes over its images in single precision, an operation on colours five or ten. From main memory
each costs several times what the arithmetic does. A GPU takes all images at once.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

PIECE_VALUES = 1 << 18
"""Pixel values of one piece, 1 MiB in single precision."""


def piece_length(images: Tensor) -> int:
    """How many of `images` (B, C, H, W) make a piece."""
    return len(images) if images.is_cuda else max(PIECE_VALUES // images[0].numel(), 1)


def in_pieces(change: Callable[[Tensor, Tensor], Tensor], images: Tensor, parameters: Tensor) -> Tensor:
    """`change` of `images` (B, C, H, W) and their `parameters` (B, ...). Writes into `images`."""
    length = piece_length(images)
    for part, values in zip(images.split(length), parameters.split(length), strict=True):
        part.copy_(change(part, values))
    return images
