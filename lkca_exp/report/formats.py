"""How numbers are written, once for the terminal, the page and Markdown.

Minus signs are ASCII here, so that a pipe in an old encoding keeps them. Metrics write themselves: compare/metric.py.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from lkca_exp.report.read.load import Run

MINUS = re.compile(r"(?<![\w.])-(?=\d)")
"""A hyphen that stands for minus."""
TIMES = "\N{MULTIPLICATION SIGN}"


def p_value(p: float) -> str:
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def thousands(value: float) -> str:
    return f"{value:,.0f}"


def per_second(value: float) -> str:
    """A rate, with a decimal only where it is small."""
    return f"{value:,.1f}" if value < 10 else thousands(value)


def mega(value: float) -> str:
    """Bytes, operations: in millions, three digits."""
    return f"{value / 1e6:,.0f}" if value >= 1e8 else f"{value / 1e6:.3g}"


def ratio(value: float) -> str:
    return f"{value:.2f}{TIMES}" if value < 10 else f"{value:,.0f}{TIMES}"


def duration(seconds: float) -> str:
    """22.1 s, 3 min 20 s, 5 h 02 min."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def count(number: int, noun: str) -> str:
    """1 seed, 3 seeds."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def joined(parts: Sequence[str]) -> str:
    """a, b and c."""
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)


def device(run: Run) -> str:
    """The machine's name, how many of it, and threads where they are known."""
    name = str(run.device.get("name") or run.device.get("accelerator") or "")
    number, threads = run.device.get("count"), run.device.get("threads")
    many = f"{number} {TIMES} " if isinstance(number, int) and number > 1 else ""
    return f"{many}{name}" + (
        f", {count(threads, 'thread')}" if threads and run.device.get("accelerator") == "cpu" else ""
    )


def machine(run: Run) -> str:
    """The host of the latest attempt, and its device."""
    return ": ".join(part for part in (str(run.attempt.get("host") or ""), device(run)) if part)


def commit(run: Run) -> str:
    """Short commit, with a + where the tree had changes that the commit does not hold."""
    name = str(run.git.get("commit") or "")[:9]
    return name + ("+" if name and run.git.get("dirty") else "")


def printable(text: str) -> str:
    """On one line, without the control characters that could steer a terminal."""
    return "".join(character if character.isprintable() else " " for character in text)
