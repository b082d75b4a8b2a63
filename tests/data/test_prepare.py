"""What a run trains on, validates on and is tested on."""

from __future__ import annotations

import numpy as np
import pytest

from lkca_exp.augment.pipeline import Augmentation
from lkca_exp.batches.loader import TrainLoader
from lkca_exp.config.errors import ConfigError
from lkca_exp.config.job import compose
from lkca_exp.data.prepare import RunData, prepare
from tests.data.published import photos, write_cifar, write_svhn


@pytest.fixture
def run_data(tmp_path):
    """The data of a run on a small SVHN or CIFAR-100."""
    archives = {"svhn": write_svhn(tmp_path, per_class=20), "cifar100": write_cifar(tmp_path, "cifar100")}

    def make(name: str, *overrides: str) -> RunData:
        files = [f"data.archive={archives[name]}", "data.verify=false", f"data.root={tmp_path / 'data'}"]
        return prepare(compose([f"data={name}", *files, *overrides]).config)

    return make


def test_all_of_train_stays_in_the_mapped_file(run_data):
    data = run_data("svhn", "protocol=final")
    assert isinstance(data.train.images, np.memmap)
    loader = TrainLoader(data.train, 8, 0, lambda: 0, Augmentation(), lambda images: images.float())
    assert np.shares_memory(loader.images.numpy(), data.train.images)
    assert np.array_equal(loader.images.numpy(), photos(200, 32))


def test_subsets_and_held_out_images_of_a_new_set(run_data):
    data = run_data("svhn", "protocol=holdout", "data.images_per_class=10")
    assert np.bincount(data.train.labels).tolist() == [9] * 10
    assert np.bincount(data.validation.labels).tolist() == [1] * 10
    assert len(data.test) == 200
    assert data.class_names == tuple("0123456789")
    assert len(data.warnings) == 3


def test_a_fraction_of_a_hundred_classes(run_data):
    data = run_data("cifar100", "protocol=best_on_test", "data.fraction=0.5")
    assert np.bincount(data.train.labels).tolist() == [1] * 100
    assert data.validation is data.test
    assert data.validation_name == "test"


def test_more_images_than_these_files_have(run_data):
    """The published set would have had them, so that the configuration alone could not tell."""
    with pytest.raises(ConfigError, match="The rarest class of these files has 20 training images"):
        run_data("svhn", "data.images_per_class=21")


def test_more_images_than_the_published_set_has():
    with pytest.raises(ConfigError, match="The rarest class of svhn has 4659 training images"):
        compose(["data=svhn", "data.images_per_class=4660"])


def test_an_archive_that_nothing_would_read():
    with pytest.raises(ConfigError, match="digits comes with scikit-learn"):
        compose(["data=digits", "data.archive=digits.zip"])
