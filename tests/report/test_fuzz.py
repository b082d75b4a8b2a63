"""Files of one run, changed at random by bytes and by shape: no exception, and no other number for the other runs.

`pytest -m slow tests/report/test_fuzz.py` tries more of them."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lkca_exp.report.build import markdown
from lkca_exp.report.charts.draw import svg
from lkca_exp.report.compare.choice import Choice
from lkca_exp.report.content import Content, gather
from lkca_exp.report.page.page import page
from lkca_exp.report.page.run_page import run_page
from lkca_exp.report.read.load import Run, read_run
from lkca_exp.report.tables.files import WRITERS
from tests.report.conftest import write_predictions, write_reach

NUMBERS = [-1, 0, 7.0, 2**70, 10**400, 1e308, float("nan"), float("inf")]
ODD = [*NUMBERS, None, True, "", "x", "\ud800", "\x00", "2026-13-45", "9" * 5000, [], [[]], [1, None], {}, {"a": None}]
FILES = ["run.json", "metrics.jsonl", "predictions.npz"]
FILES += [f"analysis/{name}" for name in ("locality.json", "receptive_field.json", "receptive_field.npz")]
FEW, MANY = 40, 1500


@pytest.fixture
def victim(make_run) -> Path:
    """A run of another variant than the four good ones beside it."""
    for mixer, top1 in (("attention", 0.8), ("lkca", 0.9)):
        for seed in range(2):
            write_predictions(make_run(mixer, seed), top1 + seed / 100)
    folder = make_run("lkca", 0, config={"model.mixer.kernel_size": 3})
    write_predictions(folder, 0.7)
    write_reach(folder, [[0.5, 1.0], [0.6, 1.0]], radii=[1.0, 2.0])
    return folder


def numbers(content: Content, victim: Path) -> dict[str, Any]:
    """What the report says of the good runs and of their variants."""
    of_runs = {run.folder.name: (run.status, run.seed, run.metrics) for run in content.summary.runs}
    of_runs.pop(victim.name, None)
    variants = [variant for variant in content.summary.variants if victim not in [run.folder for run in variant.runs]]
    of_variants = {variant.group: (variant.score, variant.by_seed, variant.peak_bytes) for variant in variants}
    return of_runs | of_variants


def write_all(content: Content) -> None:
    """Everything that a report makes of its content, without the files."""
    for table in content.tables().values():
        for text_of in WRITERS.values():
            text_of(table)
    for figure in content.figures().values():
        svg(figure)
    markdown(content)
    page(content, lambda folder: folder.name, 0.0)


def by_bytes(draw: random.Random, content: bytes) -> bytes:
    place, length = draw.randrange(len(content)), draw.choice((1, 2, 30, 300))
    noise = draw.randbytes(length)
    return draw.choice(
        (
            content[:place] + noise[:1] + content[place + 1 :],
            content[:place] + noise + content[place + length :],
            content[:place] + noise + content[place:],
            content[:place] + content[place + length :],
            content[:place] + bytes(length) + content[place + length :],
            content[:place],
        )
    )


def by_shape(draw: random.Random, content: bytes, name: str) -> bytes | dict[str, np.ndarray]:
    """Valid JSON or valid arrays, with something odd in place of one value."""
    if name.endswith(".npz"):
        return odd_arrays(draw)
    lines = [json.loads(line) for line in (content.splitlines() if name.endswith("l") else [content])]
    line = draw.randrange(len(lines))
    lines[line] = odd_value(draw, lines[line])
    return "\n".join(map(json.dumps, lines)).encode() + b"\n"


def odd_value(draw: random.Random, value: Any) -> Any:
    if not value or not isinstance(value, dict | list) or draw.random() < 0.1:
        return draw.choice(ODD)
    key = draw.choice(list(value) if isinstance(value, dict) else range(len(value)))
    if draw.random() < 0.1:
        del value[key]
    else:
        value[key] = odd_value(draw, value[key])
    return value


def odd_arrays(draw: random.Random) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(draw.randrange(2**32))
    names = draw.choice((("labels", "predictions"), ("fields",), ("labels",), ()))
    shape = draw.choice(((200,), (199,), (0,), (), (2, 4, 4), (1, 1)))
    kind = draw.choice((np.uint8, np.int8, np.int64, np.float16, np.float64, np.bool_, np.complex64, "U3", "S2"))
    high = draw.choice((1, 10, 127))
    return {name: generator.integers(0, high, shape).astype(kind) for name in names}


def change(draw: random.Random, file: Path, content: bytes, name: str) -> None:
    changed = by_bytes(draw, content) if draw.random() < 0.5 else by_shape(draw, content, name)
    if isinstance(changed, bytes):
        file.write_bytes(changed)
    else:
        np.savez_compressed(file, **changed)


def check(victim: Path, times: int, seed: int) -> None:
    draw = random.Random(seed)
    whole = {name: (victim / name).read_bytes() for name in FILES}
    expected = numbers(gather([victim.parent], Choice(), []), victim)
    assert len(expected) == 6
    for step in range(times):
        name = FILES[step % len(FILES)]
        change(draw, victim / name, whole[name], name)
        content = gather([victim.parent], Choice(), [])
        write_all(content)
        run = read_run(victim)
        if isinstance(run, Run):
            run_page(run, "", "")
        assert numbers(content, victim) == expected, f"step {step}: {name}"
        (victim / name).write_bytes(whole[name])


@pytest.mark.filterwarnings("ignore")
def test_changed_files_of_one_run(victim):
    check(victim, FEW, seed=1)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("seed", range(2, 6))
def test_many_changed_files_of_one_run(victim, seed):
    check(victim, MANY, seed)
