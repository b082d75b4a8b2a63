"""`python -m lkca_exp.analysis`: what models cost, and what a trained one looks at."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from lkca_exp.cli.arguments import check_writable_file, number
from lkca_exp.config.errors import ConfigError, short_answers
from lkca_exp.config.schema import PathsConfig
from lkca_exp.runs.find import find_runs
from lkca_exp.runs.state import run_state
from lkca_exp.sweep.jobs import jobs_of

if TYPE_CHECKING:
    from lkca_exp.analysis.efficiency import Efficiency


ROUNDS = 3


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m lkca_exp.analysis", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    command = commands.add_parser("efficiency", help="parameters, operations, memory, images/s of models side by side")
    command.add_argument(
        "overrides", nargs="*", metavar="KEY=VALUE", help="as for python -m lkca_exp -m: key=a,b compares"
    )
    command.add_argument("--batch-sizes", type=number, nargs="+", default=[1, 64], metavar="N", help="(1 64)")
    command.add_argument("--rounds", type=number, default=ROUNDS, metavar="N", help="times that each is measured (3)")
    command.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    command.set_defaults(run=lambda args: efficiency(args.overrides, args.batch_sizes, args.rounds, args.json))
    command = commands.add_parser("run", help="trained runs' kernels, receptive fields and reach, for the report")
    command.add_argument(
        "of",
        metavar="RUN",
        nargs="+",
        help="a run or a study: folder, study, study/name, the beginning of a name or id",
    )
    command.add_argument("--images", type=number, default=64, metavar="N", help="test images to look at (64)")
    command.add_argument(
        "--batch-sizes", type=number, nargs="+", default=[], metavar="N", help="measure images/s at these too (none)"
    )
    command.add_argument("--again", action="store_true", help="also what was done before, of the same weights")
    command.add_argument("--runs", type=Path, default=PathsConfig.runs, metavar="DIR", help="folder of the studies")
    command.set_defaults(run=lambda args: of_runs(args.of, args.runs, args.images, args.batch_sizes, args.again))
    args = parser.parse_args(arguments)
    with short_answers():
        args.run(args)


def efficiency(words: Sequence[str], batch_sizes: Sequence[int], rounds: int, file: Path | None) -> None:
    """Measure the models of a sweep's jobs, each model once, and print them side by side."""
    check_writable_file("--json", file)
    jobs = jobs_of(words)
    from lkca_exp.analysis.efficiency import measure

    models = {repr((job.config.model, job.config.precision)): job for job in reversed(jobs.unique)}
    chosen = list(reversed(models.values()))
    costs = measure(chosen, batch_sizes, rounds)
    shared = set.intersection(*(set(job.overrides) for job in chosen))
    names = [" ".join(word for word in job.overrides if word not in shared) or job.label for job in chosen]
    Console().print(_table(names, costs, rounds))
    if file:
        file.write_text(
            json.dumps({name: asdict(cost) for name, cost in zip(names, costs, strict=True)}, indent=1) + "\n"
        )


def _table(names: Sequence[str], costs: Sequence[Efficiency], rounds: int) -> Table:
    table = Table(title=f"On this machine, medians of {rounds} rounds", title_justify="left")
    table.add_column("")
    for name in names:
        table.add_column(Text(name), justify="right")
    rows = [
        ("parameters", [f"{cost.parameters:,}" for cost in costs]),
        ("operations an image", [f"{cost.flops:,}" for cost in costs]),
        ("the same, LKCA as convolution", [f"{cost.flops_as_convolution:,}" for cost in costs]),
        ("kept for backward, bytes an image", [f"{cost.activation_bytes:,}" for cost in costs]),
    ]
    for size in costs[0].train_images_per_s:
        rows.append((f"training, images/s, batch {size}", [f"{cost.train_images_per_s[size]:,.0f}" for cost in costs]))
    for size in costs[0].test_images_per_s:
        rows.append((f"inference, images/s, batch {size}", [f"{cost.test_images_per_s[size]:,.0f}" for cost in costs]))
    for what, which in (("training", "train_latency_ms"), ("inference", "test_latency_ms")):
        for size in getattr(costs[0], which):
            cells = [f"{getattr(cost, which)[size]:,.2f}" for cost in costs]
            rows.append((f"{what}, ms a step waited for, batch {size}", cells))
    for what, cells in rows:
        table.add_row(what, *cells)
    return table


def of_runs(names: Sequence[str], root: Path, num_images: int, batch_sizes: Sequence[int], again: bool) -> None:
    """Write what each run's model has to show into its folder. Of several runs those that have nothing to show are
    named; rates are measured once for all seeds of a configuration.

    Raises:
        ConfigError: if no run has anything to show.
    """
    runs = [run_state(folder) for folder in find_runs(names, root)]
    from lkca_exp.analysis.trained import analyse, measure

    num_refused = 0
    measured = set()
    for run in runs:
        try:
            files = analyse(run, num_images, again)
            group = run.record and run.record.group
            if batch_sizes and group not in measured:
                files += measure(run, batch_sizes, ROUNDS, again)
                measured.add(group)
        except ConfigError as error:
            num_refused += 1
            if num_refused == len(runs):
                raise
            print(f"{run.name}: left out. {error.rule}")
            continue
        print(f"{run.name}: {', '.join(file.name for file in files) or 'analysed before'}")
