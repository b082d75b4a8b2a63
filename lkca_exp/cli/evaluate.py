"""`python -m lkca_exp.evaluate RUN`: test the weights of a trained run, on its own data or on others that fit."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from lkca_exp.cli.arguments import check_writable_file
from lkca_exp.config.errors import short_answers
from lkca_exp.config.schema import PathsConfig
from lkca_exp.engine.evaluate import evaluate
from lkca_exp.runs.find import find_run
from lkca_exp.runs.state import look

SPLITS = ("test", "validation", "train")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m lkca_exp.evaluate", description="Test the weights of a trained run, on its data or on others."
    )
    parser.add_argument("run", metavar="RUN", help="its folder, study/name, or the beginning of its name or id")
    parser.add_argument("overrides", nargs="*", metavar="data=NAME", help="another data set; also data.root=DIR, ...")
    parser.add_argument("--split", choices=SPLITS, default=SPLITS[0], help="(%(default)s)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    parser.add_argument(
        "--runs", type=Path, default=PathsConfig.runs, metavar="DIR", help="folder of the studies (%(default)s)"
    )
    args = parser.parse_intermixed_args(arguments)
    with short_answers():
        check_writable_file("--json", args.json)
        figures = evaluate(look(find_run(args.run, args.runs)), args.split, args.overrides)
    shown = {"top-1": "top1", "top-5": "top5"}
    accuracies = [f"{name} {100 * figures[key]:.2f} %" for name, key in shown.items() if key in figures]
    print(f"{figures['run']}: {figures['images']:,} images of {figures['data']}, {figures['split']}")
    print(", ".join([*accuracies, f"loss {figures['loss']:.4f}"]))
    if args.json:
        args.json.write_text(json.dumps(figures, indent=1) + "\n")
