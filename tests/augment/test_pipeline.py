"""What comes out at the end, and from which configuration."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from lkca_exp.augment.build import build_augmentation
from lkca_exp.augment.normalise import denormalise, normalise
from lkca_exp.augment.operations import apply_operations
from lkca_exp.augment.pipeline import Augmentation
from lkca_exp.augment.policies import ID
from lkca_exp.data.randomness import generator
from tests.augment.conftest import smooth_pictures

GROUPS = ("none", "light", "lee2021", "li2024", "cct", "trivial")


def augmented(augment, images, labels, seed=0):
    drawn = augment.draw(len(images), images.shape[1:], generator("augment", seed))
    return augment.on_values(normalise(on_pixels(augment, images, [drawn]), (0.5,), (0.2,)), labels, drawn)


def on_pixels(augment, images, draws):
    return augment.on_pixels(images, augment.plan(draws, images.shape[2:]).pixels)


@pytest.mark.parametrize("group", GROUPS)
def test_identical_images_come_out_different(group, job):
    made = job("data=fashion_mnist", f"augment={group}")
    augment = build_augmentation(made.config.augment, made.derived, (0.5,))
    picture = torch.randint(0, 256, (1, 1, 28, 28), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    images, targets = augmented(augment, picture.repeat(64, 1, 1, 1), torch.arange(64) % 10)
    different = len({image.numpy().tobytes() for image in images})
    assert different == 1 if group == "none" else different > 40
    assert len(targets) == 64
    assert images.isfinite().all()


def test_what_is_off_changes_nothing(images):
    drawn = Augmentation().draw(300, (3, 5, 7), generator("none"))
    assert torch.equal(on_pixels(Augmentation(), images, [drawn]), images)


def test_batches_changed_together_are_batches_changed_alone(images, job):
    made = job("data=fashion_mnist", "augment=lee2021", "augment.crop_padding_px=2")
    augment = build_augmentation(made.config.augment, made.derived, (0.5, 0.5, 0.5))
    drawn = [augment.draw(100, (3, 5, 7), generator("augment", step)) for step in range(3)]
    together = on_pixels(augment, images, drawn)
    alone = [on_pixels(augment, part, [each]) for part, each in zip(images.split(100), drawn, strict=True)]
    assert torch.equal(together, torch.cat(alone))


@pytest.mark.parametrize("policy", ["auto", "rand", "trivial"])
def test_the_pixels_of_a_policy_are_chosen(policy, job):
    """From the configuration to the operations and the units of their strengths."""
    pictures = smooth_pictures(60, 1, 28)
    made = job("data=fashion_mnist", f"augment.policy={policy}", "augment.policy_pixels=pil", "augment.policy_fill=128")
    augment = build_augmentation(made.config.augment, made.derived, (0.5,))
    drawn = augment.draw(60, (1, 28, 28), generator("augment", 0))
    numbers, strengths = drawn.operations
    assert strengths[numbers == ID["Solarize"]].max() > 1  # a grey level
    unmoved = dataclasses.replace(augment, crop_padding_px=0, mirror=False)
    assert torch.equal(
        on_pixels(unmoved, pictures, [drawn]), apply_operations(pictures, numbers, strengths, fill=128, pixels="pil")
    )


def test_normalise(images):
    mean, std = (0.4, 0.5, 0.6), (0.1, 0.2, 0.3)
    values = normalise(images, mean, std)
    assert values.dtype == torch.float32
    for channel in range(3):
        expected = (images[:, channel].double() / 255 - mean[channel]) / std[channel]
        assert torch.allclose(values[:, channel].double(), expected, atol=1e-6)
    assert torch.equal(denormalise(values, mean, std), images)


def test_normalise_gives_the_bits_that_runs_were_trained_with():
    """Broadcasting and the loop over whole images must round alike."""
    levels = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16).expand(2, 3, -1, -1)
    mean, std = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)
    scale = torch.tensor([1 / (255 * s) for s in std]).view(-1, 1, 1)
    shift = torch.tensor([-m / s for m, s in zip(mean, std, strict=True)]).view(-1, 1, 1)
    assert torch.equal(normalise(levels, mean, std), torch.addcmul(shift, levels.float(), scale))


def test_generators_differ_by_purpose_and_number():
    draws = {
        torch.rand(4, generator=generator(*key)).sum().item()
        for key in [("a",), ("b",), ("a", 0), ("a", 1), ("a", 0, 1)]
    }
    assert len(draws) == 5
