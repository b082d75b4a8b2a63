"""What goes to and from a GPU in a chunk of batches, counted without one: on tensors that are shapes only."""

from __future__ import annotations

import functools
from collections import Counter

import numpy as np
import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from lkca_exp.augment.build import build_augmentation
from lkca_exp.augment.normalise import normalise
from lkca_exp.augment.transfer import to_device
from lkca_exp.batches.loader import Share, TrainLoader
from lkca_exp.data.arrays import Split
from tests.copies import CountCopies

BATCH, STEPS = 32, 4
GPU = FakeTensorMode(allow_non_fake_inputs=True)
"""One for all tests here: what is cached for a device is of it."""


def copies_of_an_epoch(job, overrides, share) -> list[Counter[str]]:
    """For every chunk what was copied between host and device until all of its batches were taken."""
    made = job("data=cifar10", f"batch_size={BATCH}", *overrides, "augment.passes_per_epoch=1")
    augment = build_augmentation(made.config.augment, made.derived, (0.5, 0.5, 0.5))
    scale = functools.partial(normalise, mean=(0.5, 0.5, 0.5), std=(0.2, 0.2, 0.2))
    images = np.random.default_rng(0).integers(0, 256, (3 * STEPS * BATCH, 3, 32, 32), dtype=np.uint8)
    split = Split(images, np.arange(len(images)) % 10)
    chunk = STEPS * BATCH
    copies, counted = [], CountCopies()
    with GPU:
        loader = TrainLoader(split, BATCH, 0, lambda: 0, augment, scale, device="cuda", share=share, chunk_images=chunk)
        with counted:
            for number, (batch, targets) in enumerate(loader):
                assert batch.device.type == targets.device.type == "cuda"
                assert len(batch) == len(targets) == BATCH // share.world_size
                if number % STEPS == STEPS - 1:
                    copies.append(counted.taken())
    return copies


@pytest.mark.parametrize("share", [Share(), pytest.param(Share(1, 2), marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    "overrides",
    [
        ["augment=none"],
        ["augment=light"],
        ["augment=lee2021"],
        ["augment=lee2021", "augment.policy_pixels=pil", "augment.erase_fill=noise"],
        ["augment=li2024"],
        ["augment=cct", "augment.cutout_px=8"],
        ["augment=trivial", "augment.mix_probability=0.8", "augment.mix_per_image=true"],
    ],
)
def test_a_chunk_goes_to_the_device_in_one_piece_and_nothing_comes_back(job, overrides, share):
    copies_of_an_epoch(job, overrides, share)  # what is made once for a device is made here
    assert copies_of_an_epoch(job, overrides, share) == 3 * [Counter(to_device=1)]


def test_tensors_arrive_as_they_left(monkeypatch):
    """By way of a device that is none: meta tensors have no numbers, so the block is looked at on its way."""
    tree = (
        torch.arange(5),
        [torch.rand(3, 2, dtype=torch.double), None, 7],
        torch.tensor([True, False, True]),
        torch.empty(0, 4),
        torch.arange(6, dtype=torch.uint8).view(2, 3).mT,
    )
    to = torch.Tensor.to
    monkeypatch.setattr(torch.Tensor, "to", lambda self, device, **_: to(self, "cpu").clone())
    moved = to_device(tree, "meta")
    assert moved[1][1:] == [None, 7]
    for before, after in zip((tree[0], tree[1][0], *tree[2:]), (moved[0], moved[1][0], *moved[2:]), strict=True):
        assert after.dtype == before.dtype
        assert torch.equal(after, before)
    assert to_device(tree, "cpu") is tree
