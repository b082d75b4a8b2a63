"""Packs: the same arrays again, in no time, and never damaged ones."""

from __future__ import annotations

import json
import os
import shutil
import time

import numpy as np
import pytest

from lkca_exp.data import pack
from lkca_exp.data.arrays import Arrays, Split
from lkca_exp.data.pack import is_sound, open_pack, write_pack


def arrays(count: int = 40) -> Arrays:
    images = np.random.default_rng(0).integers(0, 256, (count, 3, 8, 8), dtype=np.uint8)
    split = Split(images, np.arange(count) % 10)
    return Arrays(split, split.take(np.arange(10)), tuple("abcdefghij"), "somewhere (MD5 0)", ("strange",))


@pytest.fixture
def folder(tmp_path):
    write_pack(tmp_path / "set", arrays(), [["file", 1, 2]])
    return tmp_path / "set"


@pytest.fixture
def hashed(monkeypatch):
    """The files whose checksum has been computed."""
    computed = []
    sha256 = pack.sha256
    monkeypatch.setattr(pack, "sha256", lambda file: computed.append(file.name) or sha256(file))
    return computed


def test_a_pack_gives_back_what_was_packed(folder):
    opened, packed = open_pack(folder), arrays()
    for ours, theirs in ((opened.train, packed.train), (opened.test, packed.test)):
        assert np.array_equal(ours.images, theirs.images)
        assert np.array_equal(ours.labels, theirs.labels)
        assert ours.images.dtype == np.uint8
        assert ours.labels.dtype == np.int64
    assert (opened.class_names, opened.origin, opened.warnings) == (packed.class_names, packed.origin, packed.warnings)


def test_arrays_are_mapped_and_what_is_done_to_them_stays_here(folder):
    opened = open_pack(folder)
    assert isinstance(opened.train.images, np.memmap)
    opened.train.images[:] = 0
    assert np.array_equal(open_pack(folder).train.images, arrays().train.images)


def test_a_second_start_computes_no_checksum(folder, hashed):
    assert open_pack(folder) is not None
    assert hashed == []


def test_it_is_for_the_files_it_was_read_from(folder):
    assert open_pack(folder, [["file", 1, 2]]) is not None
    assert open_pack(folder, [["file", 1, 3]]) is None


@pytest.mark.parametrize("file", pack.FILES)
def test_a_missing_file(folder, file):
    (folder / file).unlink()
    assert open_pack(folder) is None


@pytest.mark.parametrize("file", pack.FILES)
def test_a_file_cut_short(folder, file):
    os.truncate(folder / file, (folder / file).stat().st_size - 2)
    assert open_pack(folder) is None


@pytest.mark.parametrize("file", pack.FILES[:-1])
def test_a_flipped_byte_even_if_its_time_was_set_back(folder, file):
    before = (folder / file).stat()
    time.sleep(0.02)  # longer than a tick of the file system's clock
    with (folder / file).open("r+b") as stream:
        stream.seek(-1, os.SEEK_END)
        last = stream.read(1)[0]
        stream.seek(-1, os.SEEK_END)
        stream.write(bytes([last ^ 1]))
    os.utime(folder / file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert open_pack(folder) is None


def test_a_byte_that_the_disk_flipped_is_detected_by_a_thorough_check(folder, monkeypatch):
    before = pack.stamps(folder)
    with (folder / "test_images.npy").open("r+b") as stream:
        stream.seek(-1, os.SEEK_END)
        stream.write(b"\1")
    monkeypatch.setattr(pack, "stamps", lambda folder: before)  # the file system noticed nothing
    assert is_sound(folder)
    assert not is_sound(folder, thoroughly=True)


def test_a_copy_is_checked_once(folder, tmp_path, hashed):
    shutil.copytree(folder, tmp_path / "copy")
    assert open_pack(tmp_path / "copy") is not None
    assert sorted(hashed) == sorted(pack.FILES[:-1])
    hashed.clear()
    assert open_pack(tmp_path / "copy") is not None
    assert hashed == []


def test_another_format_is_not_opened(folder):
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(manifest | {"format": pack.FORMAT + 1}))
    assert open_pack(folder) is None


def test_packing_again_replaces_a_damaged_pack_under_the_feet_of_its_users(folder):
    in_use = open_pack(folder)
    os.truncate(folder / "test_labels.npy", 10)
    write_pack(folder, arrays(20), [])
    assert len(open_pack(folder).train) == 20
    assert np.array_equal(in_use.train.images, arrays().train.images)
    assert {path.name for path in folder.iterdir()} == {*pack.FILES, "checked.json"}


def test_a_failure_leaves_what_was_there_and_no_rubbish(folder, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "save", full)
    with pytest.raises(OSError, match="No space left"):
        write_pack(folder, arrays(20), [])
    assert len(open_pack(folder).train) == 40
    assert [path.name for path in folder.parent.iterdir()] == ["set"]


def test_what_a_killed_process_left_is_cleared_away(folder):
    (folder.parent / ".set.abc.tmp").mkdir()
    write_pack(folder, arrays(), [])
    assert [path.name for path in folder.parent.iterdir()] == ["set"]
