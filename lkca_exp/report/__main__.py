"""`python -m lkca_exp.report runs/<study> [runs/<other> ...]`: turn run directories into a page that answers."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from io import TextIOWrapper
from pathlib import Path

from lkca_exp.report.build import report
from lkca_exp.report.compare.choice import Choice
from lkca_exp.report.read.published import DEFAULT


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status: 0, or 2 after one line on standard error about what is wrong with the arguments."""
    options = _parser().parse_args(arguments)
    choice = Choice(options.baseline, options.metric, tuple(options.rows), tuple(options.columns), tuple(options.where))
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")  # a pipe in an old encoding has no ± and must not end the report
    try:
        report(options.studies, choice=choice, published=options.published)
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
    parser.add_argument("--baseline", metavar="LABEL", help="variant to compare with (default: the best attention)")
    parser.add_argument("--metric", default="test/top1", metavar="NAME", help="of the records (default: %(default)s)")
    parser.add_argument("--rows", action="append", default=[], metavar="KEY", help="of the table; may be given again")
    parser.add_argument("--columns", action="append", default=[], metavar="KEY", help="of the table, likewise")
    parser.add_argument(
        "--where", action="append", default=[], metavar="KEY=VALUE[,VALUE]", help="only these runs; may be given again"
    )
    parser.add_argument(
        "--published", type=Path, metavar="FILE", help=f"numbers to stand beside ours (default: {DEFAULT}, if there)"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
