"""Files of runs, damaged at random: no command may end in a traceback or give another number.

    python -m tests.fuzzer CASES [SEED]

Each case copies a finished or an interrupted run, damages one of its files by its bytes or by its shape, and has
`runs status`, `runs show`, `evaluate`, `runs rerun` (each tenth time) and the command that made the run answer.
"""

from __future__ import annotations

import io
import json
import logging
import random
import shutil
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from lkca_exp.cli import evaluate as evaluate_command
from lkca_exp.cli import runs as runs_command
from lkca_exp.config.errors import ConfigError, RunFailedError
from lkca_exp.config.job import compose
from lkca_exp.data.content import run_of
from lkca_exp.engine.lifecycle import train
from lkca_exp.runs.record import read_finished
from lkca_exp.runs.run import Run
from lkca_exp.runs.store import find, log_result
from tests.conftest import TINY
from tests.interrupted import stop_after

RESULTS = ("metrics.jsonl", "weights.safetensors", "predictions.npz")
FILES = {
    "finished": ("run.json", *RESULTS),
    "interrupted": ("run.json", "metrics.jsonl", "checkpoints/last.ckpt", "checkpoints/before_last.ckpt"),
}
VALUES: tuple[Any, ...] = (
    *(None, [], {}, "", "x", 0, -1, 1, 1.5, True, 1e308, 10**30, float("nan"), [None], {"a": 1}, "\ud800", "\0"),
    *(float("inf"), "2026", [[[]]], -0.0, "../..", "é" * 300),
)


class Fuzzer:
    """The two runs, what they should end as, and the draws of a seed."""

    def __init__(self, root: Path, seed: int) -> None:
        self.root, self.draw = root, random.Random(seed)
        self.counts: Counter[str] = Counter()
        self.failures: list[str] = []
        self.finished, self.interrupted = self._run("finished"), self._run("interrupted")
        train(self.finished)
        stop_after(self.interrupted, epochs=2)
        self.expected = {name: (self.finished.directory / name).read_bytes() for name in RESULTS}
        record = read_finished(self.finished.directory)
        assert record is not None
        self.top1, self.metric = record.metrics["test/top1"], record.metrics["val/top1"]

    def _run(self, place: str) -> Run:
        return run_of(compose([*TINY, f"paths.runs={self.root / place}"]))

    def cases(self, number: int) -> None:
        """Try as many cases."""
        for case in range(number):
            state = ("finished", "interrupted")[case % 2]
            self.case(state, self.draw.choice(FILES[state]), by_shape=self.draw.random() < 0.4, rerun=case % 10 == 0)

    def case(self, state: str, name: str, *, by_shape: bool, rerun: bool) -> None:
        place = self.root / "case"
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(self.root / state, place)
        run = self._run("case")
        damage, unnoticeable = (
            self._by_shape(run.directory / name) if by_shape else self._by_bytes(run.directory / name)
        )
        self.counts[f"{name} by {'shape' if by_shape else 'bytes'}"] += 1
        where = ["--runs", str(place)]
        name_of_case = f"{state} {name}: {damage}"
        self._answers(name_of_case, lambda: runs_command.main(["status", *where]))
        self._answers(name_of_case, lambda: runs_command.main(["show", str(run.directory), *where]))
        figures = place / "figures.json"
        words = [str(run.directory), "--json", str(figures), *where]
        self._answers(name_of_case, lambda: evaluate_command.main(words))
        if figures.exists() and json.loads(figures.read_text())["top1"] != self.top1 and not unnoticeable:
            self.failures.append(f"{name_of_case}: evaluate gave another number")
        if rerun:
            self._answers(name_of_case, lambda: runs_command.main(["rerun", str(run.directory), *where]))
        metrics: list[float | None] = []
        self._answers(name_of_case, lambda: metrics.append(same_command(run)))
        if unnoticeable:
            return
        if metrics and metrics != [self.metric]:
            self.failures.append(f"{name_of_case}: the same command gave {metrics[0]}, not {self.metric}")
        for result in RESULTS if metrics else ():
            if result != name and (run.directory / result).read_bytes() != self.expected[result]:
                self.failures.append(f"{name_of_case}: {result} differs")

    def _answers(self, case: str, command: Callable[[], object]) -> None:
        """Have a command answer, with whatever status, but without a traceback."""
        output = io.StringIO()
        handler = logging.StreamHandler(output)
        logging.getLogger().addHandler(handler)
        try:
            with redirect_stdout(output), redirect_stderr(output):
                command()
        except (SystemExit, ConfigError, RunFailedError):
            self.counts["refused"] += 1
        except Exception:
            self.counts["tracebacks"] += 1
            self.failures.append(f"{case}:\n{traceback.format_exc()}")
        finally:
            logging.getLogger().removeHandler(handler)
        if "Traceback" in output.getvalue():
            self.counts["tracebacks"] += 1
            self.failures.append(f"{case}: shown:\n{output.getvalue()[-3000:]}")

    def _by_bytes(self, file: Path) -> tuple[str, bool]:
        content = bytearray(file.read_bytes())
        at, length = self.draw.randrange(len(content)), self.draw.randrange(1, 40)
        kind = self.draw.choice(("flip", "flip", "flip", "cut", "insert", "zero", "remove", "empty"))
        match kind:
            case "flip":
                content[at] ^= 1 << self.draw.randrange(8)
            case "cut":
                del content[at:]
            case "insert":
                content[at:at] = self.draw.randbytes(length)
            case "zero":
                content[at : at + length] = bytes(len(content[at : at + length]))
            case "remove":
                del content[at : at + length]
            case "empty":
                content.clear()
        file.write_bytes(content)
        return f"{kind} at {at}, {length}", False

    def _by_shape(self, file: Path) -> tuple[str, bool]:
        """Returns what was done, and whether nothing can tell: a record from before there were checksums, with other
        values of the right kind."""
        match file.suffix:
            case ".json":
                record = json.loads(file.read_text())
                checked = self.draw.random() < 0.3
                if not checked:
                    del record["checksum"]
                damage = self._mutate(record)
                file.write_text(json.dumps(record))
                return damage, not checked
            case ".jsonl":
                rows = [json.loads(line) for line in file.read_text().splitlines()]
                damage = self._mutate(rows)
                file.write_text("".join(json.dumps(row) + "\n" for row in rows))
                return damage, False
            case ".safetensors":
                weights = load_file(file)
                name = self.draw.choice(sorted(weights))
                weights[name] = weights[name] + 1 if self.draw.random() < 0.5 else weights[name][None]
                save_file(weights, file)
                return f"another {name}", False
            case ".ckpt":
                checkpoint = torch.load(file, weights_only=True)
                damage = self._mutate(checkpoint)
                torch.save(checkpoint, file)
                return damage, False
        return self._by_bytes(file)

    def _mutate(self, content: Any) -> str:
        """Replace, remove or add one entry anywhere within."""
        path: list[Any] = []
        place, inner = None, content
        while isinstance(inner, dict | list) and inner and (place is None or self.draw.random() < 0.8):
            key = self.draw.choice(list(inner) if isinstance(inner, dict) else range(len(inner)))
            place, inner = inner, inner[key]
            path.append(key)
        assert place is not None
        value = self.draw.choice(VALUES)
        match self.draw.choice(("replace", "replace", "remove", "add")):
            case "remove":
                del place[key]
                return f"without {path}"
            case "add" if isinstance(place, dict):
                place["another"] = value
                return f"another beside {path}: {value!r:.40}"
            case _:
                place[key] = value
                return f"{path} = {value!r:.40}"


def same_command(run: Run) -> float | None:
    """As the command line does it."""
    result = find(run)
    return train(run) if result is None else log_result(run, result)


def main(arguments: Sequence[str]) -> None:
    torch.set_num_threads(1)
    known = 0
    with tempfile.TemporaryDirectory() as root:
        fuzzer = Fuzzer(Path(root), int(arguments[1]) if len(arguments) > 1 else 0)
        for _ in range(int(arguments[0]) // 10):
            fuzzer.cases(10)
            print(*fuzzer.failures[known:], sep="\n", end="", flush=True)
            known = len(fuzzer.failures)
    print(f"{len(fuzzer.failures)} failures; {dict(sorted(fuzzer.counts.items()))}")


if __name__ == "__main__":
    main(sys.argv[1:])
