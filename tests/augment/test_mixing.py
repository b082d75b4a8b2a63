"""CutMix and MixUp: what is in the images is what is in the targets."""

from __future__ import annotations

import pytest
import torch
from scipy.stats import beta, kstest

from lkca_exp.augment.mixing import Mixing, draw_beta, mix
from lkca_exp.data.randomness import generator

SIZE = (16, 20)
COUNT = 12


def constant_images() -> torch.Tensor:
    """Image i is i everywhere, so that every pixel tells where it came from."""
    return torch.arange(float(COUNT)).view(-1, 1, 1, 1).expand(-1, 3, *SIZE).clone()


def mixes(mixing: Mixing, count: int = 200, images: int = COUNT):
    return [mixing.draw(images, SIZE, generator("mix", number)) for number in range(count)]


@pytest.mark.parametrize("per_image", [False, True])
@pytest.mark.parametrize(("cutmix_alpha", "mixup_alpha"), [(1.0, 0.0), (0.0, 0.8), (1.0, 0.8)])
def test_targets_are_the_shares_of_the_pixels(per_image, cutmix_alpha, mixup_alpha):
    mixing = Mixing(1.0, cutmix_alpha, mixup_alpha, per_image)
    for how in mixes(mixing, 50):
        images, targets = mix(constant_images(), torch.arange(COUNT), how, COUNT)
        assert torch.allclose(targets.sum(1), torch.ones(COUNT))
        assert sorted(how.partners.tolist()) == list(range(COUNT))
        assert torch.allclose(images.mean((1, 2, 3)), targets @ torch.arange(float(COUNT)), atol=1e-5)


def test_cutmix_pastes_a_box_of_the_partner():
    images = torch.randn(COUNT, 3, *SIZE)
    how = next(each for each in mixes(Mixing(1.0, 1.0, 0.0)) if 0.2 < float(each.shares) < 0.8)
    mixed, _ = mix(images, torch.arange(COUNT), how, COUNT)
    inside = how.weights[0, 0] == 0
    rows, columns = inside.any(1).nonzero()[:, 0], inside.any(0).nonzero()[:, 0]
    top, bottom, left, right = int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1
    expected = images.clone()
    expected[:, :, top:bottom, left:right] = images[how.partners][:, :, top:bottom, left:right]
    assert torch.equal(mixed, expected)
    assert float(how.shares) == pytest.approx(1 - (bottom - top) * (right - left) / (SIZE[0] * SIZE[1]))


def test_mixup_is_a_weighted_mean():
    images = torch.randn(COUNT, 3, *SIZE)
    how = mixes(Mixing(1.0, 0.0, 1.0))[0]
    mixed, targets = mix(images, torch.arange(COUNT), how, COUNT)
    share = float(how.shares)
    assert torch.allclose(mixed, share * images + (1 - share) * images[how.partners], atol=1e-6)
    own = torch.eye(COUNT)
    assert torch.allclose(targets, share * own + (1 - share) * own[how.partners])


def test_a_batch_is_mixed_with_its_probability_in_either_way():
    drawn = mixes(Mixing(0.5), 1000)
    mixed = [how for how in drawn if how is not None]
    cut = sum(set(how.weights.unique().tolist()) <= {0.0, 1.0} for how in mixed)
    assert 430 < len(mixed) < 570
    assert 0.4 < cut / len(mixed) < 0.6


def test_images_are_mixed_each_in_its_own_way():
    how = Mixing(0.5, per_image=True).draw(2000, SIZE, generator("mix"))
    alone = (how.shares == 1).float().mean()
    assert 0.46 < alone < 0.6  # half, and small boxes that cover no pixel
    assert len(how.shares.unique()) > 300


def test_an_unmixed_batch_has_targets_of_one_class():
    images, targets = mix(constant_images(), torch.arange(COUNT), None, COUNT)
    assert torch.equal(images, constant_images())
    assert torch.equal(targets, torch.eye(COUNT))


@pytest.mark.parametrize("alpha", [0.2, 1.0, 3.0])
def test_shares_are_drawn_from_the_beta_distribution(alpha):
    drawn = draw_beta(alpha, 4000, generator("beta"))
    assert kstest(drawn.numpy(), beta(alpha, alpha).cdf).pvalue > 1e-3
    assert draw_beta(0, 3, generator("beta")).tolist() == [1, 1, 1]
