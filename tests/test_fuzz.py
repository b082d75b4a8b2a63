"""Damaged files of runs: no traceback, no other number."""

from __future__ import annotations

import pytest

from tests.fuzzer import Fuzzer


@pytest.mark.parametrize(("cases", "seed"), [(6, 0), pytest.param(300, 1, marks=pytest.mark.slow)])
def test_damaged_files_are_answered_and_change_no_number(tmp_path, monkeypatch, cases, seed):
    monkeypatch.chdir(tmp_path)
    fuzzer = Fuzzer(tmp_path, seed)
    fuzzer.cases(cases)
    assert fuzzer.failures == []
