"""The jobs of a sweep, resolved before the first starts."""

from __future__ import annotations

import pytest

from lkca_exp.config.errors import ConfigError
from lkca_exp.sweep.jobs import resolve


def test_every_job_is_checked_and_named(multirun, loader, tmp_path):
    jobs = resolve(multirun("model/mixer=attention,lkca", "seed=range(2)", "study=small"), loader)
    assert [one.directory.name.rpartition("-")[0] for one in jobs.unique] == [
        "digits-attention-s0",
        "digits-attention-s1",
        "digits-lkca-k7-s0",
        "digits-lkca-k7-s1",
    ]
    assert jobs.studies == [tmp_path / "runs" / "small"]
    assert not jobs.duplicates


def test_what_comes_to_the_same_run_is_one_job(multirun, loader):
    jobs = resolve(multirun("model.mixer.kernel_size=null,5,7"), loader)
    assert [one.derived.kernel_size for one in jobs.unique] == [7, 5]
    assert jobs.duplicates == [("model.mixer.kernel_size=7", f"paths.runs={jobs.unique[0].config.paths.runs}")]


def test_a_wrong_job_is_named(multirun, loader):
    with pytest.raises(ConfigError, match=r"(?s)kernel_size=8.*In job #2 of 3: .*kernel_size=8"):
        resolve(multirun("model.mixer.kernel_size=3,5,8"), loader)


def test_seeds_are_jobs_of_their_own(multirun, loader):
    jobs = resolve(multirun("seeds=3", "seed=4", "optim.lr=1e-3,2e-3"), loader)
    assert [(one.config.optim.lr, one.config.seed, one.config.seeds) for one in jobs.unique] == [
        (lr, seed, 1) for lr in (1e-3, 2e-3) for seed in (4, 5, 6)
    ]


def test_exclusions_go_by_what_is_composed(multirun, loader):
    sweep = ["model/mixer=attention,lkca", "model.depth=2,3", "optim.lr=1e-3,2e-3"]
    lists = ["model/mixer=attention model.depth=2,3 optim.lr=0.001", "model.depth=3 model.mixer.name=lkca"]
    jobs = resolve(multirun(*sweep, f"hydra.sweeper.exclude={lists}"), loader)
    got = [(j.config.model.mixer.name, j.config.model.depth, j.config.optim.lr) for j in jobs.unique]
    assert got == [("attention", 2, 2e-3), ("attention", 3, 2e-3), ("lkca", 2, 1e-3), ("lkca", 2, 2e-3)]


@pytest.mark.parametrize(("exclude", "expected"), [("seed=0", "leaves no job"), ("sede=0", "no such key")])
def test_an_exclusion_that_cannot_be_meant_is_refused(exclude, expected, multirun, loader):
    with pytest.raises(ConfigError, match=expected):
        resolve(multirun(f"hydra.sweeper.exclude=['{exclude}']"), loader)


def test_a_baseline_is_one_of_the_jobs(multirun, loader):
    sweep = ["model/mixer=attention,lkca", "model.width=16,32"]
    for named in ("attention", "'lkca width=32 kernel_size=7'"):
        assert len(resolve(multirun(*sweep, f"report.baseline={named}"), loader).unique) == 4
    for named in ("latin", "'lkca width=48'", "''"):
        with pytest.raises(ConfigError, match=r"(?s)report.baseline.*No job of the sweep"):
            resolve(multirun(*sweep, f"report.baseline={named}"), loader)


def test_all_experiments_are_a_sweep(multirun, loader):
    """One YAML can say "all runs of the table"."""
    cases = ["+experiment=cifar10_lkca,cifar10_attention", "+experiment=svhn_lkca epochs=70"]
    jobs = resolve(multirun(f"hydra.sweeper.cases={cases}", "study=table", "seed=0,1"), loader)
    got = [(j.config.data.name, j.config.model.mixer.name, j.config.epochs) for j in jobs.unique]
    assert got == [("cifar10", "lkca", 100), ("cifar10", "attention", 100), ("svhn", "lkca", 70)] * 2
    assert {one.directory.parent.name for one in jobs.unique} == {"table"}
