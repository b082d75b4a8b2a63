"""Batches cut from a data set that lies on the device as uint8: no workers, no copies, nothing to wait for.

Shapes: B images a batch, C channels, H x W pixels.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import numpy as np
import torch
from torch import Tensor

from lkca_exp.augment.pipeline import Augmentation, Plans
from lkca_exp.augment.transfer import to_device
from lkca_exp.batches.order import epoch_order
from lkca_exp.data.arrays import Split
from lkca_exp.data.randomness import generator

Item = TypeVar("Item")
Batch = tuple[Tensor, Tensor]
"""Images (B, C, H, W) in float32 and targets: labels (B,) or, from a training batch that is mixed, (B, classes)."""

CHUNKS = {"cpu": (1024, 6 << 20), "cuda": (8192, 1 << 26)}
"""At most so many images, or pixel values, are augmented together, in whole batches. On a CPU enough for groups of
images that share an operation, few enough to stay near the processor; on a GPU so many that starting the work takes
less time than doing it, within 256 MiB for values of single precision."""


@dataclass(frozen=True)
class Share:
    """Which part of every batch is this process's."""

    rank: int = 0
    world_size: int = 1

    def of(self, indices: Tensor) -> Tensor:
        return indices[self.rank :: self.world_size]

    def largest_of(self, indices: Tensor) -> Tensor:
        """The largest part that a process has, which is that of the first."""
        return indices[:: self.world_size]


class Chunk(NamedTuple):
    """Several batches, of so many images each: `images` are their places in the data set, `plans` what happens to
    them. Both are of what this process computes: its share of the batches, and the partners that it is mixed with."""

    images: Tensor
    sizes: tuple[int, ...]
    plans: Plans


class TrainLoader:
    """Shuffled, augmented batches; order and augmentation are functions of (seed, epoch, step) alone.

    The last images of an epoch that fill no batch are left out; they are others in every epoch. `batch_size` counts
    the images of all processes: each draws for the whole batch and computes its share, so that their number changes
    nothing, and batches may be mixed. `epoch` is asked for at the start of each pass. The pixels of `chunk_images`
    images, in whole batches, are augmented together, which changes nothing either.

    `waited` has, for every pass, the seconds that its reader waited for batches; on a GPU, until the work was handed
    over, for which the GPU is not waited: what is drawn, by a thread that is a chunk ahead, goes there in one copy.
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
        chunk_images: int | None = None,
    ) -> None:
        self.images, self.labels = on_device(split, device)
        self.batch_size = min(batch_size, len(split))
        self.seed, self.epoch = seed, epoch
        self.augment, self.normalise = augment, normalise
        self.device, self.share = self.images.device, share or Share()
        batches = len(split) * augment.passes_per_epoch // self.batch_size
        self.num_batches = min(batches, max_batches or batches)
        most_images, most_values = CHUNKS[self.device.type]
        most_images = min(chunk_images or most_images, most_values // self.images[0].numel())
        self.chunk_steps = max(most_images // self.batch_size, 1)
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
        chunks = self._chunks(epoch)
        for chunk in chunks if self.device.type == "cpu" else ahead(chunks):
            yield from self._batches_of(to_device(chunk, self.device))

    def _chunks(self, epoch: int) -> Iterator[Chunk]:
        """All that is drawn for an epoch, on the CPU."""
        order = epoch_order(
            len(self.labels),
            generator("order", self.seed, epoch),
            repeats=self.augment.repeats,
            passes_per_epoch=self.augment.passes_per_epoch,
        )
        for first in range(0, self.num_batches, self.chunk_steps):
            steps = range(first, min(first + self.chunk_steps, self.num_batches))
            yield self._chunk(epoch, steps, order[first * self.batch_size : steps.stop * self.batch_size])

    def _chunk(self, epoch: int, steps: range, chosen: Tensor) -> Chunk:
        """What is drawn for the batches of `steps`, whose images are `chosen`."""
        channels, height, width = self.images.shape[1:]
        images, draws = [], []
        for step, batch in zip(steps, chosen.split(self.batch_size), strict=True):
            drawing = generator("augment", self.seed, epoch, step)
            drawn = self.augment.draw(self.batch_size, (channels, height, width), drawing)
            if self.share.world_size > 1:
                places, drawn = drawn.of(self.share.of(torch.arange(self.batch_size)), self.batch_size)
                batch = batch[places]
            images.append(batch)
            draws.append(drawn)
        sizes = tuple(len(batch) for batch in images)
        return Chunk(torch.cat(images), sizes, self.augment.plan(draws, (height, width)))

    def _batches_of(self, chunk: Chunk) -> Iterator[Batch]:
        images = self.augment.on_pixels(self.images.index_select(0, chunk.images), chunk.plans.pixels)
        labels = self.labels.index_select(0, chunk.images)
        parts = zip(images.split(chunk.sizes), labels.split(chunk.sizes), chunk.plans.values, strict=True)
        for part, names, drawn in parts:
            yield self.augment.on_values(self.normalise(part), names, drawn)


def ahead(items: Iterator[Item]) -> Iterator[Item]:
    """The same items, each taken by a thread while the one before it is in use."""
    with ThreadPoolExecutor(1) as thread:
        following = thread.submit(next, items, None)
        while (item := following.result()) is not None:
            following = thread.submit(next, items, None)
            yield item


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
        images, labels = on_device(split, device)
        share = share or Share()
        self.images, self.labels = share.of(images), share.of(labels)
        self.batch_size, self.normalise = batch_size, normalise
        self.batches = -(-len(share.largest_of(images)) // batch_size)
        self.num_batches = min(self.batches, max_batches or self.batches)

    def __len__(self) -> int:
        return self.num_batches

    def __iter__(self) -> Iterator[Batch]:
        for step in range(self.num_batches):
            part = slice(self._start(step), self._start(step + 1))
            yield self.normalise(self.images[part]), self.labels[part]

    def _start(self, step: int) -> int:
        """The first image of a batch: at least one is left for each batch to come, if the share is that of a process
        with an image less than others. In each batch of a model with buffers the processes wait for each other."""
        return min(step * self.batch_size, len(self.labels) - (self.batches - step))


def on_device(split: Split, device: torch.device | str) -> Batch:
    """The images as they are, in uint8, and the labels, moved once; on the CPU they stay where they are, be it a mapped
    file that several processes share. torch wants what it takes over to be writable."""
    images, labels = (torch.from_numpy(np.require(array, requirements="W")) for array in (split.images, split.labels))
    return images.to(device), labels.to(device)
