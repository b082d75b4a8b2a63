"""Tiny-ImageNet: as it is shipped, unpacked, and re-arranged as many recipes do."""

from __future__ import annotations

import zipfile

import numpy as np
import pytest

from lkca_exp.config.errors import ConfigError
from lkca_exp.config.schema import DataConfig
from lkca_exp.data.arrays import Arrays
from lkca_exp.data.sources import SOURCES
from lkca_exp.data.sources.base import FilesError
from lkca_exp.data.store import load
from tests.data.published import WNIDS, bomb, jpeg, photos, tiny_imagenet_members, write_tiny_imagenet_zip, write_tree


def accept(place, verify: bool = False) -> Arrays:
    return load(DataConfig(name="tiny_imagenet", root=str(place.parent / "r"), archive=str(place), verify=verify))


@pytest.fixture
def members():
    return tiny_imagenet_members()


def sorted_into_folders(members: dict[str, bytes]) -> dict[str, bytes]:
    """val/<wnid>/<file> instead of val/images/<file>; the annotations are left where they were."""
    lines = members["val/val_annotations.txt"].decode().splitlines()
    wnid_of = dict(line.split("\t")[:2] for line in lines)
    moved = {}
    for name, data in members.items():
        file = name.removeprefix("val/images/")
        moved[f"val/{wnid_of[file]}/{file}" if file in wnid_of else name] = data
    return moved


def test_the_archive(members, tmp_path):
    arrays = accept(write_tiny_imagenet_zip(tmp_path / "tiny.zip", members))
    assert arrays.class_names == ("goldfish", "European fire salamander", "Egyptian cat")
    assert arrays.train.labels.tolist() == [0] * 12 + [1] * 12 + [2] * 12
    assert arrays.test.labels.tolist() == [0, 0, 1, 1, 2, 2]
    difference = np.abs(arrays.train.images[2].astype(int) - photos(1, 64, first=2)[0])
    assert difference.mean() < 6  # number 2 comes before 10 and 11; JPEG loses something
    assert np.abs(arrays.test.images[3].astype(int) - photos(1, 64, first=1003)[0]).mean() < 6


def test_shades_of_grey_become_three_equal_channels(members, tmp_path):
    arrays = accept(write_tiny_imagenet_zip(tmp_path / "tiny.zip", members))
    grey = arrays.train.images[1]
    assert (grey[0] == grey[1]).all()
    assert (grey[0] == grey[2]).all()
    assert not (arrays.train.images[0][0] == arrays.train.images[0][1]).all()


@pytest.mark.parametrize("arrange", [dict, sorted_into_folders])
def test_an_unpacked_archive_gives_the_same_arrays_and_is_left_alone(members, tmp_path, arrange):
    folder = write_tree(tmp_path / "tiny-imagenet-200", arrange(members))
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    unpacked = accept(folder)
    shipped = accept(write_tiny_imagenet_zip(tmp_path / "tiny.zip", members))
    for ours, theirs in ((unpacked.train, shipped.train), (unpacked.test, shipped.test)):
        assert np.array_equal(ours.images, theirs.images)
        assert np.array_equal(ours.labels, theirs.labels)
    assert unpacked.class_names == shipped.class_names
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before
    assert "unpacked archive, which has no checksum" in unpacked.warnings[0]


def test_an_archive_unpacked_under_the_root_is_found(members, tmp_path):
    folder = write_tree(tmp_path / "tiny-imagenet-200", members)
    assert SOURCES["tiny_imagenet"].find(tmp_path) == folder


def test_counts_are_verified(members, tmp_path):
    source = SOURCES["tiny_imagenet"]
    with pytest.raises(FilesError, match="holds 2 to 2 validation images a class, expected 50"):
        source.read(write_tree(tmp_path / "tree", members), True)
    with pytest.raises(ConfigError, match="expected 90528d7ca1a48142e341f4ef8d21d0de"):
        accept(write_tiny_imagenet_zip(tmp_path / "tiny.zip", members), verify=True)


def test_counts_of_an_unpacked_archive_are_verified(tmp_path):
    folder = write_tree(tmp_path / "tree", tiny_imagenet_members(WNIDS[:1], per_class=1, val_per_class=50))
    with pytest.raises(ConfigError, match="holds 1 training and 50 test images, 0 of the rarest class"):
        accept(folder, verify=True)


def test_an_image_without_an_annotation(members, tmp_path):
    members["val/images/val_99.JPEG"] = members["val/images/val_0.JPEG"]
    with pytest.raises(ConfigError, match=r"says nothing of 1 images \(val_99.JPEG\)"):
        accept(write_tiny_imagenet_zip(tmp_path / "tiny.zip", members))


@pytest.mark.parametrize(
    ("data", "message"),
    [(b"no image", "is damaged, or no JPEG"), (jpeg(photos(1, 64)[0])[:700], "is damaged, or no JPEG"),
     (bomb(jpeg(photos(1, 64)[0])), r"is damaged, or no JPEG: Image size \(400000000 pixels\) exceeds limit"),
     (jpeg(photos(1, 32)[0]), "has 32 x 32 pixels, expected 64 x 64")],
)  # fmt: skip
def test_a_bad_image_is_named(members, data, message, tmp_path):
    name = f"train/{WNIDS[0]}/images/{WNIDS[0]}_3.JPEG"
    with pytest.raises(ConfigError, match=rf"{name} {message}"):
        accept(write_tiny_imagenet_zip(tmp_path / "tiny.zip", members | {name: data}))


def test_an_archive_cut_short(members, tmp_path):
    archive = write_tiny_imagenet_zip(tmp_path / "tiny.zip", members)
    archive.write_bytes(archive.read_bytes()[:-1000])
    with pytest.raises(ConfigError, match="is damaged, or no ZIP archive"):
        accept(archive)


def test_a_flipped_byte_in_a_member(members, tmp_path):
    archive = write_tiny_imagenet_zip(tmp_path / "tiny.zip", members)
    data = bytearray(archive.read_bytes())
    data[data.index(members[f"train/{WNIDS[0]}/images/{WNIDS[0]}_0.JPEG"]) + 300] ^= 1
    archive.write_bytes(data)
    with pytest.raises(ConfigError, match=r"is damaged at .*_0.JPEG: Bad CRC-32"):
        accept(archive)


def test_a_folder_of_something_else(tmp_path):
    for name in ("train/cats/1.JPEG", "val/cats/1.JPEG"):
        write_tree(tmp_path / "mine", {name: b""})
    with pytest.raises(ConfigError, match="holds 0 training and 0 labelled validation images"):
        accept(tmp_path / "mine")


def test_members_that_point_elsewhere_are_harmless(members, tmp_path):
    archive = write_tiny_imagenet_zip(tmp_path / "in" / "tiny.zip", members)
    with zipfile.ZipFile(archive, "a") as more:
        more.writestr("../../escaped.txt", b"bad")
        more.writestr(str(tmp_path / "absolute.txt"), b"bad")
    accept(archive)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in"]
    assert sorted(path.name for path in (tmp_path / "in").iterdir()) == ["r", "tiny.zip"]
