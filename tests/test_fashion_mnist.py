"""Training on real images, to the accuracy that the records of this project know."""

from __future__ import annotations

import pytest

from lkca_exp.config.job import compose
from lkca_exp.data.content import run_of
from lkca_exp.data.sources import SOURCES, fashion_mnist
from lkca_exp.engine.lifecycle import train
from lkca_exp.runs.record import read

needs_fashion_mnist = pytest.mark.skipif(
    not SOURCES["fashion_mnist"].is_at(fashion_mnist.DEBIAN), reason="needs Debian's package dataset-fashion-mnist"
)


def accuracy(tmp_path, *overrides: str) -> float:
    job = compose([*overrides, "logger=none", f"paths.runs={tmp_path}"])
    train(run_of(job))
    return read(run_of(job).directory).metrics["test/top1"]


@pytest.mark.slow
@needs_fashion_mnist
def test_a_few_images_go_a_long_way(tmp_path):
    assert accuracy(tmp_path, "+experiment=fashion_mnist_scarce", "epochs=5") > 0.65


@pytest.mark.slow
@needs_fashion_mnist
def test_lkca_beats_attention_where_data_is_scarce(tmp_path):
    """The committed study, its first seed: experiments/fashion_mnist_scarce."""
    lkca, attention = (
        accuracy(tmp_path, "+experiment=fashion_mnist_scarce", f"model/mixer={mixer}")
        for mixer in ("lkca", "attention")
    )
    assert lkca > attention + 0.02


@pytest.mark.slow
@needs_fashion_mnist
def test_an_epoch_of_all_images(tmp_path):
    assert accuracy(tmp_path, "+experiment=fashion_mnist_lkca", "epochs=1") > 0.75
