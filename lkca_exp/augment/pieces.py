"""Work on as many images at a time as the processor's cache holds.

An operation on colours is five or ten passes over its images in single precision. From main memory each pass costs
several times what the arithmetic does. A GPU takes all images at once.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

PIECE_VALUES = 1 << 17
"""Pixel values of one piece, 512 KiB in single precision."""


def in_pieces(change: Callable[[Tensor, Tensor], Tensor], images: Tensor, parameters: Tensor) -> Tensor:
    """`change` of `images` (B, C, H, W) and their `parameters` (B, ...). Writes into `images`."""
    count = len(images) if images.is_cuda else max(PIECE_VALUES // images[0].numel(), 1)
    for part, values in zip(images.split(count), parameters.split(count), strict=True):
        part.copy_(change(part, values))
    return images
