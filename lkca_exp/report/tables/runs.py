"""One row a run."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from lkca_exp.report import formats
from lkca_exp.report.compare.names import PRESET, show
from lkca_exp.report.compare.variant import Summary, Variant
from lkca_exp.report.read.load import Run
from lkca_exp.report.tables.column import Column, Table, number, raw_only, words
from lkca_exp.report.tables.variants import stamped


@dataclass(frozen=True)
class RunRow:
    """A run and the variant it belongs to."""

    run: Run
    variant: Variant

    @property
    def is_counted(self) -> bool:
        return any(run.folder == self.run.folder for run in self.variant.counted)


def run_table(summary: Summary) -> Table[RunRow]:
    """With a column for each key that differs."""
    several_studies, several_settings = len(summary.studies) > 1, len(summary.settings) > 1
    metric = summary.metric
    columns = [
        words("Run", "label", lambda r: r.run.label),
        raw_only("study", lambda r: r.run.study),
        Column("Study", lambda r: r.run.study if several_studies else "", numeric=False),
        number("Seed", "seed", lambda r: r.run.seed, str),
        Column("State", state, {"status": lambda r: r.run.status, "counted": lambda r: r.is_counted}, numeric=False),
        Column(metric.title, _score, {metric.column: lambda r: metric.scaled(metric.of(r.run))}),
        raw_only("selected_on", lambda r: r.run.selected_on),
        words("Remarks", "remarks", remarks),
        words("Variant", "variant", lambda r: r.variant.name),
        raw_only("data", lambda r: r.variant.setting),
        Column("Data", lambda r: r.variant.setting if several_settings else "", numeric=False),
        raw_only("protocol", lambda r: r.variant.protocol),
        *(_key_column(key, summary) for key in summary.shown + summary.apart),
        number("Time", "seconds", lambda r: r.run.seconds, formats.duration),
        Column(
            "Machine",
            lambda r: formats.machine(r.run),
            {"host": lambda r: r.run.attempt.get("host"), "device": lambda r: formats.device(r.run)},
            numeric=False,
            extra=True,
        ),
        Column(
            "Commit",
            lambda r: formats.commit(r.run),
            {"commit": lambda r: r.run.git.get("commit"), "dirty": lambda r: r.run.git.get("dirty")},
            numeric=False,
            extra=True,
        ),
        raw_only("torch", lambda r: r.run.versions.get("torch")),
        raw_only("numerics", lambda r: r.run.numerics),
        raw_only("folder", lambda r: f"{r.run.study}/{r.run.folder.name}"),
        raw_only("id", lambda r: r.run.id),
        raw_only("group", lambda r: r.run.group),
    ]
    return Table(columns, [RunRow(run, variant) for variant in summary.variants for run in variant.runs])


def state(row: RunRow) -> str:
    if row.run.status == "finished" and not row.is_counted:
        return "finished, not counted"
    return row.run.status


def remarks(row: RunRow) -> str:
    """The error, how far an unfinished run is, the warnings of the record."""
    run, parts = row.run, []
    if run.error:
        parts.append(run.error)
    if run.status != "finished" and run.curve and "epochs" in run.config:
        parts.append(f"epoch {max(run.curve) + 1} of {run.config['epochs']}")
    if run.reused_from:
        parts.append(f"reused from {run.reused_from}")
    return "; ".join([*parts, *run.warnings, *run.notes])


def _key_column(key: str, summary: Summary) -> Column[RunRow]:
    """The resolved value of a key; a name is in the columns `Variant` and `Data` already."""
    values = [variant.keys.get(key) for variant in summary.variants]
    numeric = all(value is None or (isinstance(value, int | float) and not isinstance(value, bool)) for value in values)

    def value(row: RunRow) -> Any:
        entry = row.variant.keys.get(key)
        return entry if entry is None or isinstance(entry, str | int | float) else json.dumps(entry, default=str)

    def text(row: RunRow) -> str:
        entry = row.variant.keys.get(key)
        return "" if entry is None or key == PRESET or key.endswith(".name") else show(entry)

    return Column(key, text, {key: value}, numeric=numeric, extra=True)


def _score(row: RunRow) -> str:
    metric, value = row.variant.metric, row.variant.metric.of(row.run)
    return "" if value is None else stamped(metric.text(value), metric.stamp(row.run.selected_on))
