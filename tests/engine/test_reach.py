"""The share of a mixer's mass by distance."""

from __future__ import annotations

import json

import pytest
import torch

from lkca_exp.engine.reach import MOST_TOKENS, even, mass_within, matrices, write_reach, write_reach_if_cheap
from lkca_exp.models.build import build_model

GRID = (3, 4)
N = 12


def layers(model, images):
    return [mass_within(matrix, grid) for matrix, grid in matrices(model, images)]


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


@pytest.mark.parametrize("mixer", ["attention", "lkca_depthwise"])
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


def test_a_kernel_of_one_token_is_wholly_local(job):
    made = job("model/mixer=lkca_depthwise", "model.mixer.kernel_size=1")
    model = build_model(made.config.model, made.derived)
    assert all(shares[0].item() == pytest.approx(1) for shares in layers(model, torch.randn(1, 1, 8, 8)))


def test_a_class_token_is_left_out(job):
    made = job("model/mixer=attention", "model.pooling=class_token")
    model = build_model(made.config.model, made.derived)
    assert all(shares[-1].item() == pytest.approx(1) for shares in layers(model, torch.randn(2, 1, 8, 8)))


def test_a_compiled_model_is_looked_into_too(job):
    made = job("model/mixer=attention")
    model = build_model(made.config.model, made.derived).eval()
    images = torch.randn(2, 1, 8, 8)
    before = layers(model, images)
    model.compile(backend="eager")
    with torch.no_grad():
        model(images)
    assert all(map(torch.equal, layers(model, images), before))


def test_what_the_report_reads(job, tmp_path):
    made = job()
    (file,) = write_reach(build_model(made.config.model, made.derived), torch.randn(3, 1, 8, 8), tmp_path / "analysis")
    output = json.loads(file.read_text())
    assert (output["x"], output["images"]) == ([0, 1, 2, 3], 3)
    assert list(output["series"]) == ["layer 1", "layer 2"]
    assert output["even"] == pytest.approx(even((4, 4)).tolist(), abs=1e-5)


def test_weights_of_zero_are_told_as_such(job, tmp_path):
    made = job()
    model = build_model(made.config.model, made.derived)
    torch.nn.init.zeros_(model.blocks[0].mixer.kernel)
    (file,) = write_reach(model, torch.randn(3, 1, 8, 8), tmp_path)
    assert json.loads(file.read_text())["series"]["layer 1"] == [None] * 4


def test_in_passing_only_what_is_cheap_is_looked_at(job, tmp_path):
    for patch_size, looked in ((2, True), (1, False)):
        made = job("data=fashion_mnist", f"model.patch_size={patch_size}", "model/mixer=attention")
        assert (made.derived.grid[0] ** 2 <= MOST_TOKENS) == looked
        folder = tmp_path / str(patch_size)
        write_reach_if_cheap(build_model(made.config.model, made.derived), torch.randn(20, 1, 28, 28), folder)
        assert folder.exists() == looked
    assert json.loads((tmp_path / "2" / "locality.json").read_text())["images"] == 16


def test_a_model_without_a_matrix_leaves_nothing(job, tmp_path):
    made = job("model/mixer=pooling")
    assert (
        write_reach(build_model(made.config.model, made.derived), torch.randn(3, 1, 8, 8), tmp_path / "analysis") == []
    )
    assert list(tmp_path.iterdir()) == []
