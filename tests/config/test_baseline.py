from __future__ import annotations

import pytest

from lkca_exp.config.baseline import fits

KEYS = {
    "model.mixer.name": "lkca",
    "model.mixer.kernel_size": 7,
    "model.preset": None,
    "optim.name": "adamw",
    "optim.lr": 0.0055374233513904155,
    "augment.mirror": True,
    "seed": 1,
}


@pytest.mark.parametrize(
    "words",
    [
        "lkca",
        "lkca kernel_size=7",
        "mixer=lkca",
        "model/mixer=lkca",
        "adamw lr=0.00554",
        "lr=0.0055374233513904155",
        "mirror=true",
        "optim.lr=5.54e-3",
    ],
)
def test_words_that_are_true_of_a_configuration(words):
    assert fits(words, KEYS)


@pytest.mark.parametrize(
    "words",
    ["", " ", "attention", "lkca kernel_size=3", "size=7", "lr=0.0056", "lr=x", "mirror=1", "preset=lkca", "seed=true"],
)
def test_words_that_are_not(words):
    assert not fits(words, KEYS)
