"""The same draws make the same images on a GPU and on a CPU, but for what rounds."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import torch

from lkca_exp.augment.build import build_augmentation
from lkca_exp.augment.normalise import denormalise, normalise
from lkca_exp.augment.operations import apply_operations
from lkca_exp.augment.policies import ID, OPERATIONS, magnitudes
from lkca_exp.batches.loader import Share, TrainLoader
from lkca_exp.data.arrays import Split
from tests.augment.conftest import smooth_pictures
from tests.gpu import DEVICE, ON_A_GPU

pytestmark = ON_A_GPU
EXACT = {"Identity", "TranslateX", "TranslateY", "Posterize", "Solarize", "Equalize", "Invert"}
SAMPLED = {"ShearX", "ShearY", "Rotate"}


@pytest.mark.parametrize("tf32", [False, True])
@pytest.mark.parametrize("pixels", ["torchvision", "pil"])
@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_gives_the_pixels_of_a_cpu(name, pixels, tf32):
    torch.set_float32_matmul_precision("high" if tf32 else "highest")
    images = smooth_pictures(310, 3, 32)
    levels = magnitudes(31, (32, 32), pixels=pixels)[ID[name]]
    drawn = levels.repeat(10)[:, None]
    numbers = torch.full_like(drawn, ID[name], dtype=torch.long)
    there = apply_operations(images.to(DEVICE), numbers, drawn, 128, pixels).cpu().int()
    here = apply_operations(images, numbers, drawn, 128, pixels).int()
    differ = (there - here).abs()
    if name in EXACT:
        assert differ.max() == 0
    elif name in SAMPLED:
        assert (differ > 0).double().mean() <= 1e-3
    else:
        assert differ.max() <= 1
        assert (differ > 0).double().mean() <= 1e-2


@pytest.mark.parametrize("share", [Share(), Share(1, 2)])
@pytest.mark.parametrize("augment", ["light", "lee2021", "li2024", "cct"])
def test_batches_are_those_of_a_cpu(augment, share, job):
    made = job("data=cifar10", f"augment={augment}")
    augmentation = build_augmentation(made.config.augment, made.derived, (0.5, 0.5, 0.5))
    pictures = smooth_pictures(512, 3, 32).numpy()
    split = Split(pictures, np.arange(512) % 10)
    scale = functools.partial(normalise, mean=(0.5, 0.5, 0.5), std=(0.2, 0.2, 0.2))
    here, there = (
        TrainLoader(split, 64, 0, lambda: 0, augmentation, scale, device=device, share=share, chunk_images=256)
        for device in ("cpu", DEVICE)
    )
    for (images, targets), (same, same_targets) in zip(here, there, strict=True):
        assert same.device.type == DEVICE
        torch.testing.assert_close(same_targets.cpu(), targets)
        levels = [denormalise(x.cpu(), (0.5,) * 3, (0.2,) * 3).int() for x in (images, same)]
        assert ((levels[0] - levels[1]).abs() > 1).double().mean() <= 2e-3
