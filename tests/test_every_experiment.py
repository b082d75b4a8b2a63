"""Every experiment composes, says what it claims, and trains two batches."""

from __future__ import annotations

import functools
import json
import re
from pathlib import Path

import pytest

from lkca_exp.config.job import compose, conf_dir
from lkca_exp.config.specs import SPECS
from lkca_exp.data.content import run_of
from lkca_exp.data.sources import SOURCES
from lkca_exp.engine.lifecycle import train
from lkca_exp.report.read.published import read_published
from lkca_exp.runs.record import read
from lkca_exp.sweep.grid import expand
from lkca_exp.sweep.jobs import SweepJob, jobs_of, multirun
from tests.data.published import WNIDS, tiny_imagenet_members, write_cifar, write_svhn, write_tiny_imagenet_zip

PUBLISHED = Path(__file__).parents[1] / "experiments" / "published_results.csv"
PAPERS_DATA = ("cifar10", "cifar100", "svhn", "tiny_imagenet")
EXPERIMENTS = sorted(path.stem for path in (conf_dir() / "experiment").glob("*.yaml"))

WHOLE = "paper_classification"
OF_THE_PAPER = {name for name in EXPERIMENTS if name.startswith("paper_")} - {"paper_cifar10"}
"""The larger models, of which one is enough for the fast tests; `WHOLE` is several of them in one."""

TRIED: set[str] = set()

FAST = 1
"""Jobs of each experiment that the fast tests try; the slow one tries those of another kind."""


def header(name: str) -> str:
    lines = (conf_dir() / "experiment" / f"{name}.yaml").read_text().splitlines()
    return "\n".join(line for line in lines if line.startswith("#"))


@pytest.fixture(scope="session")
def archives(tmp_path_factory):
    """Small archives, in the format of the true ones, of the data sets that this machine lacks."""
    folder = tmp_path_factory.mktemp("archives")
    members = tiny_imagenet_members(WNIDS, per_class=70)
    return {
        "cifar10": write_cifar(folder, "cifar10"),
        "cifar100": write_cifar(folder, "cifar100"),
        "svhn": write_svhn(folder, per_class=20),
        "tiny_imagenet": write_tiny_imagenet_zip(folder / "tiny.zip", members),
    }


def test_there_are_experiments():
    of_the_paper = {f"{name}_{mixer}" for name in SPECS if name != "digits" for mixer in ("attention", "lkca")}
    assert {"digits_compare", "fashion_mnist_scarce"} | of_the_paper <= set(EXPERIMENTS)


def test_the_papers_table_has_every_model_on_every_data_set():
    of_the_paper = [
        row for row in read_published(PUBLISHED) if row.source.startswith("Li et al. 2024, arXiv 2401.05738")
    ]
    rows = {row.like[0].removeprefix("model=") for row in of_the_paper}
    assert len(rows) == len(of_the_paper) == 27
    twins = {"twins_s", "twins_b"}
    expected = {(data, model) for data in PAPERS_DATA for model in (rows if data == "tiny_imagenet" else rows - twins)}
    assert {cell for data in PAPERS_DATA for cell in cells(f"paper_{data}")} == expected
    excluded = {(data, model) for data in set(PAPERS_DATA) - {"tiny_imagenet"} for model in twins}
    assert cells("paper_classification") == expected | excluded
    few = ["data=svhn,tiny_imagenet", "model=twins_s,lkca_b", "seed=0"]
    table = {job.id: job.label for job in jobs_of(["+experiment=paper_classification", *few]).unique}
    named = sorted("-".join(label.split("-")[:2]) for label in table.values())
    assert named == ["svhn-lkca_b", "tiny_imagenet-lkca_b", "tiny_imagenet-twins_s"]
    alone = [["+experiment=paper_svhn", "model=lkca_b"], ["+experiment=paper_tiny_imagenet", "model=lkca_b,twins_s"]]
    assert {job.id for words in alone for job in jobs_of([*words, "seed=0"]).unique} == table.keys()
    seeds = jobs_of(["+experiment=paper_classification", "data=svhn", "model=lkca_b"]).unique
    assert [one.config.seed for one in seeds] == [0, 1, 2]


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_the_header_states_question_command_expectation_time_and_machine(name):
    output = header(name)
    assert output.startswith("# @package _global_\n# ")
    assert re.search(rf"^#   python -m lkca_exp (-m )?\+experiment={name}$", output, re.MULTILINE)
    expected = rf"^# Expected: (.*\d\d\.\d %.* seeds?\b|not run here|see experiments/{name}\.$)"
    assert re.search(expected, output, re.MULTILINE | re.DOTALL)
    assert re.search(r"^# Takes .*(second|minute|hour).* on ", output, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[pytest.mark.slow] * (name in OF_THE_PAPER)) for name in EXPERIMENTS if name != WHOLE],
)
def test_an_experiment_trains_two_batches(name, archives, tmp_path):
    """Unless it is of a kind that another one has shown to train."""
    for job in first_jobs(name):
        if kind(job) not in TRIED:
            TRIED.add(kind(job))
            trains(job, archives, tmp_path)


@pytest.mark.slow
def test_so_does_every_other_job(archives, tmp_path):
    tried = {kind(one) for name in EXPERIMENTS for one in first_jobs(name)}
    for name in EXPERIMENTS:
        for one in jobs(name):
            if kind(one) not in tried:
                tried.add(kind(one))
                trains(one, archives, tmp_path)


def cells(name: str) -> set[tuple[str, str]]:
    """Data set and model of the jobs that a sweep asks for, those included that it excludes."""
    with multirun([f"+experiment={name}", "seed=0"]) as (master, loader):
        lists = expand(master.hydra.sweeper, list(master.hydra.overrides.task), loader)
        keys = [dict(word.split("=") for word in words) for words in lists]
        return {(job.get("data", master.data.name), job["model"]) for job in keys}


@functools.cache
def jobs(name: str) -> list[SweepJob]:
    """Those of an experiment with one seed."""
    return jobs_of([f"+experiment={name}", "seed=0"]).unique


def first_jobs(name: str) -> list[SweepJob]:
    return jobs(name)[:FAST]


NEVER_ALONE = (
    *("data.name", "augment.auto_policy", "data.fraction", "epochs", "optim.warmup_epochs"),
    *("optim.lr", "optim.weight_decay", "model.drop_path"),
)
"""Keys whose values do not decide whether a job can be trained."""


def kind(one: SweepJob) -> str:
    """What a job trains, and images of what size."""
    keys = one.result_keys
    size = [one.derived.image_size, one.derived.channels]
    return json.dumps([size, {key: value for key, value in keys.items() if key not in NEVER_ALONE}], sort_keys=True)


def trains(one: SweepJob, archives, tmp_path):
    data = one.config.data.name
    if data == "fashion_mnist" and SOURCES[data].find(tmp_path) is None:
        pytest.skip("needs Debian's package dataset-fashion-mnist")
    overrides = [*one.overrides, "trainer=debug", "logger=none", f"paths.runs={tmp_path}", f"data.root={tmp_path}"]
    if data in archives:
        overrides += [f"data.archive={archives[data]}", "data.verify=false", "batch_size=8"]
        if one.config.data.images_per_class is not None:
            overrides.append("data.images_per_class=5")
    run = run_of(compose(overrides))
    train(run)
    record = read(run.directory)
    assert record.status == "finished", one.overrides
    assert bool(record.warnings) == (data in archives)
