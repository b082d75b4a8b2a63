"""Anyone's own images: what is read of a folder, which pixels it gives, and what is refused."""

from __future__ import annotations

import re
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lkca_exp.cli.data import main
from lkca_exp.config.errors import ConfigError
from lkca_exp.config.folder import facts_of, image_files, usual_patch_size
from lkca_exp.config.job import Job, compose
from lkca_exp.config.schema import DataConfig
from lkca_exp.data.content import run_of
from lkca_exp.data.pixels import pixels_of
from lkca_exp.data.prepare import prepare
from lkca_exp.data.store import load
from tests.data.published import bomb, jpeg, photos

CLASSES = {"cat": 10, "dog": 6, "emu": 4}


def picture(path: Path, shade: int, size: tuple[int, int] = (24, 20)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (shade, 100, 200)).save(path)


@pytest.fixture
def root(tmp_path) -> Path:
    """One level of three classes, each image of a shade of its own."""
    for label, (name, count) in enumerate(CLASSES.items()):
        for index in range(count):
            picture(tmp_path / "animals" / name / f"{index}.png", 80 * label + index)
    return tmp_path / "animals"


def data(root: Path, **keys) -> DataConfig:
    return DataConfig(**{"name": "folder", "root": str(root), "image_size": 16} | keys)


def make(root: Path, *more: str) -> Job:
    return compose(["data=folder", f"data.root={root}", "data.image_size=16", *more])


def shades(split) -> list[tuple[int, int]]:
    return [(int(image[0, 0, 0]), int(label)) for image, label in zip(split.images, split.labels, strict=True)]


def test_one_level_is_split_within_each_class_by_the_seed(root):
    arrays = load(data(root))
    assert arrays.class_names == ("cat", "dog", "emu")
    assert Counter(arrays.test.labels.tolist()) == {0: 2, 1: 1, 2: 1}
    assert arrays.train.images.shape == (16, 3, 16, 16)
    everything = sorted(shades(arrays.train) + shades(arrays.test))
    assert everything == sorted((80 * label + i, label) for label, n in enumerate(CLASSES.values()) for i in range(n))
    assert shades(load(data(root)).test) == shades(arrays.test)
    assert shades(load(data(root, subset_seed=1)).test) != shades(arrays.test)
    assert "split by data.subset_seed=0, 20% of each class for test" in arrays.origin


@pytest.mark.parametrize("test", ["test", "val"])
def test_a_split_that_is_given_is_kept(root, test):
    (root / "train").mkdir()
    for name in CLASSES:
        (root / name).rename(root / "train" / name)
    picture(root / test / "dog" / "deeper" / "x.jpg", 250)
    arrays = load(data(root))
    assert (len(arrays.train), len(arrays.test), arrays.test.labels.tolist()) == (20, 1, [1])


def test_the_facts_are_known_before_an_image_is_opened(root):
    (root / "cat" / "0.png").write_bytes(b"")
    facts = facts_of(data(root, image_size=28))
    assert (facts.num_train, facts.num_test, facts.min_images_per_class, facts.num_classes) == (16, 4, 3, 3)
    assert (facts.patch_size, usual_patch_size(64), usual_patch_size(97)) == (4, 8, 97)


def test_mean_and_deviation_are_those_of_the_training_images(root):
    run_data = prepare(make(root).config)
    pixels = load(data(root)).train.images / 255
    assert run_data.mean == pytest.approx(pixels.mean(axis=(0, 2, 3)), abs=1e-4)
    deviations = pixels.std(axis=(0, 2, 3))
    assert deviations[1:] == pytest.approx([0, 0], abs=1e-9)
    assert run_data.std == pytest.approx([deviations[0], 1.0, 1.0], abs=1e-4)  # 1 where there is none to divide by


def test_a_pack_is_made_once_and_made_again_when_an_image_changes(root, monkeypatch):
    before = load(data(root))
    with monkeypatch.context() as opened:
        opened.setattr(Image, "open", lambda *args: pytest.fail("an image was opened"))
        assert shades(load(data(root)).train) == shades(before.train)
    picture(root / "emu" / "0.png", 255)
    assert load(data(root)).content != before.content


def test_other_images_are_another_run_and_the_same_elsewhere_the_same(root, tmp_path):
    shutil.copytree(root, tmp_path / "copy", ignore=shutil.ignore_patterns(".lkca_exp"))
    shutil.copytree(root, tmp_path / "other", ignore=shutil.ignore_patterns(".lkca_exp"))
    picture(tmp_path / "other" / "dog" / "0.png", 3)
    first, copied, changed = (run_of(make(folder)).id for folder in (root, tmp_path / "copy", tmp_path / "other"))
    assert first == copied
    assert len({first, changed, run_of(make(root, "data.subset_seed=5")).id}) == 3
    assert run_of(make(root)).label.startswith("animals-")


def of_kind(mode: str) -> Image.Image:
    """A horizontal ramp of greys from 0 to 240, in `mode`."""
    ramp = np.tile(np.arange(16, dtype=np.uint8) * 16, (16, 1))
    if mode == "I;16":
        return Image.fromarray(ramp.astype(np.uint16) * 256)
    if mode == "transparent":
        image = Image.fromarray(ramp).convert("RGBA")
        image.putalpha(Image.fromarray(np.where(np.arange(16) < 8, 255, 0).astype(np.uint8)[None].repeat(16, 0)))
        return image
    return Image.fromarray(ramp).convert(mode)


@pytest.mark.parametrize(("mode", "suffix"), [("RGB", "png"), ("RGB", "bmp"), ("RGB", "tiff"), ("RGB", "webp"),
    ("L", "png"), ("P", "png"), ("LA", "png"), ("I;16", "png"), ("I;16", "tiff"), ("CMYK", "tiff")])  # fmt: skip
@pytest.mark.parametrize("channels", [1, 3])
def test_every_kind_of_image_gives_its_pixels(tmp_path, mode, suffix, channels):
    options = {"lossless": True} if suffix == "webp" else {}
    of_kind(mode).save(tmp_path / f"ramp.{suffix}", **options)
    with Image.open(tmp_path / f"ramp.{suffix}") as image:
        pixels = pixels_of(image, 16, channels)
    assert pixels.shape == (channels, 16, 16)
    assert np.abs(pixels.astype(int) - np.arange(16) * 16).max() <= (1 if mode == "CMYK" else 0)


def test_what_is_transparent_is_white():
    assert pixels_of(of_kind("transparent"), 16, 1)[0, 0].tolist() == [16 * i for i in range(8)] + [255] * 8


def test_a_photograph_is_turned_as_it_was_taken(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned right by 90 degrees
    image = Image.fromarray(np.repeat(np.array([[0] * 8 + [255] * 8], np.uint8), 16, axis=0))
    image.save(tmp_path / "turned.jpg", exif=exif, quality=100)
    with Image.open(tmp_path / "turned.jpg") as turned:
        pixels = pixels_of(turned, 16, 1)[0]
    assert pixels[:6].max() < 20
    assert pixels[10:].min() > 235


def test_an_image_that_fits_is_not_resampled_and_a_larger_one_keeps_its_centre(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "noise.jpg")
    with Image.open(tmp_path / "noise.jpg") as image:
        decoded = np.asarray(image.convert("RGB"))
    with Image.open(tmp_path / "noise.jpg") as image:
        assert np.array_equal(pixels_of(image, 32, 3), decoded.transpose(2, 0, 1))
    wide = Image.new("L", (96, 32), 0)
    wide.paste(255, (32, 0, 64, 32))
    assert pixels_of(wide, 16, 1)[..., 2:-2].min() == 255


def test_files_that_are_no_images_are_left_alone(root):
    (root / "cat" / "Thumbs.db").write_bytes(b"x")
    (root / "cat" / ".hidden.png").write_bytes(b"x")
    (root / ".git").mkdir()
    (root / "README.txt").write_text("animals")
    assert len(image_files(data(root)).train) == 16


def empty(root: Path) -> None:
    (root / "fox").mkdir()


def single(root: Path) -> None:
    picture(root / "fox" / "0.png", 1)


def one_class(root: Path) -> None:
    shutil.rmtree(root / "dog")
    shutil.rmtree(root / "emu")


def no_test(root: Path) -> None:
    (root / "cat").rename(root / "train")


def strange_test(root: Path) -> None:
    picture(root / "train" / "cat" / "0.png", 1)
    picture(root / "train" / "dog" / "0.png", 1)
    picture(root / "test" / "fox" / "0.png", 1)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [(empty, "fox.*holds no image"), (single, "class fox has one image"), (one_class, "holds 1 folder"),
     (no_test, "no folder test or val"), (strange_test, "test/fox.*no folder in train"),
     (shutil.rmtree, "no such folder")])  # fmt: skip
def test_a_folder_that_is_no_data_set_is_refused_before_anything_is_read(root, spoil, message):
    spoil(root)
    with pytest.raises(ConfigError, match=f"(?s){message}"):
        make(root)


def zero_bytes(file: Path) -> None:
    file.write_bytes(b"")


def cut_short(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:60])


def huge(file: Path) -> None:
    Image.new("1", (20_000, 20_000)).save(file)


def link_out(file: Path) -> None:
    file.unlink()
    picture(file.parents[2] / "elsewhere.png", 1)
    file.symlink_to(file.parents[2] / "elsewhere.png")


def link_to_itself(file: Path) -> None:
    file.unlink()
    file.symlink_to(file)


@pytest.mark.parametrize("spoil", [zero_bytes, cut_short, huge, link_out, link_to_itself])
def test_a_file_that_cannot_be_read_is_named(root, spoil):
    spoil(root / "dog" / "3.png")
    with pytest.raises(ConfigError, match=r"dog/3\.png"):
        run_of(make(root))
    assert not list(root.glob(".lkca_exp/folder*"))


def test_keys_go_with_a_folder_only_and_a_size_is_needed(root):
    with pytest.raises(ConfigError, match="Nothing would read it"):
        compose(["data.image_size=16"])
    with pytest.raises(ConfigError, match="to what images are resized"):
        compose(["data=folder", f"data.root={root}"])
    with pytest.raises(ConfigError, match="rarest class of folder has 3"):
        make(root, "data.images_per_class=4")


def test_an_image_that_would_fill_the_memory_is_named(root):
    (root / "cat" / "big.jpg").write_bytes(bomb(jpeg(photos(1, 64)[0])))
    with pytest.raises(ConfigError, match=r"cat/big.jpg cannot be read as an image: .*400000000 pixels"):
        load(data(root))


def test_a_folder_that_was_packed_is_listed(root, capsys):
    load(data(root))
    main(["list", f"data.root={root}"])
    assert re.search(r"folder +packed +16 +4 ", capsys.readouterr().out)


def test_a_sweep_over_a_folder_has_results(root, in_process):
    words = ["data=folder", f"data.root={root}", "data.image_size=16", "epochs=1", "logger=none"]
    done = in_process("-m", *words, "model/mixer=attention,lkca", "model.width=16", "model.depth=1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "on folder" in done.stdout
