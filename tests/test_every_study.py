"""Every folder of experiments/ states a question, a command, a cost and a result; what was written in it is what its
results, or its configuration, come to."""

from __future__ import annotations

import csv
import re
import shlex
import shutil
from pathlib import Path
from statistics import mean

import pytest

from lkca_exp.config.job import conf_dir
from lkca_exp.study.document import parts
from lkca_exp.study.write import ROOT, write
from lkca_exp.sweep.jobs import jobs_of

CHECKOUT = Path(__file__).parents[1]
HOMES = sorted(path.parent for path in (CHECKOUT / ROOT).glob("*/README.md"))
NAMES = [home.name for home in HOMES]
LARGE = ("paper_classification", "paper_sizes", "paper_baseline", "model_size")


def readme(name: str) -> str:
    return (CHECKOUT / ROOT / name / "README.md").read_text()


def results(home: Path) -> list[dict[str, str]]:
    path = home / "results.csv"
    return list(csv.DictReader(path.open())) if path.exists() else []


def test_the_index_has_all_of_them_and_their_state():
    index = (CHECKOUT / ROOT / "README.md").read_text()
    rows = dict(re.findall(r"^\| \[(\w+)\]\(\1\) \| .+ \| (.+) \|$", index, re.MULTILINE))
    output = {home.name: f"{len(runs)} runs" if (runs := results(home)) else "not run here" for home in HOMES}
    assert rows == output
    seconds = {run["id"]: float(run["seconds"]) for home in HOMES for run in results(home)}
    took = f"{len(seconds)} runs, as some belong to several studies, and {sum(seconds.values()) / 3600:.1f} hours"
    assert took in index


@pytest.mark.parametrize("name", NAMES)
def test_a_study_states_question_command_cost_and_result(name):
    text = readme(name)
    assert (conf_dir() / "experiment" / f"{name}.yaml").is_file()
    assert re.search(r"^\*\*Question\.\*\* .*\?", text, re.MULTILINE | re.DOTALL)
    assert re.search(rf"^\*\*Command\.\*\*\n\n```sh\nmake study NAME={name}( ANALYSE=1)?\n```$", text, re.MULTILINE)
    assert "**Cost.**" in text
    if results(CHECKOUT / ROOT / name):
        assert re.search(r"^\*\*Result\.\*\* \S+", text, re.MULTILINE)
        assert re.search(r"\d+ of \d+ runs finished, .* in all", parts(text)["runs"])
    else:
        assert "**Not run here.**" in parts(text)["runs"]


@pytest.mark.parametrize("name", [pytest.param(name, marks=[pytest.mark.slow] * (name in LARGE)) for name in NAMES])
def test_what_needs_no_run_is_as_it_would_be_written_now(name, tmp_path, monkeypatch):
    """Sizes, operations, hours and the account of the runs, the latter from results.csv."""
    shutil.copytree(CHECKOUT / ROOT, tmp_path / ROOT)
    monkeypatch.chdir(tmp_path)
    write(name, [])
    assert (ROOT / name / "README.md").read_text() == readme(name)


@pytest.mark.parametrize("home", [home for home in HOMES if results(home)], ids=lambda home: home.name)
def test_the_means_are_those_of_the_rows(home):
    by_variant: dict[tuple[str, str], list[float]] = {}
    for row in results(home):
        if row["counted"] == "True" and row["protocol"] == "final":
            by_variant.setdefault((row["data"], row["variant"]), []).append(float(row["top1_percent"]))
    table = (home / "table.md").read_text()
    last = {row["study"] for row in results(home)} - {f"{home.name}_search"}
    assert last == {home.name}
    for (data, variant), values in by_variant.items():
        assert re.search(rf"\b{mean(values):.2f}\b", table), (data, variant)


@pytest.mark.parametrize("home", [home for home in HOMES if results(home)], ids=lambda home: home.name)
def test_the_figures_are_those_that_are_shown(home):
    shown = set(re.findall(r"\]\(figures/([^)]+)\)", (home / "README.md").read_text()))
    assert shown
    assert {file.name for file in (home / "figures").iterdir()} == shown


@pytest.mark.parametrize("name", NAMES)
def test_links_lead_somewhere(name):
    home = CHECKOUT / ROOT / name
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", readme(name)):
        assert (home / target).exists(), target


def test_the_commands_for_the_papers_table_are_sweeps_of_it():
    text = (CHECKOUT / ROOT / "paper_classification" / "running.md").read_text().replace("\\\n", "")
    lines = re.findall(r"^python -m lkca_exp -m (.*)$", text, re.MULTILINE)
    assert len(lines) == 5
    few = ["data=cifar10", "seed=0", "model=lkca_b,vit_small"]
    table = {one.id for one in jobs_of(["+experiment=paper_classification", *few]).unique}
    for words in map(shlex.split, lines):
        kept = [
            word
            for word in words
            if word != "trainer=debug" and word.partition("=")[0] not in ("seed", "hydra/launcher")
        ]
        kept = [word for word in kept if not word.startswith("hydra.launcher.")]
        assert {one.id for one in jobs_of([*kept, *few]).unique} == table
