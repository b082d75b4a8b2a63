"""Receptive fields and pictures of kernels."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lkca_exp.analysis import kernels, receptive_field
from lkca_exp.models.build import build_model


def test_with_kernels_of_one_token_the_centre_sees_its_own_patch_only(job):
    made = job("model.mixer.kernel_size=1")
    model = build_model(made.config.model, made.derived)
    fields = receptive_field.receptive_fields(model, torch.randn(4, 1, 8, 8), made.derived.grid)
    assert fields.shape == (2, 8, 8)
    seen = (fields[-1] > 0).nonzero()
    assert seen.min(0).values.tolist() == [4, 4]
    assert seen.max(0).values.tolist() == [5, 5]
    assert receptive_field.area(fields[-1]) <= 4 / 64


@pytest.mark.parametrize("overrides", [["model/mixer=attention"], ["model.mixer.kernel_size=7"]])
def test_attention_and_a_full_kernel_see_everything(overrides, job):
    made = job(*overrides)
    model = build_model(made.config.model, made.derived)
    fields = receptive_field.receptive_fields(model, torch.randn(4, 1, 8, 8), made.derived.grid)
    assert (fields > 0).all()
    assert fields.amax((1, 2)).tolist() == [1, 1]


def test_the_area_counts_the_strongest_pixels():
    field = torch.zeros(10, 10)
    field[0, :4] = 1
    assert receptive_field.area(field, 0.5) == 2 / 100
    assert receptive_field.area(torch.ones(10, 10), 0.9) == pytest.approx(0.9, abs=0.011)


def test_a_picture_of_kernels_shows_sign_and_strength():
    layer = torch.zeros(3, 3, 3)
    layer[1, 0, 0], layer[1, 2, 2], layer[2, 1, 1] = 2.0, -2.0, 0.1
    picture = np.array(kernels.picture([layer], num_shown=2, zoom=1))
    assert picture.shape == (5, 15, 3)
    strongest = picture[1:4, 6:9]
    assert tuple(strongest[0, 0]) == kernels.POSITIVE
    assert tuple(strongest[2, 2]) == kernels.NEGATIVE
    assert tuple(strongest[1, 1]) == kernels.ZERO
    assert tuple(picture[2, 12]) == kernels.POSITIVE, "each on its own scale"


def test_kernels_of_every_layer_are_found(job):
    made = job()
    found = kernels.learned_kernels(build_model(made.config.model, made.derived))
    assert [tuple(layer.shape) for layer in found] == [(16, 7, 7)] * 2
    made = job("model/mixer=attention")
    assert kernels.learned_kernels(build_model(made.config.model, made.derived)) == []
