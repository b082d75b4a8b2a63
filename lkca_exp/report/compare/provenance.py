"""What a reader needs to get the same numbers: commands, versions, machine, data and protocol."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lkca_exp.report.compare.names import show
from lkca_exp.report.compare.variant import Setting, Summary
from lkca_exp.report.formats import commit, machine
from lkca_exp.report.read.load import Run

PROTOCOLS = {
    "holdout": "A stratified part of the training images was held out to choose the epoch; test was read once.",
    "final": "Nothing was held out: trained on all training images, for a number of epochs fixed beforehand; test was "
    "read once, with the last weights.",
    "best_on_test": "The best test accuracy over the epochs, as much of the literature reports it. Selected on test: "
    "expect less on fresh images.",
}


@dataclass(frozen=True)
class Fact:
    """A label and its values, each with the number of runs that have it."""

    label: str
    values: list[tuple[str, int]]


def facts(runs: Sequence[Run]) -> list[Fact]:
    """What the records say about code and machine; a label that no record fills is left out."""
    candidates = [
        Fact("Selected on", _tally(_selection(run) for run in runs)),
        Fact("Machine", _tally(machine(run) for run in runs)),
        Fact("Versions", _tally(_versions(run) for run in runs)),
        Fact("Commit (+ with uncommitted changes)", _tally(commit(run) for run in runs)),
        Fact("Numerics version", _tally(str(run.numerics) for run in runs)),
    ]
    return [fact for fact in candidates if fact.values]


def commands(summary: Summary) -> list[tuple[str, int]]:
    """The commands behind the runs in the means, each with its number of runs."""
    return _tally(run.command for variant in summary.variants for run in variant.counted)


def describe_setting(setting: Setting) -> tuple[str, list[str]]:
    """What the protocol means, and the keys that all variants of the setting share."""
    meaning = PROTOCOLS.get(str(setting.keys.get("protocol.name")), "")
    return meaning, [f"{key}={show(value)}" for key, value in setting.keys.items()]


def _selection(run: Run) -> str:
    """What chose the weights that were tested."""
    if run.status != "finished":
        return ""
    return run.selected_on or "nothing: the last weights"


def _versions(run: Run) -> str:
    return ", ".join(f"{name} {version}" for name, version in run.versions.items())


def _tally(values: Iterable[str]) -> list[tuple[str, int]]:
    return Counter(value for value in values if value).most_common()
