"""`python -m lkca_exp.bench`: the speed of this project on your machine."""

from __future__ import annotations

import argparse
import importlib
import json
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from lkca_exp.bench.cases import GPU_PARTS, GRIDS, PRECISIONS, SHARINGS, SUITES
from lkca_exp.cli.arguments import check_writable_file, number
from lkca_exp.config.errors import ConfigError, short_answers
from lkca_exp.config.machine import gpus, limit_spinning


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m lkca_exp.bench", description=__doc__)
    benches = parser.add_subparsers(required=True, metavar="BENCH")
    bench = benches.add_parser(
        "train",
        help="our training against a bare PyTorch loop and the machine's peak",
        epilog="Whole models beside those of timm and vit-pytorch: python -m lkca_exp.bench model",
    )
    bench.add_argument("--rounds", type=number, default=5, metavar="N", help="times that each pair is measured (5)")
    bench.add_argument("--busy", action="store_true", help="instead: on CPUs, alone and beside a busy process")
    bench.set_defaults(run=run_train)
    bench = benches.add_parser("model", help="training steps of whole models, ours and those of others")
    bench.add_argument("--rounds", type=number, default=7, metavar="N", help="times that each is measured (7)")
    bench.add_argument("--suite", nargs="+", default=[*SUITES], choices=SUITES, help="(all)")
    bench.add_argument("--precision", nargs="+", default=[*PRECISIONS], choices=PRECISIONS, help="(all)")
    bench.set_defaults(run=lambda args: _bench("model").run(args.rounds, args.suite, args.precision, args.device))
    bench = benches.add_parser("data", help="our input pipeline against torchvision's with PyTorch's DataLoader")
    bench.add_argument("--rounds", type=number, default=3, metavar="N", help="times that each pipeline is measured (3)")
    bench.set_defaults(run=lambda args: _bench("data").run(args.rounds, args.device))
    bench = benches.add_parser("sweep", help="what a run costs beside its training, and one that is finished")
    bench.add_argument("--rounds", type=number, default=3, metavar="N", help="times that each is measured (3)")
    bench.set_defaults(run=lambda args: _bench("sweep").run(args.rounds, args.device))
    bench = benches.add_parser("op", help="the large-kernel operator: every backend against conv2d and fused attention")
    bench.add_argument("--grid", type=number, nargs="+", default=GRIDS, metavar="n", help="n x n tokens (4 7 8 16)")
    bench.add_argument("--kernel", type=number, nargs="+", metavar="K", help="kernel sides (3 5 7 11 15 and 2n-1)")
    bench.add_argument("--sharing", nargs="+", default=SHARINGS, choices=SHARINGS, help="one kernel per (all)")
    bench.add_argument("--precision", nargs="+", default=PRECISIONS, choices=PRECISIONS, help="(all)")
    bench.add_argument("--rounds", type=number, default=7, metavar="N", help="times that each is measured (7)")
    bench.set_defaults(run=run_op)
    bench = benches.add_parser("gpu", help="a GPU: operator, steps of models, loader, jobs side by side")
    bench.add_argument("--rounds", type=number, default=5, metavar="N", help="times that each is measured (5)")
    bench.add_argument("--part", nargs="+", default=[*GPU_PARTS], choices=GPU_PARTS, help="(all)")
    bench.add_argument("--small", action="store_true", help="little of each part, to see that all works")
    bench.add_argument("--markdown", type=Path, metavar="FILE", help="write the tables there too")
    bench.set_defaults(run=run_gpu)
    for name, each in benches.choices.items():
        usual = "gpu" if name == "gpu" else "auto"
        what = "(gpu)" if name == "gpu" else "(auto: a GPU if there is one)"
        each.add_argument("--device", default=usual, choices=("auto", "cpu", "gpu"), help=what)
        each.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    args = parser.parse_args(arguments)
    limit_spinning()
    if any(side % 2 == 0 or side > 2 * min(args.grid) - 1 for side in vars(args).get("kernel") or ()):
        parser.error("--kernel: a side is odd and at most 2n-1, which joins every two of n x n tokens")
    with short_answers():
        check_writable_file("--json", args.json)
        args.device = device(args.device)
        figures = args.run(args)
    if args.json:
        args.json.write_text(json.dumps(figures, indent=1) + "\n")


def _bench(name: str) -> ModuleType:
    """The module of a bench, which imports torch: once the command is known to be right."""
    return importlib.import_module(f"lkca_exp.bench.{name}")


def device(asked: str) -> str:
    """The one to measure, by torch's name; without torch, so that a GPU that is not there is refused at once."""
    there = asked != "cpu" and bool(gpus())
    if asked == "gpu" and not there:
        raise ConfigError("--device", "gpu", "There is no GPU on this machine.", "Measure the CPU with --device cpu.")
    return "cuda" if there else "cpu"


def run_train(args: argparse.Namespace) -> dict[str, Any]:
    train = _bench("train")
    return train.run_busy(args.rounds) if args.busy else train.run(args.rounds, args.device)


def run_op(args: argparse.Namespace) -> dict[str, Any]:
    op = _bench("op")
    return op.run(op.grid_of_cases(args.grid, args.kernel, args.sharing, args.precision), args.rounds, args.device)


def run_gpu(args: argparse.Namespace) -> dict[str, Any]:
    """The figures, and their tables as Markdown."""
    check_writable_file("--markdown", args.markdown)
    gpu = _bench("gpu")
    figures = gpu.run(args.device, args.rounds, args.part, args.small)
    if args.markdown:
        args.markdown.write_text(gpu.as_markdown(figures))
    return figures
