"""Whole models in training: ours with attention and with a kernel per channel beside the ViT of timm and that of
vit-pytorch, and the models of the paper beside LKCA as it was published.

A step is forward, backward and AdamW on one batch of random images of 32 x 32 pixels; what a run does beside that is
left out. Every model takes it in fp32 and in bf16 autocast, those of one skeleton also compiled. All take turns, so
that a machine that slows down slows all of them; ratios are to be trusted, times less.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from rich.console import Console
from rich.progress import track
from rich.table import Table

from lkca_exp.bench.contenders import OURS, PAPER, PEERS, Contender, as_published, contenders, paper_contenders
from lkca_exp.bench.machine import matmul_peak
from lkca_exp.config.schema import OptimConfig
from lkca_exp.config.specs import SPECS
from lkca_exp.models.build import no_weight_decay
from lkca_exp.models.compilation import compile_model, works
from lkca_exp.training.optim import build_optimizer

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}
TABLE_WIDTH = 140


class Way(NamedTuple):
    """A way to train a model."""

    dtype: str
    compiled: bool

    def __str__(self) -> str:
        return f"{self.dtype} compiled" if self.compiled else self.dtype


class Goal(NamedTuple):
    """`name` should train so many times as many images/s as the fastest of `others`: in `way`, or each in its best."""

    name: str
    others: tuple[str, ...]
    must: float
    stretch: float
    way: str | None = None


GOALS = (
    Goal(OURS["attention"], PEERS, 1.0, 1.0),
    Goal(OURS["lkca_depthwise"], (OURS["attention"], *PEERS), 2.0, 2.5),
)
PAPER_GOALS = tuple(
    Goal(lkca, (other,), must, stretch, way)
    for lkca, vit in PAPER.items()
    for other, must, stretch in ((as_published(lkca), 8.0, 10.0), (vit, 1.25, 1.5))
    for way in DTYPES
)


class Suite(NamedTuple):
    """Models that are measured together."""

    contenders: Callable[[], Iterable[Contender]]
    ways: Callable[[], list[Way]]
    batch: int
    goals: tuple[Goal, ...]


def run(rounds: int, names: Sequence[str], dtypes: Sequence[str]) -> dict[str, Any]:
    """Measure the suites of these names in these precisions, print their tables, return the figures."""
    console = Console(width=TABLE_WIDTH)
    peaks = {name: matmul_peak(DTYPES[name]) for name in dtypes}
    figures = {}
    for name in names:
        suite = SUITES[name]
        chosen = [way for way in suite.ways() if way.dtype in dtypes]
        models = measure(list(suite.contenders()), chosen, suite.batch, rounds, peaks)
        console.print(_table(models, suite.batch, rounds))
        goals = [goal for goal in suite.goals if goal.way in (None, *map(str, chosen))]
        console.print(_goal_table(goals, models))
        measured = [goal._asdict() | {"measured": ratio(goal, models)} for goal in goals]
        figures[name] = {"models": models, "goals": measured}
    told = ", ".join(f"{name} {peak / 1e9:.0f} GFLOP/s" for name, peak in peaks.items())
    console.print(
        f"Peak of the matrix product: {told}. In brackets the share of it, by the products of forward and backward, "
        "of LKCA those of its attention view."
    )
    return {"peak_flops": peaks, "threads": torch.get_num_threads(), "rounds": rounds, "suites": figures}


def ways() -> list[Way]:
    """The two precisions; both of them compiled too, where there is a compiler."""
    return [Way(dtype, compiled) for compiled in (False, True)[: 1 + works()] for dtype in DTYPES]


def plain_ways() -> list[Way]:
    """The two precisions, nothing compiled: the published form has no other."""
    return [Way(dtype, compiled=False) for dtype in DTYPES]


SUITES = {
    "skeleton": Suite(contenders, ways, 128, GOALS),
    "paper": Suite(paper_contenders, plain_ways, 64, PAPER_GOALS),
}


def measure(
    models: Sequence[Contender], ways: Sequence[Way], batch: int, rounds: int, peaks: dict[str, float]
) -> dict[str, dict[str, Any]]:
    """Parameters, operations, images/s and share of the peak of each model, and the way that is its fastest."""
    # torch counts recompilations of all modules together, and gives up after 8.
    with torch._dynamo.config.patch(recompile_limit=len(models) * len(ways)):
        steps = {(model, way): training_step(model, way, batch) for model in models for way in ways}
        for (model, way), step in steps.items():
            start = time.perf_counter()
            step()
            print(f"{model.name}, {way}: first step {time.perf_counter() - start:.1f} s", file=sys.stderr)
        seconds: dict[tuple[Contender, Way], list[float]] = {key: [] for key in steps}
        for _ in track(range(rounds), "measuring", console=Console(stderr=True), transient=True):
            for key, step in steps.items():
                start = time.perf_counter()
                step()
                seconds[key].append(time.perf_counter() - start)
    figures = {}
    for model in models:
        rates = {way: batch / statistics.median(seconds[model, way]) for way in ways}
        step_flops = 3 * model.flops_per_image  # backward is two forward passes
        figures[model.name] = {
            "parameters": model.parameters,
            "flops_per_image": model.flops_per_image,
            "images_per_s": {str(way): rate for way, rate in rates.items()},
            "share_of_peak_percent": {
                str(way): 100 * rate * step_flops / peaks[way.dtype] for way, rate in rates.items()
            },
            "best": str(max(rates, key=lambda way: rates[way])),
        }
    return figures


def training_step(contender: Contender, way: Way, batch: int) -> Callable[[], object]:
    """One step of a fresh model, always on the same batch."""
    torch.manual_seed(0)
    dtype, data = DTYPES[way.dtype], SPECS["cifar100"]
    model = contender.make(batch, dtype).train()
    if way.compiled:
        compile_model(model)
    optimizer = build_optimizer(model, OptimConfig(), no_weight_decay(model))
    images = torch.randn(batch, data.channels, data.image_size, data.image_size)
    labels = torch.randint(data.num_classes, (batch,))

    def step() -> None:
        with torch.autocast("cpu", dtype, enabled=way.dtype == "bf16"):
            loss = F.cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


def ratio(goal: Goal, models: dict[str, dict[str, Any]]) -> float | None:
    """How many times as fast it is; None if there is nothing to compare it with."""
    rates = {name: model["images_per_s"][goal.way or model["best"]] for name, model in models.items()}
    others = [rates[name] for name in goal.others if name in rates]
    return rates[goal.name] / max(others) if others else None


def _table(models: dict[str, dict[str, Any]], batch: int, rounds: int) -> Table:
    some = next(iter(models.values()))
    threads = torch.get_num_threads()
    table = Table(title=f"training images/s, batches of {batch}, {threads} CPU threads, median of {rounds} rounds")
    for heading in ("", "parameters", "MFLOP/image", *some["images_per_s"], "best"):
        table.add_column(heading, justify="right" if heading else "left")
    for name, model in models.items():
        shares = model["share_of_peak_percent"]
        rates = [f"{rate:,.0f} ({shares[way]:.0f} %)" for way, rate in model["images_per_s"].items()]
        price = f"{model['parameters']:,}", f"{model['flops_per_image'] / 1e6:.0f}"
        table.add_row(name, *price, *rates, model["best"])
    return table


def _goal_table(goals: Sequence[Goal], models: dict[str, dict[str, Any]]) -> Table:
    table = Table(title="times as fast as the fastest other")
    for heading in ("", "in", "of", "must", "stretch", "measured"):
        table.add_column(heading)
    for goal in goals:
        measured = ratio(goal, models)
        others = ", ".join(name for name in goal.others if name in models)
        shown = "" if measured is None else f"{measured:.2f}"
        table.add_row(goal.name, goal.way or "its best way", others, f"{goal.must:g}", f"{goal.stretch:g}", shown)
    return table
