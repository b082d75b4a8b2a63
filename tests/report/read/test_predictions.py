"""Predictions that are read, and files of one run that are damaged or of another run."""

from __future__ import annotations

import csv
import io
import shutil
import zipfile

import numpy as np
import pytest
from rich.console import Console

from lkca_exp.report.build import report
from lkca_exp.report.read.load import read_run
from lkca_exp.report.read.predictions import read_predictions
from tests.report.conftest import write_predictions

DIRECTORY = b"PK\x01\x02"
"""The start of an entry of a zip file's directory."""


@pytest.fixture
def folder(make_run):
    path = make_run()
    write_predictions(path, 0.9, num_images=20)
    return path


def test_predictions_are_read(folder):
    found = read_predictions(read_run(folder))
    assert found is not None
    assert (len(found.labels), found.right.sum(), found.num_classes) == (20, 18, 5)


def test_a_run_may_have_none(make_run):
    assert read_predictions(read_run(make_run())) is None


def flipped(content: bytes, place: int) -> bytes:
    return content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :]


def zipped(name: str, content: bytes, **options) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(name, content, **options)
    return file.getvalue()


def npy(values: object) -> bytes:
    file = io.BytesIO()
    np.save(file, values)
    return file.getvalue()


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: b"PK",
        lambda content: content[:-30],
        lambda content: flipped(content, content.rindex(DIRECTORY) + 8),  # encrypted: RuntimeError
        lambda content: flipped(content, content.rindex(DIRECTORY) + 10),  # unknown compression: NotImplementedError
        lambda content: flipped(content, content.index(b"labels.npy") + 30),  # zlib.error
        lambda content: npy(np.arange(3)),
        lambda content: npy(np.array([{}], dtype=object)),
        lambda content: zipped("labels.npy", npy(np.arange(3))),
        lambda content: zipped("labels.npy", b"no array"),
    ],
)
def test_a_damaged_file_is_a_value_error(folder, damage):
    path = folder / "predictions.npz"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ValueError, match="damaged"):
        read_predictions(read_run(folder))


@pytest.mark.parametrize(
    ("labels", "predictions", "reason"),
    [
        ([0, 1, 2], [0, 1], "for each test image"),
        ([], [], "for each test image"),
        ([0.0, 1.0], [0.0, 1.0], "for each test image"),
        ([[0, 1]], [[0, 1]], "for each test image"),
        ([0, -1], [0, 1], "class numbers from -1 to 1"),
        ([0, 2**40], [0, 1], "class numbers from 0 to 1099511627776; the record has 5 classes"),
        ([0, 1], [0, 0], r"50.00 % of it are right; the record has 90.00 % top-1"),
    ],
)
def test_a_file_that_contradicts_the_record_is_a_value_error(folder, labels, predictions, reason):
    np.savez_compressed(folder / "predictions.npz", labels=np.array(labels), predictions=np.array(predictions))
    with pytest.raises(ValueError, match=reason):
        read_predictions(read_run(folder))


@pytest.mark.parametrize("how", ["damaged", "of another run"])
def test_one_bad_file_is_named_and_everything_else_stands(compared, how):
    folders = {path.name[:-9]: path for path in compared.iterdir()}
    for name, folder in folders.items():
        write_predictions(folder, 0.9 if "lkca" in name else 0.8)
    tables = written(compared)
    bad = folders["digits-lkca-s1"] / "predictions.npz"
    if how == "damaged":
        bad.write_bytes(flipped(bad.read_bytes(), 60))
    else:
        shutil.copyfile(folders["digits-attention-s1"] / "predictions.npz", bad)
    out = io.StringIO()
    page = report([compared], Console(file=out, width=300, color_system=None)).read_text()
    named = f"{bad.parent.name}/predictions.npz, left out: "
    assert named in out.getvalue()
    assert named in page
    after = written(compared, make=False)
    (before,), (now,) = (list(csv.DictReader(io.StringIO(files.pop("agreement.csv")))) for files in (tables, after))
    assert (before["n"], now["n"]) == ("3", "2")
    assert {name: now[name] for name in now if name not in ("n", "p_holm")} == {
        name: before[name] for name in before if name not in ("n", "p_holm")
    }
    assert after == tables


def written(study, make: bool = True) -> dict[str, str]:
    """The tables of the report by their names."""
    if make:
        report([study], Console(quiet=True))
    return {path.name: path.read_text() for path in (study / "report").glob("*.csv")}
