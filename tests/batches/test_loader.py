"""Batches: what is in them is a function of (seed, epoch, step), whoever asks."""

from __future__ import annotations

import time

import numpy as np
import pytest
import torch

from lkca_exp.augment.erasing import Erasing
from lkca_exp.augment.mixing import Mixing
from lkca_exp.augment.pipeline import Augmentation
from lkca_exp.augment.trivial_augment import draw_trivial_augment
from lkca_exp.batches.loader import EvalLoader, Share, TrainLoader
from lkca_exp.batches.order import epoch_order
from lkca_exp.data.arrays import Split
from lkca_exp.data.randomness import generator


def split(count: int = 50) -> Split:
    images = np.random.default_rng(0).integers(0, 256, (count, 1, 8, 8), dtype=np.uint8)
    images[:, 0, 0, 0] = np.arange(count)  # its corner identifies an image
    return Split(images, np.arange(count) % 10)


def loader(epoch: int = 0, *, count: int = 50, batch_size: int = 8, seed: int = 0, augment=None, **more) -> TrainLoader:
    augment = augment or Augmentation()
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


@pytest.mark.parametrize(("count", "batch_size"), [(33, 16), (33, 8), (50, 16), (7, 2), (64, 16)])
def test_processes_evaluate_in_equally_many_batches(count, batch_size):
    """Models with buffers wait for each other in each."""
    parts = [EvalLoader(split(count), batch_size, lambda x: x.float(), share=Share(rank, 2)) for rank in range(2)]
    assert len(parts[0]) == len(parts[1])
    for rank, part in enumerate(parts):
        batches = list(part)
        assert seen(batches) == list(range(rank, count, 2))
        assert all(0 < len(images) <= batch_size for images, _ in batches)
        assert len(batches) == len(part)


EVERYTHING = Augmentation(
    crop_padding_px=2,
    mirror=True,
    policy=draw_trivial_augment,
    erasing=Erasing(0.5, fill="noise"),
    cutout_px=2,
    mixing=Mixing(0.7, per_image=True),
    num_classes=10,
)


@pytest.mark.parametrize("world_size", [2, 4])
def test_processes_change_nothing_where_images_are_mixed(world_size):
    alone = list(loader(augment=EVERYTHING))
    for rank in range(world_size):
        shared = loader(augment=EVERYTHING, share=Share(rank, world_size))
        for (images, targets), (mine, my_targets) in zip(alone, shared, strict=True):
            assert torch.equal(mine, images[rank::world_size])
            assert torch.equal(my_targets, targets[rank::world_size])


@pytest.mark.parametrize("chunk_images", [1, 8, 20, 32, 1000])
def test_how_many_batches_are_augmented_together_changes_nothing(chunk_images):
    expected = list(loader(2, augment=EVERYTHING))
    batches = list(loader(2, augment=EVERYTHING, chunk_images=chunk_images))
    assert len(batches) == len(expected) == 6
    for (images, targets), (same, same_targets) in zip(expected, batches, strict=True):
        assert torch.equal(same, images)
        assert torch.equal(same_targets, targets)


def test_repeats_bring_copies_in_a_row_in_an_epoch_of_the_same_length():
    images = seen(loader(augment=Augmentation(repeats=3), batch_size=10))
    assert len(images) == 50
    assert images[0::3][:16] == images[1::3][:16] == images[2::3][:16]
    assert len(set(images)) == 17


def test_passes_make_an_epoch_longer():
    long = loader(augment=Augmentation(passes_per_epoch=3), batch_size=8)
    images = seen(long)
    assert len(long) == 18  # 150 // 8: batches run over the end of a pass
    assert len(images) == 144
    for start in (0, 50):
        assert sorted(images[start : start + 50]) == list(range(50))
    assert images[:50] != images[50:100]
    assert images[:48] == seen(loader(batch_size=8))


def reference_order(permutations: list[list[int]], repeats: int, passes: int) -> list[int]:
    """RASampler's loop (Lee et al. 2021, utils/sampler.py), one index at a time."""
    row = iter([image for permutation in permutations for image in permutation for _ in range(repeats)])
    return [next(row) for _ in range(len(permutations[0]) * passes)]


@pytest.mark.parametrize(("repeats", "passes"), [(1, 1), (3, 1), (1, 3), (2, 3), (3, 2)])
def test_the_order_is_that_of_the_repeating_sampler(repeats, passes):
    draws = generator("order")
    permutations = [torch.randperm(7, generator=draws).tolist() for _ in range(passes)]
    order = epoch_order(7, generator("order"), repeats=repeats, passes_per_epoch=passes)
    assert order.tolist() == reference_order(permutations, repeats, passes)


def test_the_time_that_a_reader_waits_is_measured(monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: clock[0])

    def passing(seconds, value=None):
        clock[0] += seconds
        return value

    slow = loader()
    slow.normalise = lambda images: passing(1, images.float())
    for _ in slow:
        passing(20)
    next(iter(slow))
    assert slow.waited == [6, 1]  # a second a batch, and none of the reader's twenty
