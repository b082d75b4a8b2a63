"""`python -m lkca_exp.runs`: how runs stand, what one of them tells, what sets two apart; train one again, clear up.

RUN is a run's folder, study/name, or the beginning of its name or id; STUDY is a study's folder or name.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console

from lkca_exp.config.errors import ConfigError, short_answers
from lkca_exp.config.job import compose
from lkca_exp.config.schema import PathsConfig
from lkca_exp.config.words import MULTIRUN, flags_first
from lkca_exp.engine.rerun import rerun
from lkca_exp.runs.find import find_run, find_studies
from lkca_exp.runs.format import flatten
from lkca_exp.runs.listing import print_status
from lkca_exp.runs.previous import restore
from lkca_exp.runs.prune import freed_bytes, leftovers, remove
from lkca_exp.runs.show import print_difference, print_run
from lkca_exp.runs.state import run_state
from lkca_exp.sweep.plan import plan as print_plan


def main(arguments: Sequence[str] | None = None) -> None:
    args = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    with short_answers():
        args.run(args)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m lkca_exp.runs", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    command = commands.add_parser("status", help="every run: its state, epoch, test accuracy, time taken and left")
    command.add_argument("studies", nargs="*", metavar="STUDY", help="(all below --runs)")
    command.set_defaults(run=lambda args: status(args.studies, args.runs))

    command = commands.add_parser("show", help="all that is recorded of a run")
    command.add_argument("of", metavar="RUN")
    command.set_defaults(run=lambda args: show(args.of, args.runs))

    command = commands.add_parser("diff", help="the results of two runs side by side, and what differs of the rest")
    command.add_argument("of", nargs=2, metavar="RUN")
    command.set_defaults(run=lambda args: diff(args.of[0], args.of[1], args.runs))

    command = commands.add_parser(
        "rerun", help="train a run as it was recorded; its result is set aside, an unfinished one continued"
    )
    command.add_argument("of", metavar="RUN")
    command.add_argument("--study", type=_name, metavar="NAME", help="leave the result and train in another study")
    command.set_defaults(run=lambda args: rerun(find_run(args.of, args.runs), args.study))

    command = commands.add_parser("restore", help="bring back the result in previous/; what is in its place goes there")
    command.add_argument("of", metavar="RUN")
    command.set_defaults(run=lambda args: restore(find_run(args.of, args.runs)))

    command = commands.add_parser("prune", help="remove checkpoints of finished runs, and what killed writers left")
    command.add_argument("studies", nargs="+", metavar="STUDY")
    command.add_argument("--previous", action="store_true", help="also results that a later one replaced (previous/)")
    command.add_argument("--yes", action="store_true", help="do not ask")
    command.set_defaults(run=lambda args: prune(args.studies, args.runs, previous=args.previous, yes=args.yes))

    for each in commands.choices.values():
        each.add_argument(
            "--runs", type=Path, default=PathsConfig.runs, metavar="DIR", help="folder of the studies (%(default)s)"
        )

    # A leading - is no option here, so that -m may stand where it does for `python -m lkca_exp`.
    command = commands.add_parser(
        "plan",
        help="what `python -m lkca_exp -m OVERRIDE ...` would do: its jobs, how they stand, the time left",
        prefix_chars="\0",
        add_help=False,
    )
    command.add_argument("words", nargs="*", metavar="OVERRIDE")
    command.set_defaults(run=lambda args: plan(args.words))
    return parser


def _name(text: str) -> str:
    if not text:
        raise argparse.ArgumentTypeError("a study has a name")
    return text


def plan(words: Sequence[str]) -> None:
    """Every job of a sweep, and how it stands."""
    parser = argparse.ArgumentParser(
        "python -m lkca_exp.runs plan",
        usage="%(prog)s [-m] [--config-dir DIR] [OVERRIDE ...]",
        description="The overrides of `python -m lkca_exp -m`.",
    )
    parser.add_argument(*MULTIRUN, action="store_true", help="may stand here, as there")
    parser.add_argument("--config-dir", "-cd", type=Path, metavar="DIR", help="a folder with experiments of your own")
    args, overrides = parser.parse_known_args(flags_first(words))
    if args.config_dir:
        if not args.config_dir.is_dir():
            raise ConfigError("--config-dir", args.config_dir, "There is no such folder.")
        overrides.append(f"hydra.searchpath=[file://{args.config_dir.absolute()}]")
    print_plan(overrides)


def status(studies: Sequence[str], root: Path) -> None:
    """A table of every run of the studies, or of all studies below `root`."""
    print_status(find_studies(studies, root), Console())


def show(text: str, root: Path) -> None:
    """All that is recorded of a run."""
    run = run_state(find_run(text, root))
    print_run(run, flatten(asdict(compose([]).config)), Console())


def diff(left: str, right: str, root: Path) -> None:
    """Two runs side by side."""
    print_difference(run_state(find_run(left, root)), run_state(find_run(right, root)), Console())


def prune(studies: Sequence[str], root: Path, *, previous: bool, yes: bool) -> None:
    """List what no result needs, and remove it if that is wanted: by `yes`, or by the answer on a terminal."""
    folders = [folder for runs in find_studies(studies, root).values() for folder in runs]
    listed = {folder: leftovers(folder, previous=previous) for folder in folders}
    files = [file for unneeded in listed.values() for file in unneeded]
    for file in files:
        print(f"{file.stat().st_size:>14,}  {file}")
    if not files:
        print("Nothing to remove.")
        return
    summary = f"{len(files)} file{'s' if len(files) > 1 else ''}, which would free {freed_bytes(files):,} bytes"
    if not yes and not sys.stdin.isatty():
        print(f"{summary}; --yes removes them.")
        return
    print(summary)
    if yes or input("Remove them? [y/N] ").strip().lower() in ("y", "yes"):
        removed = [
            file for folder, unneeded in listed.items() if unneeded for file in remove(folder, previous=previous)
        ]
        print(f"{len(removed)} removed.")
