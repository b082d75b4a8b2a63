"""Batches cut from a data set that lies on the device as uint8: no workers, no copies, nothing to wait for.

Shapes: B images a batch, C channels, H x W pixels.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from lkca_exp.augment.pipeline import Augmentation
from lkca_exp.batches.order import epoch_order
from lkca_exp.data.arrays import Split
from lkca_exp.data.randomness import generator

Batch = tuple[Tensor, Tensor]
"""Images (B, C, H, W) in float32 and targets: labels (B,) or, from a training batch that is mixed, (B, classes)."""

CHUNK_IMAGES = 1024
CHUNK_VALUES = 6 << 20
"""At most so many images, or pixel values, are augmented together, in whole batches: enough for groups of images that
share an operation, few enough to stay near the processor."""


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
    nothing, and batches may be mixed. `epoch` is asked for at the start of each pass. The pixels of `chunk_images`
    images, in whole batches, are augmented together, which changes nothing either.

    `waited` has, for every pass, the seconds that its reader waited for batches; on a GPU, until the work was handed
    over.
    """

    def __init__(
        self,
        split: Split,
        batch_size: int,
        seed: int,
        epoch: Callable[[], int],
        augment: Augmentation,
        normalise: Callable[[Tensor], Tensor],
        *,
        device: torch.device | str = "cpu",
        share: Share | None = None,
        max_batches: int | None = None,
        chunk_images: int = CHUNK_IMAGES,
    ) -> None:
        self.images, self.labels = to_device(split, device)
        self.batch_size = min(batch_size, len(split))
        self.seed, self.epoch = seed, epoch
        self.augment, self.normalise = augment, normalise
        self.device, self.share = device, share or Share()
        batches = len(split) * augment.passes_per_epoch // self.batch_size
        self.num_batches = min(batches, max_batches or batches)
        self.chunk_steps = max(min(chunk_images, CHUNK_VALUES // self.images[0].numel()) // self.batch_size, 1)
        self.waited: list[float] = []

    def __len__(self) -> int:
        return self.num_batches

    def __iter__(self) -> Iterator[Batch]:
        self.waited.append(0.0)
        start = time.perf_counter()
        for batch in self._batches(self.epoch()):
            self.waited[-1] += time.perf_counter() - start
            yield batch
            start = time.perf_counter()

    def _batches(self, epoch: int) -> Iterator[Batch]:
        order = epoch_order(
            len(self.labels),
            generator("order", self.seed, epoch),
            repeats=self.augment.repeats,
            passes_per_epoch=self.augment.passes_per_epoch,
        ).to(self.device)
        for first in range(0, self.num_batches, self.chunk_steps):
            steps = range(first, min(first + self.chunk_steps, self.num_batches))
            yield from self._chunk(epoch, steps, order[first * self.batch_size : steps.stop * self.batch_size])

    def _chunk(self, epoch: int, steps: range, chosen: Tensor) -> Iterator[Batch]:
        """The batches of `steps`, whose images are `chosen`."""
        channels, height, width = self.images.shape[1:]
        draws = [
            self.augment.draw(self.batch_size, (channels, height, width), generator("augment", self.seed, epoch, step))
            for step in steps
        ]
        images = self.augment.on_pixels(self.images.index_select(0, chosen), draws)
        labels = self.labels.index_select(0, chosen)
        for part, names, drawn in zip(images.split(self.batch_size), labels.split(self.batch_size), draws, strict=True):
            values, targets = self.augment.on_values(self.normalise(part), names, drawn)
            yield self.share.of(values), self.share.of(targets)


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
