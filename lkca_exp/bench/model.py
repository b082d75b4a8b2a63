"""Whole models in training: ours with attention and with a kernel per channel beside the ViT of timm and that of
vit-pytorch, and the models of the paper beside LKCA as it was published.

A step is forward, backward and AdamW on one batch of random images of 32 x 32 pixels; what a run does beside that is
left out. Every model takes it in fp32 and in bf16 autocast, those of one skeleton also compiled and, on a GPU, as CUDA
graphs. All take turns, so that a machine that slows down slows all of them; ratios are to be trusted, times less.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from rich.console import Console
from rich.progress import track
from torch import Tensor

from lkca_exp.bench.clock import turn
from lkca_exp.bench.contenders import OURS, PAPER, PEERS, Contender, as_published, contenders, paper_contenders
from lkca_exp.bench.machine import in_gflops, matmul_peak, name_of, set_precision, table_of
from lkca_exp.config.schema import AdamwConfig
from lkca_exp.config.specs import SPECS
from lkca_exp.models.build import no_weight_decay
from lkca_exp.models.compilation import compile_model, works
from lkca_exp.training.optim import build_optimizer
from lkca_exp.training.step_graph import WARM_UP_STEPS, DeviceRates, StepGraph

TABLE_WIDTH = 140


class Way(NamedTuple):
    """A way to train a model: `form` is one of FORMS."""

    precision: str
    form: str = "eager"

    def __str__(self) -> str:
        return self.precision if self.form == "eager" else f"{self.precision} {self.form}"


class Suite(NamedTuple):
    """Models that are measured together, eager and, if they are `compiled` and there is a compiler, in other forms;
    `pairs` are a model and those that it is held against."""

    contenders: Callable[[], Iterable[Contender]]
    compiled: bool
    batch: int
    pairs: dict[str, tuple[str, ...]]


def run(rounds: int, names: Sequence[str], precisions: Sequence[str], device: str) -> dict[str, Any]:
    """Measure the suites of these names in these precisions, print their tables, return the figures."""
    console = Console(width=TABLE_WIDTH)
    peaks = {precision: matmul_peak(device, precision) for precision in precisions}
    figures = {}
    for name in names:
        suite = SUITES[name]
        forms = FORMS[device] if suite.compiled and works(device) else ("eager",)
        ways = [Way(precision, form) for form in forms for precision in precisions]
        models = measure(list(suite.contenders()), ways, suite.batch, rounds, peaks, device)
        ratios = {name: ratios_to(models, name, others) for name, others in suite.pairs.items()}
        title = f"training images/s, batches of {suite.batch}, {name_of(device)}, median of {rounds} rounds"
        console.print(table_of(title, (_row(*model) for model in models.items())))
        console.print(
            table_of(
                "times as fast, each in its best way and in the same way",
                (
                    {"": name, "as": other, **{way: f"{ratio:.2f}" for way, ratio in by_way.items()}}
                    for name, others in ratios.items()
                    for other, by_way in others.items()
                ),
            )
        )
        figures[name] = {"models": models, "times_as_fast_as": ratios}
    console.print(
        f"Peak of the matrix product: {in_gflops(peaks)}. In brackets the share of it, by the products of "
        "forward and backward, of LKCA those of its attention view with two maps."
    )
    return {"peak_flops": peaks, "threads": torch.get_num_threads(), "rounds": rounds, "suites": figures}


FORMS = {"cpu": ("eager", "compiled"), "cuda": ("eager", "graph", "compiled graph")}
"""On a GPU a step is started kernel by kernel, or is one graph."""
SUITES = {
    "skeleton": Suite(
        contenders, True, 128, {OURS["attention"]: PEERS, OURS["lkca_depthwise"]: (OURS["attention"], *PEERS)}
    ),
    # The published form is not compiled.
    "paper": Suite(paper_contenders, False, 64, {lkca: (as_published(lkca), vit) for lkca, vit in PAPER.items()}),
}


def measure(
    models: Sequence[Contender], ways: Sequence[Way], batch: int, rounds: int, peaks: dict[str, float], device: str
) -> dict[str, dict[str, Any]]:
    """Parameters, operations, images/s and share of the peak of each model, and the way that is its fastest."""
    # torch counts recompilations of all modules together, and gives up after 8.
    with torch._dynamo.config.patch(recompile_limit=len(models) * len(ways)):
        steps = {(model, way): training_step(model, way, batch, device) for model in models for way in ways}
        for (model, way), step in steps.items():
            start = time.perf_counter()
            step()
            print(f"{model.name}, {way}: first step {time.perf_counter() - start:.1f} s", file=sys.stderr)
        seconds: dict[tuple[Contender, Way], list[float]] = {key: [] for key in steps}
        for _ in track(range(rounds), "measuring", console=Console(stderr=True), transient=True):
            for key, step in steps.items():
                seconds[key].append(turn(step, device))
    figures = {}
    for model in models:
        rates = {way: batch / statistics.median(seconds[model, way]) for way in ways}
        step_flops = 3 * model.flops_per_image  # backward is two forward passes
        figures[model.name] = {
            "parameters": model.parameters,
            "flops_per_image": model.flops_per_image,
            "images_per_s": {str(way): rate for way, rate in rates.items()},
            "share_of_peak_percent": {
                str(way): 100 * rate * step_flops / peaks[way.precision] for way, rate in rates.items()
            },
            "best": str(max(rates, key=lambda way: rates[way])),
        }
    return figures


def training_step(contender: Contender, way: Way, batch: int, device: str) -> Callable[[], object]:
    """One step of a fresh model, always on the same batch."""
    torch.manual_seed(0)
    dtype, data = set_precision(way.precision), SPECS["cifar100"]
    model = contender.make(batch, dtype, device).to(device).train()
    if "compiled" in way.form:
        compile_model(model)
    optimizer = build_optimizer(model, AdamwConfig(), no_weight_decay(model))
    recorded, rates = "graph" in way.form, DeviceRates(optimizer)
    rates.update()
    images = torch.randn(batch, data.channels, data.image_size, data.image_size, device=device)
    labels = torch.randint(data.num_classes, (batch,), device=device)

    def step() -> Tensor:
        with torch.autocast(device, torch.bfloat16, enabled=way.precision == "bf16"):
            loss = F.cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        with rates.used() if recorded else nullcontext():
            optimizer.step()
        return loss.detach()

    if not recorded:
        return step
    for _ in range(WARM_UP_STEPS):
        step()
    return StepGraph(step)


def ratios_to(models: dict[str, dict[str, Any]], name: str, others: Sequence[str]) -> dict[str, dict[str, float]]:
    """How many times as fast `name` trains as each of `others` that was measured: both in their best way, and both in
    each way."""

    def rate(model: str, way: str) -> float:
        return models[model]["images_per_s"][models[model]["best"] if way == "best" else way]

    ways = ["best", *models[name]["images_per_s"]]
    return {other: {way: rate(name, way) / rate(other, way) for way in ways} for other in others if other in models}


def _row(name: str, model: dict[str, Any]) -> dict[str, str]:
    shares = model["share_of_peak_percent"]
    return {
        "": name,
        "parameters": f"{model['parameters']:,}",
        "MFLOP/image": f"{model['flops_per_image'] / 1e6:.0f}",
        **{way: f"{rate:,.0f} ({shares[way]:.0f} %)" for way, rate in model["images_per_s"].items()},
        "best": model["best"],
    }
