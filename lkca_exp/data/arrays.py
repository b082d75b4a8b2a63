"""A data set in memory, and its splits.

Shapes: N images, C channels, H x W pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Split:
    """Images (N, C, H, W) in uint8 and their labels (N,) in int64."""

    images: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, indices: np.ndarray) -> Split:
        return Split(self.images[indices], self.labels[indices])


@dataclass(frozen=True)
class Arrays:
    """A whole data set.

    `mean` and `std` of the training images, per channel, of pixels from 0 to 1, where no facts give them.
    `warnings` say what of it was accepted although it differs from what its authors ship, or cannot be compared with
    that. `origin` says what it was read from. `content` is a SHA-256 of images and labels; None for the published data
    set, which its name identifies.
    """

    train: Split
    test: Split
    class_names: tuple[str, ...]
    origin: str
    warnings: tuple[str, ...] = ()
    content: str | None = None
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
