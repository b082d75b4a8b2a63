"""CIFAR-10 and CIFAR-100, in the format of their authors."""

from __future__ import annotations

import io
import os
import pickle
import tarfile

import numpy as np
import pytest

from lkca_exp.config.errors import ConfigError
from lkca_exp.config.schema import DataConfig
from lkca_exp.data.arrays import Arrays
from lkca_exp.data.download import md5_of
from lkca_exp.data.sources import SOURCES
from lkca_exp.data.store import load
from tests.data.published import cifar_batches, photos, python2_pickle, write_cifar


def accept(archive, name: str = "cifar10", verify: bool = False) -> Arrays:
    return load(DataConfig(name=name, root=str(archive.parent / "root"), archive=str(archive), verify=verify))


@pytest.mark.parametrize(("name", "num_classes"), [("cifar10", 10), ("cifar100", 100)])
def test_images_and_labels_arrive_as_they_were_written(name, num_classes, tmp_path):
    arrays = accept(write_cifar(tmp_path, name), name)
    labels = [label for label in range(num_classes) for _ in range(2)]
    num_batches = 5 if name == "cifar10" else 1
    assert arrays.train.labels.tolist() == labels * num_batches
    assert arrays.test.labels.tolist() == labels
    assert arrays.train.labels.dtype == np.int64
    num_train = len(labels) * num_batches
    assert np.array_equal(arrays.train.images, photos(num_train, 32))
    assert np.array_equal(arrays.test.images, photos(len(labels), 32, first=num_train))
    assert len(arrays.class_names) == num_classes


def test_torchvision_reads_the_same(tmp_path, monkeypatch):
    """The fixture is in the true format: torchvision's own class reads it, to the same arrays."""
    from torchvision import datasets

    archive = write_cifar(tmp_path, "cifar10")
    with tarfile.open(archive) as tar:
        tar.extractall(tmp_path, filter="data")
    monkeypatch.setattr(datasets.CIFAR10, "_check_integrity", lambda self: True)
    monkeypatch.setattr(datasets.CIFAR10, "_load_meta", lambda self: None)
    theirs = datasets.CIFAR10(tmp_path, train=True)
    ours = accept(archive)
    assert np.array_equal(theirs.data.transpose(0, 3, 1, 2), ours.train.images)
    assert theirs.targets == ours.train.labels.tolist()


def test_an_unpacked_archive_gives_the_same(tmp_path):
    archive = write_cifar(tmp_path, "cifar100")
    with tarfile.open(archive) as tar:
        tar.extractall(tmp_path, filter="data")
    folder = accept(tmp_path / "cifar-100-python", "cifar100")
    assert np.array_equal(folder.train.images, accept(archive, "cifar100").train.images)
    assert len(folder.warnings) == 3  # two files, and their counts


def test_another_archive_is_refused_before_it_is_opened(tmp_path):
    archive = tmp_path / "cifar-10-python.tar.gz"
    archive.write_bytes(b"not an archive at all")
    with pytest.raises(ConfigError, match="expected c58f30108f718f92721af3b95e74349a") as caught:
        accept(archive, verify=True)
    assert caught.value.key == "data.archive"
    assert md5_of(archive) in str(caught.value)
    assert "data.verify=false" in caught.value.remedy


def test_another_archive_is_accepted_on_request_and_said_so(tmp_path, caplog):
    arrays = accept(write_cifar(tmp_path, "cifar10"))
    assert "is not the published file" in arrays.warnings[0]
    assert "holds 100 training and 20 test images, 10 of the rarest class" in arrays.warnings[1]
    assert all(warning in caplog.text for warning in arrays.warnings)


def test_counts_are_verified_even_where_the_checksum_is_right(tmp_path, monkeypatch):
    archive = write_cifar(tmp_path, "cifar10")
    monkeypatch.setattr(SOURCES["cifar10"].published, "tgz_md5", md5_of(archive))
    with pytest.raises(ConfigError, match="expected 50000, 10000 and 5000"):
        accept(archive, verify=True)


@pytest.mark.parametrize("lost", [2000, 20_000])
def test_an_archive_cut_short(lost, tmp_path):
    archive = write_cifar(tmp_path, "cifar10")
    archive.write_bytes(archive.read_bytes()[:-lost])
    with pytest.raises(ConfigError, match=r"is damaged, or no tar archive|lacks"):
        accept(archive)


def test_an_archive_that_lacks_a_batch(tmp_path):
    batches = cifar_batches("cifar10")
    del batches["data_batch_3"]
    with pytest.raises(ConfigError, match="lacks cifar-10-batches-py/data_batch_3"):
        accept(write_cifar(tmp_path, "cifar10", batches))


class Malicious:
    """Asks whoever unpickles it to make a folder."""

    def __init__(self, folder) -> None:
        self.folder = str(folder)

    def __reduce__(self):
        return os.mkdir, (self.folder,)


def test_a_malicious_pickle_is_not_executed(tmp_path):
    victim = tmp_path / "victim"
    batches = cifar_batches("cifar10") | {"data_batch_2": pickle.dumps({"data": Malicious(victim), "labels": [0]}, 2)}
    archive = write_cifar(tmp_path, "cifar10", batches)
    with pytest.raises(ConfigError, match=r"data_batch_2 is no pickle of arrays: it asks for (posix|nt)\.mkdir"):
        accept(archive)
    assert not victim.exists()
    pickle.loads(batches["data_batch_2"])
    assert victim.exists()  # so it would have worked


@pytest.mark.parametrize(
    "batch",
    [[1, 2], {"labels": [0]}, {"data": np.zeros((2, 3072)), "labels": [0, 1]},
     {"data": np.zeros((1, 3072), np.uint8), "labels": ["cat"]}, {"data": np.zeros((1, 100), np.uint8), "labels": [0]}],
)  # fmt: skip
def test_a_pickle_of_something_else(batch, tmp_path):
    batches = cifar_batches("cifar10") | {"test_batch": python2_pickle(batch)}
    with pytest.raises(ConfigError, match="test_batch is no batch of cifar10"):
        accept(write_cifar(tmp_path, "cifar10", batches))


def test_members_that_point_elsewhere_are_harmless(tmp_path):
    archive = write_cifar(tmp_path / "in", "cifar10")
    with tarfile.open(archive) as tar:
        contents = {member.name: tar.extractfile(member).read() for member in tar}
    with tarfile.open(archive, "w:gz") as tar:
        for name in ("../../escaped", str(tmp_path / "absolute"), "../cifar-10-batches-py/data_batch_1"):
            info = tarfile.TarInfo(name)
            info.size = 3
            tar.addfile(info, io.BytesIO(b"bad"))
        link = tarfile.TarInfo("cifar-10-batches-py/data_batch_1")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
        for name, data in contents.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    before = {path for path in tmp_path.rglob("*") if "root" not in path.parts}
    assert np.array_equal(accept(archive).train.images, photos(100, 32))
    written = set(tmp_path.rglob("*")) - before
    assert {path.relative_to(tmp_path / "in").parts[0] for path in written} == {"root"}
