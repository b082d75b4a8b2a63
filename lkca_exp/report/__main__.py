"""`python -m lkca_exp.report runs/<study> [runs/<other> ...] [--baseline LABEL]`: turn run directories into a page."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from io import TextIOWrapper
from pathlib import Path

from lkca_exp.report.build import report


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status: 0, or 2 after one line on standard error about what is wrong with the arguments."""
    parser = argparse.ArgumentParser(
        prog="python -m lkca_exp.report",
        description="Compare the runs of one or more studies; write report/index.html, tables and CSV.",
    )
    parser.add_argument("studies", nargs="+", type=Path, metavar="runs/STUDY", help="folder of a study's runs")
    parser.add_argument("--baseline", metavar="LABEL", help="variant to compare with (default: attention)")
    options = parser.parse_args(arguments)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")  # a pipe in an old encoding has no ± and must not end the report
    try:
        report(options.studies, baseline=options.baseline)
    except (ValueError, OSError) as error:
        print(f"report: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
