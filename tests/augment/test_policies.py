"""The policies draw what torchvision's draw: equal tables, and equal frequencies of (operation, sign, strength)."""

from __future__ import annotations

import hashlib
from collections import Counter

import pytest
import torch
from scipy.stats import chi2_contingency
from torchvision.transforms import AutoAugment, AutoAugmentPolicy, v2

from lkca_exp.augment.auto_augment import draw_auto_augment, sub_policies
from lkca_exp.augment.policies import ID, NUM_RANDOM_OPERATIONS, OPERATIONS, SIGNED, magnitudes
from lkca_exp.augment.rand_augment import RandAugment
from lkca_exp.augment.trivial_augment import draw_trivial_augment
from lkca_exp.data.randomness import generator

SIZE = (32, 48)
NUM_DRAWS = 12_000
THEIRS = {
    "auto": v2.AutoAugment(v2.AutoAugmentPolicy.CIFAR10),
    "rand": v2.RandAugment(2, 9),
    "trivial": v2.TrivialAugmentWide(),
}
TABLES = {
    "imagenet": "5d920e63cecb3110",
    "cifar10": "68cb3a909b71737d",
    "svhn": "bce3ac92cc9ea8c5",
}
"""AutoAugment's policies -> SHA-256 of their 25 pairs of operations."""


def ours(name: str, count: int):
    draws = generator(name)
    match name:
        case "auto":
            return draw_auto_augment("cifar10", count, SIZE, draws)
        case "rand":
            return RandAugment(2, 9).draw(count, SIZE, draws)
        case _:
            return draw_trivial_augment(count, SIZE, draws)


@pytest.mark.parametrize(("policy", "sha256"), TABLES.items())
def test_the_tables_are_those_of_the_paper(policy, sha256):
    """If this fails, torchvision has changed a table that runs were trained with: results do not compare across."""
    table = AutoAugment(AutoAugmentPolicy(policy)).policies
    assert hashlib.sha256(repr(list(table)).encode()).hexdigest()[:16] == sha256
    operations, probabilities, _ = sub_policies(policy, SIZE, "torchvision")
    assert [[OPERATIONS[number] for number in pair] for pair in operations] == [
        [op[0] for op in pair] for pair in table
    ]
    assert probabilities.tolist() == torch.tensor([[op[1] for op in pair] for pair in table]).tolist()


@pytest.mark.parametrize(
    ("theirs", "num_levels", "wide"),
    [(v2.AutoAugment, 10, False), (v2.RandAugment, 31, False), (v2.TrivialAugmentWide, 31, True)],
)
def test_the_strengths_are_those_of_torchvision(theirs, num_levels, wide):
    table = magnitudes(num_levels, SIZE, wide=wide)
    space = theirs._AUGMENTATION_SPACE
    assert list(space) == [name for name in OPERATIONS if name in space]
    for name, (strengths, signed) in space.items():
        expected = strengths(num_levels, *SIZE)
        assert table[ID[name]].tolist() == ([0.0] * num_levels if expected is None else expected.double().tolist())
        assert bool(SIGNED[ID[name]]) == signed


def recorded(policy, monkeypatch) -> Counter:
    """What torchvision's policy would do to NUM_DRAWS images: (operation, strength) as often as they come."""
    calls: Counter = Counter()

    def record(image, transform_id, magnitude, interpolation, fill):
        calls[ID[transform_id], round(magnitude, 6)] += transform_id != "Identity"
        return image

    monkeypatch.setattr(policy, "_apply_image_or_video_transform", record)
    image = torch.zeros(3, *SIZE, dtype=torch.uint8)
    for _ in range(NUM_DRAWS):
        policy(image)
    return calls


@pytest.mark.parametrize("name", THEIRS)
def test_operations_signs_and_strengths_come_as_often_as_torchvision_draws_them(name, monkeypatch):
    torch.manual_seed(1)
    expected = recorded(THEIRS[name], monkeypatch)
    numbers, strengths = (part.flatten().tolist() for part in ours(name, 10 * NUM_DRAWS))
    counted = Counter((n, round(s, 6) or 0.0) for n, s in zip(numbers, strengths, strict=True) if n != ID["Identity"])
    assert set(expected) <= set(counted) | {key for key, count in expected.items() if count == 0}
    # -0.0 and 0.0 are one strength; rare outcomes are counted together.
    keys = sorted(key for key in counted if counted[key] >= 100)
    rest = [sum(counts.values()) - sum(counts[key] for key in keys) for counts in (counted, expected)]
    table = [[counted[key] for key in keys] + [rest[0] + 1], [expected[key] for key in keys] + [rest[1] + 1]]
    assert len(keys) > 10
    assert chi2_contingency(table).pvalue > 1e-3
    assert abs(sum(counted.values()) / (10 * NUM_DRAWS) - sum(expected.values()) / NUM_DRAWS) < 0.03


def test_a_wrong_probability_would_be_found():
    """The test above can fail: half of the sub-policies' second operations left out."""
    right, wrong = (
        Counter(numbers.flatten().tolist()) for numbers in (ours("auto", 30_000)[0], ours("auto", 30_000)[0])
    )
    for number in wrong:
        wrong[number] = wrong[number] * (80 if number == ID["Equalize"] else 100) // 100
    assert chi2_contingency([[counts[key] for key in sorted(right)] for counts in (right, wrong)]).pvalue < 1e-3


def test_strengths_of_rand_augment_vary_about_their_mean():
    numbers, strengths = RandAugment(3, 20.0, magnitude_std=2.0).draw(4000, SIZE, generator("rand"))
    rotations = strengths[numbers == ID["Rotate"]].abs()  # a level is a degree
    assert abs(rotations.mean() - 20) < 0.3
    assert abs(rotations.std() - 2) < 0.3
    assert rotations.max() <= 30
    _, exact = RandAugment(1, 9.5).draw(4000, SIZE, generator("rand"))
    assert 9.5 in exact.abs()


def test_operations_of_rand_augment_happen_with_their_probability():
    numbers, _ = RandAugment(2, probability=0.5).draw(4000, SIZE, generator("rand"))
    idle = (numbers == ID["Identity"]).float().mean()
    assert abs(idle - (0.5 + 0.5 / NUM_RANDOM_OPERATIONS)) < 0.03
