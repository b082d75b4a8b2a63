from __future__ import annotations

import base64
import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from lkca_exp.data.arrays import Arrays, Split
from lkca_exp.data.pack import open_pack, write_pack
from lkca_exp.report.build import report
from lkca_exp.report.compare.choice import Choice
from lkca_exp.report.content import gather
from lkca_exp.runs.record import Record, read, write

LABELS = np.arange(40) % 5
IMAGES = np.arange(40, dtype=np.uint8).reshape(40, 1, 1, 1).repeat(8, 2).repeat(8, 3)
NAMES = ("cat", "dog", "<b>", "owl", "elk")


@pytest.fixture
def data(tmp_path):
    """The root of the packed data."""
    split = Split(IMAGES, LABELS)
    (tmp_path / "data" / "packed").mkdir(parents=True)
    write_pack(tmp_path / "data" / "packed" / "digits", Arrays(split, split, NAMES, "here"), [])
    return tmp_path / "data"


@pytest.fixture
def trained(make_run, data):
    """Writes a run that errs on some test images, in which it predicts the next class; returns its folder."""

    def make(mixer: str, seed: int, wrong: list[int], content: str | None = None):
        folder = make_run(mixer, seed, 1 - len(wrong) / 40, config={"data.root": str(data)}, class_names=NAMES)
        predictions = LABELS.copy()
        predictions[wrong] = (LABELS[wrong] + 1) % 5
        np.savez_compressed(folder / "predictions.npz", labels=LABELS, predictions=predictions)
        record = read(folder)
        assert isinstance(record, Record)
        write(folder, replace(record, derived=record.derived | {"num_classes": 5, "data_content": content}))
        return folder

    return make


def galleries(study, **choice):
    content = gather([study], Choice(**choice), [])
    return [gallery for block in content.blocks for gallery in block.galleries]


def pixels(tile) -> np.ndarray:
    kind, _, text = tile.address.partition(",")
    assert kind == "data:image/png;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(text))))


def test_the_images_on_which_most_seeds_agree_come_first(trained, data):
    """Image 7 is wrong in all of attention's seeds, 2 in two of three; 9 in one, which is no majority."""
    for seed, wrong in enumerate([[2, 7], [2, 7, 9], [7, 30]]):
        trained("attention", seed, wrong)
    for seed in range(3):
        trained("lkca", seed, [30])
    ours, theirs = galleries(data.parent / "runs" / "digits_compare")
    assert ours.heading == "Right by lkca, wrong by attention"
    assert [(tile.caption, tile.note) for tile in ours.tiles] == [
        ("<b>", "predicted: owl (3 of 3 seeds)"),
        ("<b>", "predicted: owl (2 of 3 seeds)"),
    ]
    assert [pixels(tile).tolist() for tile in ours.tiles] == [IMAGES[7, 0].tolist(), IMAGES[2, 0].tolist()]
    assert ours.note.startswith("2 of 40 test images")
    assert theirs.heading == "Right by attention, wrong by lkca"
    assert [pixels(tile)[0, 0] for tile in theirs.tiles] == [30]


def test_no_more_than_24_are_shown_and_names_are_text(trained, data):
    trained("attention", 0, list(range(20)))
    trained("lkca", 0, list(range(20, 40)))
    study = data.parent / "runs" / "digits_compare"
    page = report([study], Console(quiet=True)).read_text()
    assert page.count("data:image/png") == 24
    assert "20 of 40 test images are classified rightly by lkca and wrongly by attention." in page
    assert "These are 12 of those that the models agree on most." in page
    assert "<figcaption>&lt;b&gt;</figcaption>" in page


def test_they_are_left_out_on_request(trained, data):
    trained("attention", 0, [1])
    trained("lkca", 0, [])
    assert galleries(data.parent / "runs" / "digits_compare", images=False) == []


def test_a_line_says_that_the_data_are_not_there(trained, data, make_run):
    trained("attention", 0, [1])
    trained("lkca", 0, [])
    (data / "packed" / "digits" / "test_images.npy").unlink()
    (gallery,) = galleries(data.parent / "runs" / "digits_compare")
    assert gallery.tiles == []
    assert "packed does not have digits" in gallery.note


def test_other_images_than_the_runs_are_not_shown(trained, data):
    """Unverified files are found by the content that the record names."""
    packed = data / "packed"
    other = Split(255 - IMAGES, LABELS)
    write_pack(packed / "digits-unverified-1", Arrays(other, other, NAMES, "x"), [])
    content = open_pack(packed / "digits-unverified-1").content
    trained("attention", 0, [1], content)
    trained("lkca", 0, [], content)
    study = data.parent / "runs" / "digits_compare"
    assert pixels(galleries(study)[0].tiles[0])[0, 0] == 254
    for folder in study.glob("digits-*"):
        record = read(folder)
        write(folder, replace(record, derived=record.derived | {"data_content": "another"}))
    assert galleries(study)[0].tiles == []


@pytest.mark.parametrize("spoiled", [{"data.root": 7}, {"data.root": "\0"}, {"data.name": "../digits"}])
def test_a_record_cannot_lead_elsewhere(trained, data, make_run, spoiled):
    for mixer, wrong in (("attention", [1]), ("lkca", [])):
        folder = trained(mixer, 0, wrong)
        record = read(folder)
        key, value = next(iter(spoiled.items()))
        config = {**record.config, "data": {**record.config["data"], key.removeprefix("data."): value}}
        write(folder, replace(record, config=config))
    assert all(not gallery.tiles for gallery in galleries(data.parent / "runs" / "digits_compare"))
