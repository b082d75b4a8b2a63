from __future__ import annotations

import csv
import io

import pytest

from lkca_exp.report.build import write
from lkca_exp.report.compare.aggregate import summarise
from lkca_exp.report.compare.choice import Choice
from lkca_exp.report.content import gather
from lkca_exp.report.read.load import load
from lkca_exp.report.read.published import Published
from lkca_exp.report.sections.published import MACS, published_table
from lkca_exp.report.tables.column import Table
from lkca_exp.report.tables.files import csv_table

LABEL = "MACs as published (without the mixer's own products)"
SOURCE = ("100 epochs, best on test", "A. Uthor 2024")
OTHERS = [
    Published(
        "LKCA-B", "digits", 99.0, *SOURCE, 2.76, like=("model=lkca_b",), mega_macs_without_mixer=172.78, commit="c0"
    ),
    Published("ViT-Small", "digits", 98.0, *SOURCE, 2.76, like=("model=vit_small",), note="may be weak"),
    Published(
        "ViT", "digits", 97.0, *SOURCE, None, 189.8, like=("model=vit", "model.size=xs", "model/mixer=attention")
    ),
    Published("T2T", "digits", 96.0, "300 epochs", "B. Uthor 2022"),
]


def table_of(study, choice: Choice = Choice()) -> Table:  # noqa: B008
    return published_table(summarise(*load([study]), choice), OTHERS)


def ours(table: Table) -> list[tuple[str, str]]:
    return [(row.published.model, row.ours.name if row.ours else "") for row in table.rows]


@pytest.fixture
def study(make_run, runs):
    """Both presets, three seeds each, and a ViT without one."""
    for seed in range(3):
        make_run("lkca", seed, 0.98, config={"model.preset": "lkca_b", "model.size": "b"})
        make_run("attention", seed, 0.97, config={"model.preset": "vit_small", "model.size": "s"})
        make_run("attention", seed, 0.96, config={"model.preset": None})
    return runs / "digits_compare"


def test_our_variants_stand_beside_what_they_are_made_like(study):
    table = table_of(study)
    assert ours(table) == [("LKCA-B", "lkca_b"), ("ViT-Small", "vit_small"), ("ViT", "attention"), ("T2T", "")]
    columns, rows = table.shown()
    assert dict(zip((column.title for column in columns), (cell.text for cell in rows[0]), strict=True)) == {
        "Published model": "LKCA-B †1",
        "Published top-1 %": "99.00",
        "Ours": "lkca_b",
        "Our top-1 %": "98.00 ± 0.00 (3)",
        "Published parameters, M": "2.76",
        "Our parameters": "93,322",
        "Our multiplications, M": "0.6",
        "Published multiplications, M": "",
        f"{LABEL}, M": "172.78",
    }
    assert table.remarks == [
        "†1 A. Uthor 2024, commit c0; 100 epochs, best on test",
        "†2 A. Uthor 2024; 100 epochs, best on test",
        "†3 B. Uthor 2022; 300 epochs",
        "ViT-Small: may be weak.",
    ]


def test_full_counts_and_macs_without_the_mixer_are_columns_of_their_own(study):
    rows = list(csv.DictReader(io.StringIO(csv_table(table_of(study)))))
    full, without = "published_mega_multiplications", "published_mega_macs_without_mixer"
    assert [(row[full], row[without]) for row in rows] == [("", "172.78"), ("", ""), ("189.8", ""), ("", "")]


def test_a_preset_that_was_changed_is_not_the_published_model(make_run, study):
    make_run("pooling", config={"model.preset": "vit_small", "model.size": "s"})
    assert ours(table_of(study))[1] == ("ViT-Small", "")


def test_settings_of_training_leave_the_model_what_it_is(make_run, study):
    make_run("attention", config={"model.preset": "vit_small", "model.size": "s", "optim.lr": 0.5})
    names = sorted(name for model, name in ours(table_of(study)) if model == "ViT-Small")
    assert names == ["vit_small lr=0.001", "vit_small lr=0.5"]


def test_a_number_that_chose_its_own_epoch_says_so(make_run, runs):
    make_run("lkca", protocol="best_on_test", selected_on="test", config={"model.preset": "lkca_b"})
    _, (row, *_) = table_of(runs / "digits_compare").shown()
    assert "98.00 (1) (selected on test)" in [cell.text for cell in row]


def test_a_share_of_the_images_meets_no_published_number(make_run, study):
    make_run("lkca", config={"model.preset": "lkca_b", "model.size": "b", "data.fraction": 0.5})
    assert [name for model, name in ours(table_of(study)) if model == "LKCA-B"] == ["lkca_b"]
    assert table_of(study, Choice(metric="test/loss")).rows == []


def test_they_are_on_the_page_and_in_every_file(study):
    folder = study / "report"
    write(gather([study], Choice(), OTHERS), folder)
    page = (folder / "index.html").read_text()
    assert "<h2>Published numbers</h2>" in page
    assert MACS == LABEL
    for name in ("published.md", "published.tex", "answer.md"):
        assert LABEL in (folder / name).read_text(), name
    assert LABEL.replace("'", "&#39;") in page
    assert "mega_macs_without_mixer" in (folder / "published.csv").read_text()
    assert "ViT-Small: may be weak." in page


def test_without_any_there_is_no_table(study):
    write(gather([study], Choice(), []), study / "report")
    assert not (study / "report" / "published.md").exists()
    assert "<h2>Published numbers</h2>" not in (study / "report" / "index.html").read_text()
