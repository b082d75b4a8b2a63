"""Synthetic run folders, written as the training side writes them."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lkca_exp.runs.lock import hold

CONFIG: dict[str, Any] = {
    "study": "digits_compare",
    "seed": 0,
    "epochs": 3,
    "batch_size": 32,
    "precision": "fp32",
    "keep": "weights",
    "force": False,
    "data": {"name": "digits", "root": "data", "fraction": 1.0, "images_per_class": None, "subset_seed": 0},
    "augment": {"crop_padding_px": None, "mirror": None},
    "model": {"name": "vit", "size": "xs", "patch_size": None, "drop_path": 0.1},
    "optim": {"name": "adamw", "lr": 0.001},
    "trainer": {"accelerator": "auto", "devices": 1, "fast_run": False},
    "logger": {"name": "none"},
    "paths": {"runs": "runs"},
}
MIXERS: dict[str, dict[str, Any]] = {
    "attention": {"name": "attention", "num_heads": None},
    "lkca": {"name": "lkca", "kernel_size": None, "sharing": "channel"},
}
RECORD: dict[str, Any] = {
    "format": 1,
    "status": "finished",
    "numerics": 1,
    "command": "python -m lkca_exp +experiment=digits_compare",
    "derived": {"patch_size": 2, "kernel_size": 7, "num_heads": 4},
    "selected_on": None,
    "model": {"parameters": 93322, "flops_per_image": 1234567},
    "speed": {"train_images_per_s": 2500.0, "test_images_per_s": 9000.0},
    "memory": {"peak_bytes": 812345678, "of": "process"},
    "timings": {"started": "2026-01-02T03:04:05Z", "ended": "2026-01-02T03:04:27Z", "seconds": 22.1},
    "versions": {"python": "3.11.7", "torch": "2.14.1"},
    "git": {"commit": "0123456789abcdef", "dirty": False},
    "device": {"accelerator": "cpu", "name": "AMD EPYC", "count": 1, "threads": 2},
    "attempts": [{"status": "finished", "from_epoch": 0, "host": "here", "pid": 1}],
    "error": None,
    "warnings": [],
    "reused_from": None,
}

MakeRun = Callable[..., Path]


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """The root of the run records."""
    return tmp_path / "runs"


@pytest.fixture
def make_run(runs: Path) -> Iterator[MakeRun]:
    """Writes one run directory and returns it; see `write_run`. One that is running is held while the test lasts."""
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


def write_predictions(folder: Path, top1: float, num_images: int = 200, num_classes: int = 5) -> None:
    """predictions.npz of a run: every class as often, and the first images of each class right."""
    labels = np.arange(num_images) % num_classes
    wrong = np.arange(num_images) >= round(top1 * num_images)
    small = np.uint8 if num_classes < 256 else np.uint16
    predictions = (labels + wrong) % num_classes
    np.savez_compressed(folder / "predictions.npz", labels=labels.astype(small), predictions=predictions.astype(small))


def write_reach(folder: Path, within: list[list[float]], radii: list[float] | None = None) -> None:
    """What an analysis says of a run: for each layer the share of the mass within r, and radii of receptive fields."""
    place = folder / "analysis"
    place.mkdir(exist_ok=True)
    told: dict[str, Any] = {"title": "t", "x_label": "x", "y_label": "y", "x": list(range(len(within[0])))}
    told |= {"series": {f"layer {n}": layer for n, layer in enumerate(within, 1)}, "images": 16}
    (place / "locality.json").write_text(json.dumps(told | {"even": [0.4] * (len(within[0]) - 1) + [1.0]}))
    if radii:
        told |= {"x": list(range(1, len(radii) + 1)), "series": {"radius": radii}, "even": 3.0}
        (place / "receptive_field.json").write_text(json.dumps(told))
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
    """`config` has dotted keys to change; `changes` are entries of the record; `rows` is metrics.jsonl."""
    settled = _config(mixer, seed, study, protocol, config or {})
    group = _hash({key: value for key, value in settled.items() if key not in ("seed", "study", "paths", "logger")})
    identity = _hash([group, seed])
    label = label or f"digits-{mixer}"
    metrics = {} if top1 is None else {"epoch": 2, "test/top1": top1, "test/loss": 0.2}
    record = copy.deepcopy(RECORD) | {"id": identity, "group": group, "study": study, "label": label, "seed": seed}
    record |= {"config": settled, "metrics": metrics, **changes}
    folder = root / study / f"{label.replace('/', '_')}-s{seed}-{identity[:8]}"
    folder.mkdir(parents=True)
    (folder / "run.json").write_text(json.dumps(record), encoding="utf-8")
    lines = _rows(protocol) if rows is None else rows
    (folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in lines), encoding="utf-8")
    return folder


def _config(mixer: str, seed: int, study: str, protocol: str, changes: Mapping[str, Any]) -> dict[str, Any]:
    config = copy.deepcopy(CONFIG) | {"seed": seed, "study": study, "protocol": {"name": protocol}}
    config["model"]["mixer"] = dict(MIXERS.get(mixer, {"name": mixer}))
    for key, value in changes.items():
        *parents, last = key.split(".")
        place = config
        for parent in parents:
            place = place[parent]
        place[last] = value
    return config


def _rows(protocol: str) -> list[dict[str, Any]]:
    accuracy = {"final": "train/top1", "holdout": "val/top1", "best_on_test": "test/top1"}[protocol]
    losses = [(0, 2.1, 0.3), (1, 1.2, 0.7), (2, 0.6, 0.9)]
    return [
        {"epoch": epoch, "step": 44 * (epoch + 1), "lr": 0.001, "train/loss": loss, accuracy: top1}
        for epoch, loss, top1 in losses
    ]


def _hash(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
