"""Folders of runs that were never trained: real records of the default run on digits, with made-up results."""

from __future__ import annotations

import copy
import functools
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import altair as alt
import numpy as np
import pytest
import wandb

from lkca_exp.config.job import compose
from lkca_exp.report.charts.chart import Chart
from lkca_exp.runs.lock import hold
from lkca_exp.runs.record import Attempt, Record, Timings, read, write
from lkca_exp.runs.rows import write_rows
from lkca_exp.runs.run import Run, new_record
from tests.training.wandb_server import WandbServer, serve_wandb

MEASURED: dict[str, Any] = {
    "status": "finished",
    "command": "python -m lkca_exp +experiment=digits_compare",
    "model": {"parameters": 93322, "flops_per_image": 1234567},
    "speed": {"train_images_per_s": 2500.0, "test_images_per_s": 9000.0},
    "memory": {"peak_bytes": 812345678, "of": "process"},
    "timings": Timings("2026-01-02T03:04:05Z", "2026-01-02T03:04:27Z", 22.1),
    "versions": {"python": "3.11.7", "torch": "2.14.1"},
    "git": {"commit": "0123456789abcdef", "dirty": False},
    "device": {"accelerator": "cpu", "name": "AMD EPYC", "count": 1, "threads": 2},
    "attempts": (Attempt(status="finished", host="here", pid=1),),
}
"""Entries of the records that depend on the machine."""

MakeRun = Callable[..., Path]


@pytest.fixture
def server(monkeypatch) -> Iterator[WandbServer]:
    """A stand-in for W&B that its client talks to."""
    wandb.teardown()
    with serve_wandb() as running:
        for name, value in running.environment().items():
            monkeypatch.setenv(name, value)
        yield running
        wandb.teardown()


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """The root of the run records."""
    return tmp_path / "runs"


@pytest.fixture
def make_run(runs: Path) -> Iterator[MakeRun]:
    """Writes one run directory and returns it; see `write_run`. A running one is locked while the test lasts."""
    with ExitStack() as held:

        def make(mixer: str = "lkca", seed: int = 0, top1: float | None = 0.98, **changes: Any) -> Path:
            folder = write_run(runs, mixer, seed, top1, **changes)
            if changes.get("status") == "running":
                held.enter_context(hold(folder))
            return folder

        yield make


@pytest.fixture
def compared(make_run: MakeRun, runs: Path) -> Path:
    """A study of LKCA and attention, three seeds each: differences 2, 3 and 4 points."""
    for seed, (attention, lkca) in enumerate([(0.96, 0.98), (0.95, 0.98), (0.95, 0.99)]):
        make_run("attention", seed, attention, model={"parameters": 100_000, "flops_per_image": 2_000_000})
        make_run("lkca", seed, lkca, speed={"train_images_per_s": 4000.0})
    return runs / "digits_compare"


def rows(chart: Chart | alt.Chart, mark: str = "", variant: str = "") -> list[dict[str, Any]]:
    """The data of a chart's layers with this mark, or of one layer; those of a `variant`. Rows of two layers once."""
    layers = chart.layers if isinstance(chart, Chart) else [chart]
    data = [json.loads(layer.data.values) for layer in layers if not mark or layer.to_dict()["mark"]["type"] == mark]
    found = [row for of_layer in data for row in of_layer if not variant or row["variant"] == variant]
    return [row for index, row in enumerate(found) if row not in found[:index]]


def write_predictions(folder: Path, top1: float, num_images: int = 200, num_classes: int = 5) -> None:
    """predictions.npz of a run: every class as often, and the first images right; and the record's test accuracy."""
    labels = np.arange(num_images) % num_classes
    wrong = np.arange(num_images) >= round(top1 * num_images)
    small = np.uint8 if num_classes < 256 else np.uint16
    predictions = (labels + wrong) % num_classes
    np.savez_compressed(folder / "predictions.npz", labels=labels.astype(small), predictions=predictions.astype(small))
    record = read(folder)
    if isinstance(record, Record):
        metrics = record.metrics | {"test/top1": 1 - wrong.mean()}
        write(folder, replace(record, metrics=metrics, derived=record.derived | {"num_classes": num_classes}))


def write_reach(folder: Path, within: list[list[float]], radii: list[float] | None = None) -> None:
    """What an analysis says of a run: for each layer the share of the mass within r, and radii of receptive fields."""
    place = folder / "analysis"
    place.mkdir(exist_ok=True)
    curves: dict[str, Any] = {"title": "t", "x_label": "x", "y_label": "y", "x": list(range(len(within[0])))}
    curves |= {"series": {f"layer {n}": layer for n, layer in enumerate(within, 1)}, "images": 16}
    (place / "locality.json").write_text(json.dumps(curves | {"even": [0.4] * (len(within[0]) - 1) + [1.0]}))
    if radii:
        curves |= {"x": list(range(1, len(radii) + 1)), "series": {"radius": radii}, "even": 3.0}
        (place / "receptive_field.json").write_text(json.dumps(curves))
        rising = np.arange(1, 16 * len(radii) + 1, dtype=np.float16).reshape(len(radii), 4, 4)
        np.savez_compressed(place / "receptive_field.npz", fields=rising)


def write_run(
    root: Path,
    mixer: str,
    seed: int,
    top1: float | None,
    *,
    study: str = "digits_compare",
    label: str | None = None,
    protocol: str = "final",
    config: Mapping[str, Any] | None = None,
    rows: list[dict[str, Any]] | None = None,
    **changes: Any,
) -> Path:
    """Write the record and the rows of a run. `config` has dotted keys to change; `changes` are entries of the record;
    `rows` is metrics.jsonl."""
    start = _new_record("attention" if mixer == "attention" else "lkca", protocol)
    settings = copy.deepcopy(start.config) | {"seed": seed, "study": study}
    if settings["model"]["mixer"]["name"] != mixer:
        settings["model"]["mixer"] = {"name": mixer}
    for key, value in (config or {}).items():
        _set(settings, key, value)
    group = _hash({key: value for key, value in settings.items() if key not in ("seed", "study", "paths", "logger")})
    own = {"id": _hash([group, seed]), "group": group, "study": study, "label": label or f"digits-{mixer}"}
    metrics = {} if top1 is None else {"epoch": 2, "test/top1": top1, "test/loss": 0.2}
    given = own | MEASURED | {"selected_on": None, "metrics": metrics} | changes
    record = replace(start, seed=seed, config=settings, **given)
    folder = root / study / f"{record.label.replace('/', '_')}-s{seed}-{own['id'][:8]}"
    folder.mkdir(parents=True)
    write(folder, record)
    write_rows(folder / "metrics.jsonl", _rows(protocol) if rows is None else rows)
    return folder


def alter(folder: Path, *removed: str, **entries: Any) -> None:
    """Give entries of run.json values that the package would not write, and remove some, given as dotted keys."""
    path = folder / "run.json"
    content = json.loads(path.read_text()) | entries
    for key in (*removed, "checksum"):  # without a checksum no change is noticed
        *parents, last = key.split(".")
        functools.reduce(dict.__getitem__, parents, content).pop(last)
    path.write_text(json.dumps(content))


@functools.cache
def _new_record(mixer: str, protocol: str) -> Record:
    """The record that a run on digits begins with."""
    overrides = ["study=digits_compare", "epochs=3", "logger=none", f"model/mixer={mixer}", f"protocol={protocol}"]
    job = compose(overrides)
    return new_record(Run(job.config, job.derived))


def _set(settings: dict[str, Any], key: str, value: Any) -> None:
    *parents, last = key.split(".")
    for parent in parents:
        settings = settings[parent]
    settings[last] = value


def _rows(protocol: str) -> list[dict[str, Any]]:
    accuracy = {"final": "train/top1", "holdout": "val/top1", "best_on_test": "test/top1"}[protocol]
    losses = [(0, 2.1, 0.3), (1, 1.2, 0.7), (2, 0.6, 0.9)]
    return [
        {"epoch": epoch, "step": 44 * (epoch + 1), "lr": 0.001, "train/loss": loss, accuracy: top1}
        for epoch, loss, top1 in losses
    ]


def _hash(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
