"""Batches: what is in them is a function of (seed, epoch, step), whoever asks."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lkca_exp.augment.pipeline import Augmentation
from lkca_exp.data.arrays import Split
from lkca_exp.data.loader import EvalLoader, Share, TrainLoader


def split(count: int = 50) -> Split:
    images = np.random.default_rng(0).integers(0, 256, (count, 1, 8, 8), dtype=np.uint8)
    images[:, 0, 0, 0] = np.arange(count)  # an image can be told by its corner
    return Split(images, np.arange(count) % 10)


def loader(epoch: int = 0, *, count: int = 50, batch_size: int = 8, seed: int = 0, augment=None, **more) -> TrainLoader:
    augment = augment or (lambda images, generator: images)
    return TrainLoader(split(count), batch_size, seed, lambda: epoch, augment, lambda x: x.float(), **more)


def seen(batches) -> list[int]:
    return [int(corner) for images, _ in batches for corner in images[:, 0, 0, 0]]


def test_an_epoch_sees_every_image_at_most_once_in_full_batches():
    batches = list(loader())
    assert [len(images) for images, _ in batches] == [8] * 6 == [8] * len(loader())
    assert len(set(seen(batches))) == 48
    assert all((images[:, 0, 0, 0] % 10 == labels).all() for images, labels in batches)


def test_over_a_few_epochs_every_image_is_seen():
    assert {image for epoch in range(5) for image in seen(loader(epoch))} == set(range(50))


def test_a_set_smaller_than_a_batch_is_one_batch():
    assert [len(images) for images, _ in loader(count=5, batch_size=8)] == [5]


def test_order_and_augmentation_depend_on_seed_and_epoch_alone():
    augment = Augmentation(crop_padding_px=2, mirror=True)
    first = torch.cat([images for images, _ in loader(3, augment=augment)])
    torch.randn(17)  # the global generator moves on
    again = torch.cat([images for images, _ in loader(3, augment=augment)])
    assert torch.equal(first, again)
    assert seen(loader(3)) != seen(loader(4))
    assert seen(loader(3)) != seen(loader(3, seed=1))
    other = torch.cat([images for images, _ in loader(3, augment=augment, seed=1)])
    assert not torch.equal(first, other)


@pytest.mark.parametrize("world_size", [2, 4])
def test_processes_share_a_batch_and_change_nothing(world_size):
    augment = Augmentation(crop_padding_px=2, mirror=True)
    alone = list(loader(augment=augment))
    shares = [list(loader(augment=augment, share=Share(rank, world_size))) for rank in range(world_size)]
    for step, (images, labels) in enumerate(alone):
        for rank in range(world_size):
            assert torch.equal(shares[rank][step][0], images[rank::world_size])
            assert torch.equal(shares[rank][step][1], labels[rank::world_size])


def test_max_batches_cuts_an_epoch_short():
    assert len(list(loader(max_batches=2))) == len(loader(max_batches=2)) == 2
    assert seen(loader(max_batches=2)) == seen(loader())[:16]


@pytest.mark.parametrize("world_size", [1, 3])
def test_evaluation_reads_every_image_once_in_order(world_size):
    for rank in range(world_size):
        part = EvalLoader(split(), 16, lambda x: x.float(), share=Share(rank, world_size))
        assert seen(part) == list(range(rank, 50, world_size))
        assert len(list(part)) == len(part)
