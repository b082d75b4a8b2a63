"""`make compare`: are the numbers of training the same as before, to the last bit?

    python -m tests.compare                          the working tree against the stored curves in tests/golden
    python -m tests.compare main                     against a commit, which is trained here too
    python -m tests.compare main augment=lee2021     the same with more overrides
    python -m tests.compare --store                  stores the curves anew

Processors and versions of torch round differently, so that the stored curves hold bit for bit only where they were
made (curves_made_on.txt). Against a commit both sides are trained by this machine, and any difference is the code's.
Exit status: 0 if all is the same, 1 if something differs, 2 if there is nothing to compare.
"""

from __future__ import annotations

import argparse
import json
import shlex
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import torch

from lkca_exp.config.errors import ConfigError, refuse
from lkca_exp.config.schema import TrainerConfig
from lkca_exp.runs.rows import read_rows, write_rows
from lkca_exp.training.device import describe_device
from tests.conftest import TINY, environment

ROOT = Path(__file__).parents[1]
GOLDEN = ROOT / "tests" / "golden"
MADE_ON = GOLDEN / "curves_made_on.txt"
CASES = {
    "attention": ["model/mixer=attention", "optim.lr=0.01"],
    "lkca": ["model/mixer=lkca", "optim.lr=0.01"],
    "lkca_depthwise": ["model/mixer=lkca_depthwise", "optim.lr=0.01"],
    "lkca_convolution_ema": ["model.mixer.view=convolution", "optim.ema_decay=0.9", "optim.lr=0.01"],
}

Rows = Sequence[dict[str, Any]]
"""A row an epoch, and the final metrics."""


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tests.compare", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("commit", nargs="?", metavar="REF")
    parser.add_argument("overrides", nargs="*", metavar="OVERRIDE")
    parser.add_argument("--store", action="store_true", help="store the curves of the working tree")
    args = parser.parse_args(arguments)
    try:
        if args.store:
            store()
        else:
            sys.exit(compare(args.commit, args.overrides))
    except ConfigError as error:
        refuse(error)
    except KeyboardInterrupt:
        sys.exit(130)


def compare(commit: str | None, overrides: Sequence[str]) -> int:
    """Train every case, tell how it differs from a commit, or from what is stored, and return the exit status."""
    differs = False
    with checkout(commit) if commit else nullcontext() as there:
        for case in CASES:
            before = train(there, case, overrides) if there else read_rows(stored(case))[0]
            output = difference(before, train(ROOT, case, overrides))
            print(f"{case:<22}{output or 'the same, bit for bit'}", flush=True)
            differs |= bool(output)
    made_on = MADE_ON.read_text().strip()
    if differs and not commit and made_on != this_machine():
        print(f"\nStored on {made_on}.\nThis is {this_machine()}, which may round differently:")
        print("`make compare REF=main` trains both sides here.")
    return int(differs)


def difference(before: Rows, now: Rows) -> str:
    """Where two runs part, and by how much; empty if they do not. A metric that one of them lacks is passed over."""
    for epoch, (old, new) in enumerate(zip(before, now, strict=True)):
        for key in (key for key in old if key in new and old[key] != new[key]):
            where = f"in epoch {epoch} (step {new['step']})" if epoch < len(now) - 1 else "in the final metrics"
            by = f", by {abs(new[key] / old[key] - 1):.1e} of it" if old[key] else ""
            return f"differs {where}: {key} was {old[key]}, is {new[key]}{by}"
    return ""


def train(tree: Path, case: str, overrides: Sequence[str] = ()) -> Rows:
    """A tiny run by the code in `tree`, with one thread, as their number changes the order of sums.

    Raises:
        ConfigError: if it does not finish.
    """
    with tempfile.TemporaryDirectory() as runs:
        words = [*TINY, *CASES[case], "trainer=cpu", f"data.root={ROOT / 'data'}", *overrides, f"paths.runs={runs}"]
        command = [sys.executable, "-m", "lkca_exp", *words]
        done = subprocess.run(command, cwd=tree, env=environment(PYTHONPATH=str(tree)), capture_output=True, text=True)
        if done.returncode:
            raise ConfigError(
                "tree", tree, f"`{shlex.join(['python', *command[1:]])}` failed there:\n{done.stderr.strip()}"
            )
        (folder,) = Path(runs).glob("*/*")
        return [*read_rows(folder / "metrics.jsonl")[0], json.loads((folder / "run.json").read_text())["metrics"]]


def store() -> None:
    for case in CASES:
        write_rows(stored(case), train(ROOT, case))
    MADE_ON.write_text(this_machine() + "\n")


@contextmanager
def checkout(commit: str) -> Iterator[Path]:
    """A folder with the files of a commit, for as long as it lasts.

    Raises:
        ConfigError: if git does not know it.
    """
    with tempfile.TemporaryDirectory() as folder:
        archive, tree = Path(folder, "tree.tar"), Path(folder, "tree")
        command = ["git", "-C", str(ROOT), "archive", f"--output={archive}", commit]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise ConfigError("REF", commit, done.stderr.strip())
        with tarfile.open(archive) as files:
            files.extractall(tree, filter="data")
        yield tree


def stored(case: str) -> Path:
    return GOLDEN / f"curve_{case}.jsonl"


def this_machine() -> str:
    name = describe_device(TrainerConfig(accelerator="cpu"))["name"]
    return f"{name} with {torch.backends.cpu.get_cpu_capability()}, torch {torch.__version__}"


if __name__ == "__main__":
    main()
