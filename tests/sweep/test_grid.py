"""The jobs that a sweep asks for."""

from __future__ import annotations

import pytest
from omegaconf import OmegaConf

from lkca_exp.sweep.grid import expand


def jobs(loader, *words: str, params=None, cases=()) -> list[str]:
    sweeper = OmegaConf.create({"params": params, "cases": list(cases)})
    return [" ".join(job) for job in expand(sweeper, words, loader)]


def test_a_grid_in_the_order_of_its_keys(loader):
    assert jobs(loader, "a=1,2", "b=range(2)") == ["a=1 b=0", "a=1 b=1", "a=2 b=0", "a=2 b=1"]


def test_params_come_first_and_the_command_line_wins(loader):
    assert jobs(loader, "b=5", params={"a": "1,2", "b": "3,4"}) == ["a=1 b=5", "a=2 b=5"]


def test_cases_are_the_inner_loop_and_may_be_grids(loader):
    got = jobs(loader, params={"seed": "0,1"}, cases=["depth=2 width=8", "depth=3,4 width=16"])
    one_seed = ["depth=2 width=8", "depth=3 width=16", "depth=4 width=16"]
    assert got == [f"seed={seed} {case}" for seed in (0, 1) for case in one_seed]


@pytest.mark.parametrize(("typed", "expected"), [((), ["a=2", "a=3"]), (("a=9",), ["a=9", "a=9"])])
def test_a_case_wins_over_params_and_the_command_line_over_a_case(typed, expected, loader):
    assert jobs(loader, *typed, params={"a": "1"}, cases=["a=2", "a=3"]) == expected


def test_experiments_of_a_case_come_before_that_of_the_command_line(loader):
    got = jobs(loader, "+experiment=study", "seed=1", cases=["+experiment=one,two", "+experiment=three lr=2"])
    expected = ["+experiment=[one,study] seed=1", "+experiment=[two,study] seed=1"]
    assert got == [*expected, "+experiment=[three,study] seed=1 lr=2"]


def test_values_may_hold_spaces_and_lists(loader):
    assert jobs(loader, cases=["study='a b' x=[1,2]"]) == [r"study=a\ b x=[1,2]"]
