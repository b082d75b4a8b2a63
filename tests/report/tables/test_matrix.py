from __future__ import annotations

import json
from dataclasses import replace

import pytest

from lkca_exp.report.compare.aggregate import summarise
from lkca_exp.report.compare.choice import Choice
from lkca_exp.report.read.load import load
from lkca_exp.report.read.published import Published
from lkca_exp.report.tables.column import Table
from lkca_exp.report.tables.files import json_table, latex_table, markdown_table
from lkca_exp.report.tables.matrix import matrix

OTHERS = [
    Published("ViT", "digits", 97.5, "100 epochs, best on test", "A. Uthor 2021"),
    Published("ViT", "svhn", 96.5, "100 epochs, best on test", "A. Uthor 2021"),
    Published("CCT", "digits", 99.0, "300 epochs", "B. Uthor 2022"),
]


def table_of(study, choice: Choice = Choice(), published=()) -> Table:  # noqa: B008
    return matrix(summarise(*load([study]), choice), choice, published)


def texts(table: Table) -> list[list[str]]:
    return [[cell.text for cell in row] for row in table.shown()[1]]


@pytest.fixture
def swept(make_run, runs):
    """Two mixers, one of them with two kernels, by two shares of the data; one run failed, one cell is missing."""
    for seed in range(2):
        for fraction in (0.2, 1.0):
            make_run("attention", seed, 0.80 + 0.001 * seed, config={"data.fraction": fraction})
            config = {"data.fraction": fraction, "model.mixer.kernel_size": 3}
            make_run("lkca", seed, 0.85 + 0.003 * seed, config=config)
    make_run("lkca", 0, 0.9, config={"model.mixer.kernel_size": 15})
    make_run("lkca", 1, None, config={"model.mixer.kernel_size": 15}, status="failed")
    return runs / "digits_compare"


def test_variants_by_data_the_baseline_first(swept):
    table = table_of(swept)
    assert [column.title for column in table.shown()[0]] == ["", "digits, fraction=0.2", "Δ", "digits", "Δ"]
    assert texts(table) == [
        ["attention", "80.05 ± 0.07 (2)", "", "80.05 ± 0.07 (2)", ""],
        ["lkca kernel_size=3", "85.15 ± 0.21 (2)", "+5.10*", "85.15 ± 0.21 (2)", "+5.10*"],
        ["lkca kernel_size=15", "no run", "", "90.00 (1; 1 failed)", "+9.95"],
    ]


def test_the_best_of_each_column_stands_out(swept):
    _, rows = table_of(swept).shown()
    assert [[cell.strong for cell in row] for row in rows] == [
        [False] * 5,
        [False, True, False, False, False],
        [False, False, False, True, False],
    ]


def test_the_mark_is_that_of_the_corrected_test(make_run, compared):
    ((_, _, _), (_, _, difference)) = texts(table_of(compared, Choice(paired=True)))
    assert difference == "+3.00*"
    make_run("lkca", 5, 0.98, config={"model.mixer.kernel_size": 3})
    make_run("lkca", 6, 0.99, config={"model.mixer.kernel_size": 3})
    assert any("Holm" in remark for remark in table_of(compared).remarks)
    assert texts(table_of(compared, Choice(paired=True)))[2][2] == "+3.00"  # p = 0.035 is too much for two


def test_any_keys_make_rows_and_columns(swept):
    table = table_of(swept, Choice(rows=("fraction",), columns=("mixer", "kernel_size")))
    assert [column.title for column in table.shown()[0] if column.title != "Δ"] == [
        "",
        "attention",
        "lkca kernel_size=3",
        "lkca kernel_size=15",
    ]
    assert [row[0] for row in texts(table)] == ["fraction=0.2", "fraction=1"]
    assert not any(cell.strong for row in table.shown()[1] for cell in row)  # more data is no better model


def test_what_is_not_named_goes_to_the_other_side(swept):
    table = table_of(swept, Choice(columns=("kernel_size",)))
    assert [row[0] for row in texts(table)] == [
        "attention fraction=0.2",
        "attention fraction=1",
        "lkca fraction=0.2",
        "lkca fraction=1",
    ]


def test_rows_of_presets_leave_out_what_these_imply(make_run, runs):
    for preset, mixer in (("lkca_b", "lkca"), ("vit_small", "attention")):
        for fraction in (0.2, 1.0):
            make_run(mixer, config={"model.preset": preset, "model.size": preset, "data.fraction": fraction})
    make_run("lkca")
    table = table_of(runs / "digits_compare", Choice(columns=("fraction",)))
    assert [row[0] for row in texts(table)] == ["vit_small", "lkca", "lkca_b"]


def test_two_configurations_are_never_put_into_one_cell(swept):
    with pytest.raises(ValueError, match=r"differ in model.mixer.kernel_size; add .*--where"):
        table_of(swept, Choice(rows=("mixer",), columns=("fraction",)))


def test_published_numbers_stand_below_with_their_source(make_run, compared):
    make_run("lkca", 0, 0.9, config={"data.name": "svhn"})
    make_run("lkca", 0, 0.9, config={"data.fraction": 0.5})
    plain, table = table_of(compared), table_of(compared, published=OTHERS)
    assert texts(table)[:2] == texts(plain)
    assert [row for row in texts(table) if "†" in row[0]] == [
        ["ViT †1", "", "97.50 †", "", "96.50 †"],
        ["CCT †2", "", "99.00 †", "", ""],
    ]
    assert table.remarks[-2:] == [
        "†1 published, not run here: A. Uthor 2021; 100 epochs, best on test",
        "†2 published, not run here: B. Uthor 2022; 300 epochs",
    ]
    assert r"ViT \dag{}1 &  & 97.50 \dag{} &" in latex_table(table)
    assert "| ViT †1 |  | 97.50 † |" in markdown_table(table)
    theirs = json.loads(json_table(table))[2]
    assert theirs["digits: published_top1_percent"] == 97.5
    assert theirs["digits: top1_percent"] is None


def test_a_published_row_follows_ours_of_the_same_model(make_run, runs):
    for preset, mixer in (("lkca_b", "lkca"), ("vit_small", "attention")):
        make_run(mixer, config={"model.preset": preset})
    others = [replace(OTHERS[0], like=("model=vit_small",), note="a note"), OTHERS[2]]
    table = table_of(runs / "digits_compare", published=others)
    assert [row[0] for row in texts(table)] == ["vit_small", "ViT †1", "lkca_b", "CCT †2"]
    assert table.remarks[-1] == "ViT: a note."


def test_published_numbers_are_for_top1_on_whole_data_sets(make_run, compared, runs):
    assert len(table_of(compared, Choice(metric="test/loss"), OTHERS).rows) == 2
    make_run("lkca", study="part", config={"data.fraction": 0.5})
    assert len(table_of(runs / "part", published=OTHERS).rows) == 1


def test_recipes_that_differ_from_data_to_data_are_named(make_run, compared):
    make_run("lkca", config={"data.name": "svhn", "optim.lr": 0.5})
    table = table_of(compared)
    assert [row[0] for row in texts(table)] == ["attention", "lkca"]
    assert table.remarks[-1] == "The recipes of the data sets differ in optim.lr."
