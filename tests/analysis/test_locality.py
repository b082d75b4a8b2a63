"""The share of a mixer's mass by distance."""

from __future__ import annotations

import pytest
import torch

from lkca_exp.analysis.locality import curves, layers, mass_within
from lkca_exp.models.build import build_model

GRID = (3, 4)
N = 12


def test_a_token_that_reads_itself_reads_nothing_further():
    assert mass_within(torch.eye(N), GRID).tolist() == [1, 1, 1, 1]


def test_equal_weights_count_the_tokens_within_reach():
    shares = mass_within(-torch.ones(2, 5, N, N), GRID)
    near = sum(
        sum(abs(a - c) <= 1 and abs(b - d) <= 1 for c in range(3) for d in range(4)) for a in range(3) for b in range(4)
    )
    assert shares[0].item() == pytest.approx(1 / N)
    assert shares[1].item() == pytest.approx(near / N**2)
    assert shares[3].item() == pytest.approx(1)


def test_a_row_of_zeros_counts_for_nothing():
    matrix = torch.eye(N)
    matrix[0] = 0
    assert mass_within(matrix, GRID)[0].item() == 1


@pytest.mark.parametrize("mixer", ["attention", "lkca"])
def test_every_layer_of_a_model_has_a_curve(mixer, job):
    made = job(f"model/mixer={mixer}")
    torch.manual_seed(0)
    model = build_model(made.config.model, made.derived)
    found = layers(model, torch.randn(3, 1, 8, 8))
    assert len(found) == made.derived.depth
    for shares in found:
        assert len(shares) == 4
        assert (shares.diff() >= 0).all()
        assert shares[-1].item() == pytest.approx(1)
    told = curves(found)
    assert told["x"] == [0, 1, 2, 3]
    assert list(told["series"]) == ["layer 1", "layer 2"]


def test_a_kernel_of_one_token_is_wholly_local(job):
    made = job("model.mixer.kernel_size=1")
    model = build_model(made.config.model, made.derived)
    assert all(shares[0].item() == pytest.approx(1) for shares in layers(model, torch.randn(1, 1, 8, 8)))


def test_a_class_token_is_left_out(job):
    made = job("model/mixer=attention", "model.pooling=class_token")
    model = build_model(made.config.model, made.derived)
    assert all(shares[-1].item() == pytest.approx(1) for shares in layers(model, torch.randn(2, 1, 8, 8)))
