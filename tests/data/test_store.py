"""Loading a data set: from its pack, its files, or the network, and never one in another's name."""

from __future__ import annotations

import json
import logging
import multiprocessing
import os
import shutil
import tempfile
from pathlib import Path

import numpy as np
import pytest

from lkca_exp.config.errors import ConfigError
from lkca_exp.config.schema import DataConfig
from lkca_exp.data.arrays import Arrays
from lkca_exp.data.download import md5_of
from lkca_exp.data.sources import SOURCES, cifar
from lkca_exp.data.store import load
from tests.data.published import cifar_batches, photos, write_cifar, write_svhn


def of(root, name: str = "cifar10", **more) -> Arrays:
    return load(DataConfig(name=name, root=str(root), **more))


def packs(root) -> list[str]:
    return sorted(path.name for path in (root / "packed").iterdir() if not path.name.startswith("."))


def test_a_data_set_is_fetched_packed_and_then_opened(server, tmp_path):
    root = tmp_path / "data"
    first = of(root)
    assert np.array_equal(first.train.images, photos(100, 32))
    assert first.warnings == ()
    assert [path for path, _ in server.requests] == ["/gone/cifar-10-python.tar.gz", "/cifar-10-python.tar.gz"]
    (root / "cifar10" / "cifar-10-python.tar.gz").unlink()  # the pack is all it takes
    again = of(root)
    assert np.array_equal(again.train.images, first.train.images)
    assert again.origin == first.origin
    assert md5_of(server_copy := tmp_path / "elsewhere" / "cifar-10-python.tar.gz") in again.origin, server_copy
    assert len(server.requests) == 2
    assert packs(root) == ["cifar10"]


def test_processes_at_once_fetch_and_read_once(server, tmp_path, monkeypatch):
    source, reads = SOURCES["cifar10"], tmp_path / "reads"
    read = source.read

    def noted(place, verify):
        with reads.open("a") as file:
            file.write("read\n")
        return read(place, verify)

    monkeypatch.setattr(source, "read", noted)
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=of, args=(tmp_path / "data",)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert len(server.requests) == 2
    assert reads.read_text() == "read\n"
    assert packs(tmp_path / "data") == ["cifar10"]


@pytest.mark.parametrize("damage", ["truncated", "altered", "no manifest"])
def test_a_damaged_pack_is_made_again(published, tmp_path, damage):
    of(tmp_path, archive=str(published))
    file = tmp_path / "packed" / "cifar10" / "train_images.npy"
    if damage == "truncated":
        os.truncate(file, 1000)
    elif damage == "altered":
        file.write_bytes(bytes(file.stat().st_size))
    else:
        (file.parent / "manifest.json").unlink()
    assert np.array_equal(of(tmp_path, archive=str(published)).train.images, photos(100, 32))
    assert np.array_equal(of(tmp_path).train.images, photos(100, 32))


def test_what_is_accepted_never_passes_for_the_published_set(archive, tmp_path):
    root = tmp_path / "data"
    accepted = of(root, archive=str(archive), verify=False)
    assert len(accepted.warnings) == 2
    (pack,) = packs(root)
    assert pack.startswith("cifar10-unverified-")
    again = of(root, archive=str(archive), verify=False)
    assert isinstance(again.train.images, np.memmap)
    assert again.warnings == accepted.warnings
    with pytest.raises(ConfigError, match="is not the published file"):
        of(root, archive=str(archive))
    with pytest.raises(ConfigError, match="cannot be fetched"):
        of(root)


def test_variants_are_kept_apart(tmp_path):
    root = tmp_path / "data"
    one = write_cifar(tmp_path / "one", "cifar10")
    other = write_cifar(tmp_path / "other", "cifar10", cifar_batches("cifar10", per_class=1))
    for _ in range(2):
        assert len(of(root, archive=str(one), verify=False).test) == 20
        assert len(of(root, archive=str(other), verify=False).test) == 10
    write_cifar(tmp_path / "one", "cifar10", cifar_batches("cifar10", per_class=1))
    assert len(of(root, archive=str(one), verify=False).test) == 10


def test_the_published_set_is_packed_once_however_it_is_named(published, tmp_path):
    root = tmp_path / "data"
    assert of(root, archive=str(published), verify=False).warnings == ()
    of(root, archive=str(published))
    of(root)
    assert packs(root) == ["cifar10"]


def test_an_archive_under_the_root_is_found(published, tmp_path):
    (tmp_path / "data").mkdir()
    published.rename(tmp_path / "data" / published.name)  # as torchvision has it
    assert len(of(tmp_path / "data").train) == 100


@pytest.mark.parametrize("broken", ["root is a file", "packed is a file"])
def test_where_nothing_can_be_written_files_are_read_each_time(published, tmp_path, broken):
    root = tmp_path / "data"
    if broken == "root is a file":
        root.write_text("")
    else:
        root.mkdir()
        (root / "packed").write_text("")
    for _ in range(2):
        assert np.array_equal(of(root, archive=str(published)).train.images, photos(100, 32))


@pytest.mark.parametrize("packed", [True, False])
def test_a_folder_that_may_only_be_read(published, packed):
    with tempfile.TemporaryDirectory() as folder:  # tmp_path lies where only its owner may go
        root = Path(folder, "data")
        root.mkdir()
        shutil.copy(published, root)
        if packed:
            of(root)
        for path in (Path(folder), root, *root.rglob("*/")):
            path.chmod(0o555)
        process = multiprocessing.get_context("fork").Process(target=_read_only, args=(root, packed))
        process.start()
        process.join(60)
        for path in (Path(folder), root, *root.rglob("*/")):
            path.chmod(0o755)
        assert process.exitcode == 0


def _read_only(root, packed: bool) -> None:
    if os.getuid() == 0:
        os.setuid(65534)  # root may write everywhere
    assert not os.access(root, os.W_OK)
    for _ in range(2):
        arrays = of(root)
        assert np.array_equal(arrays.train.images, photos(100, 32))
        assert isinstance(arrays.train.images, np.memmap) == packed


def test_a_full_disk_is_said_and_survived(published, tmp_path, monkeypatch, caplog):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "save", full)
    assert len(of(tmp_path, archive=str(published)).train) == 100
    assert "has to read the files again: [Errno 28] No space left" in caplog.text


def test_a_root_that_cannot_be_written_cannot_be_downloaded_to(server, tmp_path):
    (tmp_path / "data").write_text("")
    with pytest.raises(ConfigError, match=r"data/cifar10 cannot be written") as caught:
        of(tmp_path / "data")
    assert caught.value.key == "data.root"
    assert caught.value.remedy == "Choose another folder with data.root=DIR."


def test_a_download_that_brings_nothing_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(cifar, "MIRROR", "http://127.0.0.1:9/{file}")
    monkeypatch.setattr(SOURCES["cifar10"].published, "url", "http://127.0.0.1:9/cifar")
    with pytest.raises(ConfigError, match=r"cifar10 is in none of .*, and cannot be fetched \(http://127.0.0.1:9"):
        of(tmp_path / "data")
    assert not (tmp_path / "data").exists()


def test_an_archive_that_is_not_there(tmp_path):
    with pytest.raises(ConfigError, match="There is no such file or folder") as caught:
        of(tmp_path, archive="nowhere.tar.gz")
    assert caught.value.key == "data.archive"


def test_an_archive_of_another_data_set(published, tmp_path):
    other = write_cifar(tmp_path, "cifar100")
    with pytest.raises(ConfigError, match="is not the published file"):
        of(tmp_path, archive=str(other))
    with pytest.raises(ConfigError, match="lacks cifar-10-batches-py/data_batch_1"):
        of(tmp_path, archive=str(other), verify=False)


def test_the_manifest_says_where_the_arrays_come_from(published, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    of(tmp_path, archive=str(published))
    manifest = json.loads((tmp_path / "packed" / "cifar10" / "manifest.json").read_text())
    assert manifest["origin"] == f"{published} (MD5 {md5_of(published)})"
    assert manifest["files"]["train_images.npy"]["shape"] == [100, 3, 32, 32]
    assert "reading cifar10 from" in caplog.text


def test_several_files_are_one_place(tmp_path):
    write_svhn(tmp_path / "svhn")
    assert len(of(tmp_path, "svhn", verify=False).train) == 30
    os.utime(tmp_path / "svhn" / "test_32x32.mat", (1, 1))
    of(tmp_path, "svhn", verify=False)
    assert len(packs(tmp_path)) == 2  # it may have been another file


def test_a_set_that_is_nowhere_to_be_fetched_says_where_it_should_lie(tmp_path, monkeypatch):
    monkeypatch.setattr(type(SOURCES["svhn"]), "files", lambda self, place: [place / "train.mat"])
    monkeypatch.setattr(type(SOURCES["svhn"]), "remote_files", lambda self: ())
    with pytest.raises(ConfigError, match=f"in none of {tmp_path}/svhn, {tmp_path}, and is nowhere to be fetched from"):
        of(tmp_path, "svhn")
    assert not list(tmp_path.iterdir())
