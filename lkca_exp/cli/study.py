"""`python -m lkca_exp.study NAME [data=...]`: write a study's results into its folder in `experiments/`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from lkca_exp.config.errors import short_answers
from lkca_exp.study.write import write


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m lkca_exp.study", description=__doc__)
    parser.add_argument(
        "name", metavar="NAME", help="of an experiment that is a sweep, with experiments/NAME/README.md"
    )
    parser.add_argument(
        "words", nargs="*", metavar="OVERRIDE", help="what the sweep was given besides, such as data=digits"
    )
    args = parser.parse_args(arguments)
    with short_answers():
        print(write(args.name, args.words))
