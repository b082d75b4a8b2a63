"""Batches cut from a data set that lies on the device as uint8: no workers, no copies, nothing to wait for.

Shapes: B images a batch, C channels, H x W pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from lkca_exp.data.arrays import Split
from lkca_exp.data.randomness import generator

Batch = tuple[Tensor, Tensor]
"""Images (B, C, H, W) in float32 and labels (B,)."""


@dataclass(frozen=True)
class Share:
    """Which part of every batch is this process's."""

    rank: int = 0
    world_size: int = 1

    def of(self, indices: Tensor) -> Tensor:
        return indices[self.rank :: self.world_size]


class TrainLoader:
    """Shuffled, augmented batches; order and augmentation are functions of (seed, epoch, step) alone.

    The last images of an epoch that fill no batch are left out; they are others in every epoch. `batch_size` counts
    the images of all processes: each draws for the whole batch and keeps its share, so that their number changes
    nothing. `epoch` is asked for at the start of each pass.
    """

    def __init__(
        self,
        split: Split,
        batch_size: int,
        seed: int,
        epoch: Callable[[], int],
        augment: Callable[[Tensor, torch.Generator], Tensor],
        normalise: Callable[[Tensor], Tensor],
        *,
        device: torch.device | str = "cpu",
        share: Share | None = None,
        max_batches: int | None = None,
    ) -> None:
        self.images, self.labels = to_device(split, device)
        self.batch_size = min(batch_size, len(split))
        self.seed, self.epoch = seed, epoch
        self.augment, self.normalise = augment, normalise
        self.device, self.share = device, share or Share()
        batches = len(split) // self.batch_size
        self.num_batches = min(batches, max_batches or batches)

    def __len__(self) -> int:
        return self.num_batches

    def __iter__(self) -> Iterator[Batch]:
        epoch = self.epoch()
        order = torch.randperm(len(self.labels), generator=generator("order", self.seed, epoch)).to(self.device)
        for step in range(self.num_batches):
            chosen = order[step * self.batch_size : (step + 1) * self.batch_size]
            draws = generator("augment", self.seed, epoch, step, device=self.device)
            images = self.share.of(self.augment(self.images[chosen], draws))
            yield self.normalise(images), self.labels[self.share.of(chosen)]


class EvalLoader:
    """All images in their order, this process's share of them."""

    def __init__(
        self,
        split: Split,
        batch_size: int,
        normalise: Callable[[Tensor], Tensor],
        *,
        device: torch.device | str = "cpu",
        share: Share | None = None,
        max_batches: int | None = None,
    ) -> None:
        images, labels = to_device(split, device)
        share = share or Share()
        self.images, self.labels = share.of(images), share.of(labels)
        self.batch_size, self.normalise = batch_size, normalise
        batches = -(-len(self.labels) // batch_size)
        self.num_batches = min(batches, max_batches or batches)

    def __len__(self) -> int:
        return self.num_batches

    def __iter__(self) -> Iterator[Batch]:
        for step in range(self.num_batches):
            part = slice(step * self.batch_size, (step + 1) * self.batch_size)
            yield self.normalise(self.images[part]), self.labels[part]


def to_device(split: Split, device: torch.device | str) -> Batch:
    """The images as they are, in uint8, and the labels, moved once; on the CPU they stay where they are, be it a mapped
    file that several processes share. torch wants what it takes over to be writable."""
    images, labels = (torch.from_numpy(np.require(array, requirements="W")) for array in (split.images, split.labels))
    return images.to(device), labels.to(device)
