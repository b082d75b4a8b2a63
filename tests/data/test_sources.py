"""The data sets that come as they are, or with the machine: whole and damaged."""

from __future__ import annotations

import gzip
import hashlib
import struct

import numpy as np
import pytest

from lkca_exp.config.errors import ConfigError
from lkca_exp.config.schema import DataConfig
from lkca_exp.config.specs import SPECS
from lkca_exp.data.arrays import Arrays
from lkca_exp.data.sources import SOURCES, fashion_mnist
from lkca_exp.data.store import load

needs_fashion_mnist = pytest.mark.skipif(
    not SOURCES["fashion_mnist"].is_at(fashion_mnist.DEBIAN), reason="needs Debian's package dataset-fashion-mnist"
)


def load_fashion_mnist(root, verify: bool = True) -> Arrays:
    return load(DataConfig(name="fashion_mnist", root=str(root), verify=verify))


@pytest.fixture
def nowhere(monkeypatch, tmp_path):
    """A machine without the Debian package and without a network."""
    from torchvision.datasets import FashionMNIST

    monkeypatch.setattr(fashion_mnist, "DEBIAN", tmp_path / "no" / "package")
    monkeypatch.setattr(fashion_mnist, "MIRRORS", ())
    monkeypatch.setattr(FashionMNIST, "mirrors", ["http://127.0.0.1:9/"])
    return tmp_path / "data"


def idx(array: np.ndarray) -> bytes:
    header = b"\0\0\x08" + bytes([array.ndim]) + struct.pack(f">{array.ndim}i", *array.shape)
    return gzip.compress(header + array.astype(np.uint8).tobytes())


@pytest.fixture
def folder(nowhere):
    """Four files in the true format, of other images."""
    files = nowhere / "fashion_mnist"
    files.mkdir(parents=True)
    generator = np.random.default_rng(0)
    for part, count in (("train", 50), ("t10k", 20)):
        images, labels = generator.integers(0, 256, (count, 28, 28)), np.arange(count) % 10
        (files / f"{part}-images-idx3-ubyte.gz").write_bytes(idx(images))
        (files / f"{part}-labels-idx1-ubyte.gz").write_bytes(idx(labels))
    return files


@pytest.mark.parametrize("name", ["digits", pytest.param("fashion_mnist", marks=needs_fashion_mnist)])
def test_the_facts_of_a_data_set_are_true(name, tmp_path):
    spec, arrays = SPECS[name], load(DataConfig(name=name, root=str(tmp_path)))
    assert arrays.warnings == ()
    assert arrays.class_names == spec.class_names
    for split, count in ((arrays.train, spec.num_train), (arrays.test, spec.num_test)):
        assert split.images.shape == (count, spec.channels, spec.image_size, spec.image_size)
        assert split.images.dtype == np.uint8
        assert split.labels.shape == (count,)
        assert set(split.labels) == set(range(spec.num_classes))
    assert np.bincount(arrays.train.labels).min() == spec.min_images_per_class
    pixels = arrays.train.images / 255
    assert pixels.mean(axis=(0, 2, 3)) == pytest.approx(spec.mean, abs=1e-4)
    assert pixels.std(axis=(0, 2, 3)) == pytest.approx(spec.std, abs=1e-4)
    assert pixels.max() == 1


def test_no_digit_is_in_both_splits():
    arrays = load(DataConfig(name="digits"))
    train, test = ({image.tobytes() for image in split.images} for split in (arrays.train, arrays.test))
    assert len(train & test) == 0
    assert len(train) + len(test) == 1797


def test_missing_files_without_a_network(nowhere):
    with pytest.raises(ConfigError) as caught:
        load_fashion_mnist(nowhere)
    message = str(caught.value)
    assert f"data.root={nowhere}" in message
    assert f"Put {', '.join(fashion_mnist.MD5_OF_CONTENTS)} into {nowhere / 'fashion_mnist'}" in message
    assert str(nowhere.parent / "no" / "package") in message
    assert not nowhere.exists()


def test_another_file_is_refused_with_both_checksums(folder):
    with pytest.raises(ConfigError) as caught:
        load_fashion_mnist(folder.parent)
    message = str(caught.value)
    assert str(folder / "train-images-idx3-ubyte.gz") in message
    assert "expected f4a8712d7a061bf5bd6d2ca38dc4d50a" in message
    md5 = hashlib.md5(gzip.decompress((folder / "train-images-idx3-ubyte.gz").read_bytes())).hexdigest()
    assert f"it has MD5 {md5}" in message


def test_another_file_is_accepted_on_request_and_said_so(folder):
    arrays = load_fashion_mnist(folder.parent, False)
    assert arrays.train.images.shape == (50, 1, 28, 28)
    assert arrays.test.labels.tolist() == [*range(10), *range(10)]
    assert len(arrays.warnings) == 5
    assert "is not the published file" in arrays.warnings[0]
    assert "holds 50 training and 20 test images, 5 of the rarest class" in arrays.warnings[4]


@pytest.mark.parametrize("verify", [True, False])
def test_a_truncated_archive(folder, verify):
    file = folder / "train-images-idx3-ubyte.gz"
    file.write_bytes(file.read_bytes()[:-2000])
    size = file.stat().st_size
    with pytest.raises(ConfigError, match=rf"train-images-idx3-ubyte.gz is damaged .*: {size} bytes") as caught:
        load_fashion_mnist(folder.parent, verify)
    assert "expected contents of MD5 f4a8712d7a061bf5bd6d2ca38dc4d50a" in str(caught.value)


def test_contents_cut_short(folder):
    file = folder / "t10k-labels-idx1-ubyte.gz"
    file.write_bytes(gzip.compress(gzip.decompress(file.read_bytes())[:-3]))
    with pytest.raises(ConfigError, match=r"t10k-labels-idx1-ubyte.gz is no IDX file .* or is cut short"):
        load_fashion_mnist(folder.parent, False)


def test_labels_that_do_not_belong_to_the_images(folder):
    (folder / "t10k-labels-idx1-ubyte.gz").write_bytes(idx(np.arange(19) % 10))
    with pytest.raises(ConfigError, match=r"images of shape \(20, 1, 28, 28\) and labels of shape \(19,\)"):
        load_fashion_mnist(folder.parent, False)


@needs_fashion_mnist
def test_a_folder_of_ones_own_comes_before_the_package(folder, monkeypatch):
    monkeypatch.undo()
    assert SOURCES["fashion_mnist"].find(folder.parent) == folder
    assert SOURCES["fashion_mnist"].find(folder) == fashion_mnist.DEBIAN
