from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pytest

from lkca_exp.config.errors import ConfigError
from lkca_exp.study.document import parts
from lkca_exp.study.write import write
from lkca_exp.sweep.jobs import jobs_of
from tests.report.conftest import alter, write_run
from tests.study.conftest import NAME, README, put


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_folder_of_a_study_is_written_from_its_runs(home, finish):
    finish()
    assert write(NAME, []) == home / "README.md"
    text = (home / "README.md").read_text()
    assert text.startswith("# Digits\n\n**Question.** By hand.\n")
    assert text.endswith("\nBy hand too.\n")
    assert "6 of 6 runs finished, 2 min 13 s in all." in text
    assert "Machine: AMD EPYC, 2 threads.\ntorch: 2.14.1.\n" in text
    told = parts(text)["answer"]
    assert told.startswith("- lkca is 2.50 points above attention in top-1 on digits (95 % CI ")
    assert "| lkca | 3 | **97.60 ± 1.00** | +2.50\\* (" in told
    verdicts = [line.split(" | ")[5] for line in told.splitlines() if line.startswith(("| lkca", "| att"))]
    assert verdicts == ["above", "baseline"]
    assert "| lkca | 3 | **97.60 ± 1.00** |" in text
    assert "![Test top-1 against parameters](figures/cost-parameters.svg)\n\nMean and 95 %" in text
    drawn = {file.name for file in (home / "figures").iterdir()}
    assert {"seeds.svg", "cost-parameters.svg", "cost-flops.svg"} <= drawn
    assert all(f"(figures/{name})" in text for name in drawn)
    assert "| lkca | 3 | **97.60 ± 1.00** |" in (home / "table.md").read_text()


def test_results_have_a_row_a_run_and_no_host(home, finish):
    finish()
    write(NAME, [])
    rows = list(csv.DictReader((home / "results.csv").open()))
    assert sorted((row["variant"], row["seed"]) for row in rows) == [
        (mixer, seed) for mixer in ("attention", "lkca") for seed in "012"
    ]
    assert rows[0].keys() >= {"top1_percent", "seconds", "device", "commit", "torch", "id"}
    assert "host" not in rows[0]


def test_the_same_records_give_the_same_bytes(home, finish):
    finish()
    write(NAME, [])
    first = contents(home)
    (home / "figures" / "stale.svg").write_text("of an earlier README")
    write(NAME, [])
    assert contents(home) == first
    shutil.rmtree(home)
    home.mkdir()
    (home / "README.md").write_text(README)
    write(NAME, [])
    assert contents(home) == first


def test_results_name_files_and_no_folders(home, finish):
    alter(finish()[0], warnings=["/home/me/data/cifar/data_batch_1 is not the published file, by /mnt/x/y/list.txt"])
    write(NAME, [])
    text = (home / "results.csv").read_text()
    assert "data_batch_1 is not the published file, by list.txt" in text
    assert "/home/me" not in text
    assert "digits_compare/" in text, "where a run lies below the study stays"


def test_without_runs_it_says_so(home):
    write(NAME, [])
    assert "**Not run here.** 6 runs to do.\n" in (home / "README.md").read_text()
    assert contents(home).keys() == {"README.md"}


def test_results_that_are_there_stay_where_the_runs_are_not(home, finish):
    finish()
    write(NAME, [])
    first = contents(home)
    shutil.rmtree("runs")
    write(NAME, [])
    assert contents(home) == first


def test_a_sweep_under_way_is_told_as_such(home, finish):
    folders = finish()
    shutil.rmtree(folders[0])
    (folders[1] / "run.json").write_text("damaged")
    write(NAME, [])
    text = (home / "README.md").read_text()
    assert "4 of 6 runs finished" in text
    assert "Of 5 runs these are in no mean: 1 unreadable." in text


def test_a_sweep_of_which_nothing_has_finished_has_no_figures_yet(home, finish):
    for folder in finish():
        alter(folder, status="interrupted", metrics={})
    write(NAME, [])
    assert "0 of 6 runs finished" in (home / "README.md").read_text()
    assert not (home / "figures").exists()


def test_other_runs_in_the_studys_folder_are_none_of_it(home, finish):
    finish()
    write(NAME, [])
    first = contents(home)
    write_run(Path("runs"), "lkca", 7, 0.1, config={"epochs": 1})
    write(NAME, [])
    assert contents(home) == first


def test_another_data_set_is_written_beside(home, finish):
    finish()
    write(NAME, [])
    first = contents(home)
    assert write(NAME, ["data=cifar10"]) == home / "cifar10" / "README.md"
    text = (home / "cifar10" / "README.md").read_text()
    assert f"python -m lkca_exp -m +experiment={NAME} data=cifar10\n" in text
    assert "**Not run here.** 6 runs to do." in text
    assert "By hand" not in text
    assert {name: data for name, data in contents(home).items() if not name.startswith("cifar10")} == first
    (home / "cifar10" / "README.md").write_text(text + "\nRead.\n")
    write(NAME, ["data=cifar10"])
    assert (home / "cifar10" / "README.md").read_text() == text + "\nRead.\n"


def test_words_that_do_not_change_the_runs_change_nothing(home, finish):
    finish()
    assert write(NAME, ["logger=none", "data=digits"]) == home / "README.md"


def test_what_an_analysis_left_is_a_figure_too(home, finish):
    (folder, *_) = finish()
    (folder / "analysis").mkdir()
    (folder / "analysis" / "kernels.png").write_bytes(b"a picture")
    curve = {"title": "Curve", "x_label": "x", "y_label": "y", "x": [1, 2], "series": {"one": [1, 2]}}
    (folder / "analysis" / "kernels.json").write_text(json.dumps(curve))
    (home / "README.md").write_text("<!-- study: figures *-kernels -->\n<!-- /study -->\n")
    write(NAME, [])
    assert (
        f"![kernels: attention, seed 0](figures/{folder.name}-kernels-picture.png)" in (home / "README.md").read_text()
    )
    assert (home / "figures" / f"{folder.name}-kernels-picture.png").read_bytes() == b"a picture"
    assert (home / "figures" / f"{folder.name}-kernels.svg").exists()


def test_a_search_and_the_round_after_it(home):
    tuned = home.parent / "tuned"
    tuned.mkdir()
    (tuned / "README.md").write_text(README + "\n<!-- study: search -->\n<!-- /study -->\n")
    first = jobs_of(["+experiment=tuned"])
    for one in first.unique:
        put(one)
    write("tuned", [])
    found = parts((tuned / "README.md").read_text())
    assert f"{len(first.unique)} of 87 runs finished" in found["runs"]
    assert "Validation top-1 %" in found["search"]
    assert found["answer"] == found["table variants"] == ""


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        ("nonsense", "is no part"),
        ("figures", "is no part"),
        ("table nonsense", "no table 'nonsense'; there are table, variants"),
        ("figures nonsense-*", "no figure 'nonsense-\\*'; there are .*seeds"),
    ],
)
def test_a_part_that_cannot_be_written_is_refused_and_nothing_changes(home, finish, part, expected):
    finish()
    (home / "README.md").write_text(f"<!-- study: {part} -->\n<!-- /study -->\n")
    before = contents(home)
    with pytest.raises(ConfigError, match=expected):
        write(NAME, [])
    assert contents(home) == before


def test_a_readme_without_parts_or_none_is_refused(home):
    (home / "README.md").write_text("# By hand\n")
    with pytest.raises(ConfigError, match="it has no part to fill"):
        write(NAME, [])
    (home / "README.md").unlink()
    with pytest.raises(ConfigError, match="Write its question and command first"):
        write(NAME, [])


def test_other_settings_are_another_study(home):
    with pytest.raises(ConfigError, match="another study"):
        write(NAME, ["epochs=3"])


def test_the_command_answers_in_short(cli, tmp_path):
    done = cli("nonsense", module="lkca_exp.study")
    assert (done.returncode, "experiment=nonsense" in done.stderr, "Traceback" in done.stderr) == (2, True, False)
