"""Receptive fields and pictures of kernels."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lkca_exp.analysis import kernels, receptive_field
from lkca_exp.models.build import build_model


def test_with_kernels_of_one_token_the_centre_sees_its_own_patch_only(job):
    made = job("model/mixer=lkca_depthwise", "model.mixer.kernel_size=1")
    model = build_model(made.config.model, made.derived)
    fields = receptive_field.receptive_fields(model, torch.randn(4, 1, 8, 8), made.derived.grid)
    assert fields.shape == (2, 8, 8)
    seen = (fields[-1] > 0).nonzero()
    assert seen.min(0).values.tolist() == [4, 4]
    assert seen.max(0).values.tolist() == [5, 5]
    assert receptive_field.radius(fields[-1], made.derived.grid) == pytest.approx(2**-0.5), "four pixels around a point"


@pytest.mark.parametrize("overrides", [["model/mixer=attention"], ["model/mixer=lkca_depthwise"]])
def test_attention_and_a_full_kernel_see_everything(overrides, job):
    made = job(*overrides)
    model = build_model(made.config.model, made.derived)
    fields = receptive_field.receptive_fields(model, torch.randn(4, 1, 8, 8), made.derived.grid)
    assert (fields > 0).all()
    assert fields.amax((1, 2)).tolist() == [1, 1]


def test_the_radius_is_the_mean_distance_from_the_middle_of_the_central_patch():
    field = torch.zeros(6, 9)
    field[2, 4] = 1  # grid of 3 x 3: patches of 2 x 3 pixels, the central one around row 2.5, column 4
    field[2, 7] = 3
    assert receptive_field.radius(field, (3, 3)) == pytest.approx((0.5 + 3 * (0.25 + 9) ** 0.5) / 4)


def test_what_the_report_reads_of_receptive_fields():
    fields = torch.stack([torch.eye(4), torch.ones(4, 4)])
    curves = receptive_field.curves(fields, (2, 2))
    assert curves["x"] == [1, 2]
    first, last = curves["series"]["radius"]
    assert first < last == curves["even"]


def test_a_picture_of_kernels_shows_sign_and_strength():
    layer = torch.zeros(3, 3, 3)
    layer[1, 0, 0], layer[1, 2, 2], layer[2, 1, 1] = 2.0, -2.0, 0.1
    picture = np.array(kernels.picture([layer], num_shown=4, zoom=2).convert("RGB"))
    gap, side = kernels.GAP, 6 + 2 * kernels.GAP
    assert picture.shape == (side, 5 * side, 3)
    strongest, second = (
        picture[gap : gap + 6 : 2, place * side + gap : place * side + gap + 6 : 2] for place in (1, 2)
    )
    assert tuple(strongest[0, 0]) == kernels.POSITIVE
    assert tuple(strongest[2, 2]) == kernels.NEGATIVE
    assert tuple(strongest[1, 1]) == kernels.ZERO
    assert tuple(second[1, 1]) == kernels.POSITIVE, "each on its own scale"
    assert (picture[:gap] == 255).all()
    assert (picture[:, -side:] == 255).all(), "there are three kernels"


@pytest.mark.parametrize(
    ("mixer", "shapes"), [("lkca", [(1, 7, 7)] * 2), ("lkca_depthwise", [(16, 7, 7)] * 2), ("attention", [])]
)
def test_kernels_of_every_layer_are_found(mixer, shapes, job):
    made = job(f"model/mixer={mixer}")
    layers = kernels.learned_kernels(build_model(made.config.model, made.derived))
    assert [tuple(layer.shape) for layer in layers] == shapes
