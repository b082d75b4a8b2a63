"""`python -m lkca_exp.report runs/<study> [runs/<other> ...]`: turn run directories into a page that answers."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from io import TextIOWrapper
from pathlib import Path

from lkca_exp.report.build import report
from lkca_exp.report.compare.choice import Choice
from lkca_exp.report.live.server import LOOPBACK
from lkca_exp.report.live.watch import watch
from lkca_exp.report.read.published import DEFAULT

PORT = 8421


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status: 0, or 2 after one line on standard error about what is wrong with the arguments."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.watch and (options.wandb or options.wandb_workspace):
        parser.error("--watch and --wandb: W&B takes a finished comparison, not one that is watched")
    if options.where and options.wandb_workspace:
        parser.error("--where and --wandb-workspace: the view in W&B has all runs of a study")
    if not options.watch and (options.host != LOOPBACK or options.port != PORT):
        parser.error("--host and --port go with --watch")
    choice = Choice(
        options.baseline,
        options.paired,
        options.margin,
        options.metric,
        tuple(options.rows),
        tuple(options.columns),
        tuple(options.where),
        not options.no_images,
    )
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")  # a pipe in an old encoding has no ± and must not end the report
    try:
        if options.watch:
            watch(options.studies, choice, options.published, options.host, options.port)
        else:
            to_wandb = {"to_wandb": options.wandb, "wandb_workspace": options.wandb_workspace}
            report(options.studies, choice=choice, published=options.published, **to_wandb)
    except (ValueError, OSError) as error:
        print(f"report: {error}", file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m lkca_exp.report",
        description="Compare the runs of one or more studies; write report/index.html, tables and figures.",
        epilog="KEY is a configuration key, or its last part: kernel_size, data, model.mixer.name.",
    )
    parser.add_argument("studies", nargs="+", type=Path, metavar="runs/STUDY", help="folder of a study's runs")
    parser.add_argument(
        "--baseline",
        metavar="VARIANT",
        help="what to compare with: its name, label or keys (default: report.baseline of the experiment, else the only "
        "variant with attention, else the first of the sweep)",
    )
    parser.add_argument(
        "--paired", action="store_true", help="compare seed by seed where variants share all seeds (default: Welch's t)"
    )
    parser.add_argument(
        "--margin",
        type=_margin,
        metavar="POINTS",
        help="test too whether variants are equivalent, which is to differ by less than this (TOST)",
    )
    parser.add_argument("--metric", default="test/top1", metavar="NAME", help="of the records (default: %(default)s)")
    parser.add_argument("--rows", action="append", default=[], metavar="KEY", help="of the table; may be given again")
    parser.add_argument("--columns", action="append", default=[], metavar="KEY", help="of the table, likewise")
    parser.add_argument(
        "--where", action="append", default=[], metavar="KEY=VALUE[,VALUE]", help="only these runs; may be given again"
    )
    parser.add_argument(
        "--published", type=Path, metavar="FILE", help=f"numbers to stand beside ours (default: {DEFAULT}, if there)"
    )
    parser.add_argument("--no-images", action="store_true", help="leave out the test images that two models differ on")
    parser.add_argument("--wandb", action="store_true", help="log the comparison to the W&B project as well")
    parser.add_argument("--wandb-workspace", action="store_true", help="save a view and a report of the study in W&B")
    live = parser.add_argument_group("while runs are under way")
    live.add_argument("--watch", action="store_true", help="serve the page, which renews itself; nothing is written")
    live.add_argument("--host", default=LOOPBACK, help="address to serve on (default: %(default)s, this machine only)")
    live.add_argument("--port", type=int, default=PORT, help="0 takes a free one (default: %(default)s)")
    return parser


def _margin(text: str) -> float:
    value = float(text)
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError("a margin is above 0")
    return value
