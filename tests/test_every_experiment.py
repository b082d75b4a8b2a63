"""Every experiment composes, says what it claims, and trains two batches."""

from __future__ import annotations

import re
from itertools import product

import pytest

from lkca_exp.config.job import compose, conf_dir
from lkca_exp.content import with_content
from lkca_exp.data.sources import SOURCES
from lkca_exp.data.specs import SPECS
from lkca_exp.runs.record import read, run_directory
from lkca_exp.sweep.jobs import SweepJob, jobs_of
from lkca_exp.train import train
from tests.data.published import WNIDS, tiny_imagenet_members, write_cifar, write_svhn, write_tiny_imagenet_zip

EXPERIMENTS = sorted(path.stem for path in (conf_dir() / "experiment").glob("*.yaml"))

FAST = 2
"""Jobs of each experiment that the fast tests try; the slow ones try the others."""


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
    jobs = jobs_of(["+experiment=paper_classification"]).unique
    models = [
        "vit_attention",
        "vit_lkca",
        "sl_vit",
        "cct_7_3x1",
        "swin_lee2021",
        "pit_lee2021",
        "cait_lee2021",
        "resnet18",
    ]
    data = ["cifar10", "cifar100", "svhn", "tiny_imagenet"]
    told = []
    for one in jobs:
        words = dict(word.split("=") for word in one.overrides)
        model = "_".join([words["model"], *([words["model/mixer"]] if "model/mixer" in words else [])])
        told.append((int(words["seed"]), words["data"], model))
    assert sorted(told) == sorted(product(range(3), data, models))


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_the_header_states_question_command_expectation_time_and_machine(name):
    told = header(name)
    assert told.startswith("# @package _global_\n# ")
    assert re.search(rf"^#   python -m lkca_exp (-m )?\+experiment={name}$", told, re.MULTILINE)
    expected = rf"^# Expected: (.*\d\d\.\d %.* seeds?\b|not run here|see experiments/{name}\.$)"
    assert re.search(expected, told, re.MULTILINE | re.DOTALL)
    assert re.search(r"^# Takes .*(second|minute|hour).* on ", told, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_an_experiment_trains_two_batches(name, archives, tmp_path):
    for one in jobs_of([f"+experiment={name}", "seed=0"]).unique[:FAST]:
        trains(one, archives, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", EXPERIMENTS)
def test_so_does_every_job_of_its_sweep(name, archives, tmp_path):
    rest = jobs_of([f"+experiment={name}", "seed=0"]).unique[FAST:]
    if not rest:
        pytest.skip("tried by the fast tests")
    for one in rest:
        trains(one, archives, tmp_path)


def trains(one: SweepJob, archives, tmp_path):
    data = one.job.config.data.name
    if data == "fashion_mnist" and SOURCES[data].find(tmp_path) is None:
        pytest.skip("needs Debian's package dataset-fashion-mnist")
    overrides = [*one.overrides, "trainer=debug", "logger=none", f"paths.runs={tmp_path}", f"data.root={tmp_path}"]
    if data in archives:
        overrides += [f"data.archive={archives[data]}", "data.verify=false", "batch_size=8"]
    job = with_content(compose(overrides, SPECS))
    train(job.config, job.derived)
    record = read(run_directory(job.config, job.derived))
    assert record["status"] == "finished", one.overrides
    assert bool(record["warnings"]) == (data in archives)
