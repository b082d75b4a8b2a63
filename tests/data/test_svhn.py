"""SVHN, in the format of its authors."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.io import savemat

from lkca_exp.config.errors import ConfigError
from lkca_exp.config.schema import DataConfig
from lkca_exp.data.arrays import Arrays
from lkca_exp.data.store import load
from tests.data.published import photos, write_svhn


def accept(folder, verify: bool = False) -> Arrays:
    return load(DataConfig(name="svhn", root=str(folder / "root"), archive=str(folder), verify=verify))


def test_the_digit_zero_which_is_labelled_ten_is_class_zero(tmp_path):
    arrays = accept(write_svhn(tmp_path))
    assert arrays.train.labels.tolist() == [1, 2, 3, 4, 5, 6, 7, 8, 9, 0] * 3
    assert np.array_equal(arrays.train.images, photos(30, 32))
    assert np.array_equal(arrays.test.images, photos(30, 32, first=30))
    assert arrays.train.images.flags.c_contiguous
    assert len(arrays.warnings) == 3


def test_another_file_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"train_32x32.mat is not the .* expected e26dedcc434d2e4c54c9b2d4a06d8373"):
        accept(write_svhn(tmp_path), verify=True)


def test_a_missing_file_is_named(tmp_path):
    (write_svhn(tmp_path) / "test_32x32.mat").unlink()
    with pytest.raises(ConfigError, match=r"It lacks .*test_32x32.mat"):
        accept(tmp_path)


def test_a_file_cut_short(tmp_path):
    file = write_svhn(tmp_path) / "train_32x32.mat"
    file.write_bytes(file.read_bytes()[:-500])
    with pytest.raises(ConfigError, match=r"train_32x32.mat is damaged, or no MATLAB file"):
        accept(tmp_path)


@pytest.mark.parametrize(
    ("contents", "message"),
    [({"X": photos(2, 32)}, "no MATLAB file with X and y"),
     ({"X": np.zeros((32, 32, 3, 2)), "y": [[1], [2]]}, "holds X of float64"),
     ({"X": np.zeros((28, 28, 3, 2), np.uint8), "y": [[1], [2]]}, r"images of shape \(2, 3, 28, 28\)"),
     ({"X": np.zeros((32, 32, 3, 2), np.uint8), "y": [[1], [11]]}, "labels from 1 to 11")],
)  # fmt: skip
def test_other_contents(contents, message, tmp_path):
    savemat(write_svhn(tmp_path) / "train_32x32.mat", contents)
    with pytest.raises(ConfigError, match=message):
        accept(tmp_path)
