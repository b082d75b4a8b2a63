"""A user's mistake in a short message: the key, the value, the rule and the remedy."""

from __future__ import annotations

import difflib
import os
import sys
import traceback
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import NoReturn

MOST_LISTED = 60
"""Names in an answer that lists all of them: of timm's models there are more."""
MOST_SHOWN = 200
"""Characters of a value in an answer."""


class ConfigError(Exception):
    """A configuration, or a file or machine it names, that cannot work.

    The front door prints it without a traceback and exits with status 2.
    """

    def __init__(self, key: str, value: object, rule: str, remedy: str = "") -> None:
        self.key, self.value, self.rule, self.remedy = key, value, rule, remedy
        super().__init__(key, value, rule, remedy)  # all of them, so that it survives pickling between processes

    def __str__(self) -> str:
        value = show(self.value)
        shown = value if len(value) <= MOST_SHOWN else f"{value[:MOST_SHOWN]}..."
        lines = [f"{self.key}={shown}", f"  {self.rule}"]
        if self.remedy:
            lines.append(f"  {self.remedy}")
        return "\n".join(lines)


LACK_OF_MEMORY = "out of memory"


class RunFailedError(Exception):
    """A run that raised, whose traceback has been shown and stands in its record; or a sweep with such runs."""

    def __init__(self, name: str, cause: str) -> None:
        self.name, self.cause = name, cause
        super().__init__(name, cause)  # both, so that it survives pickling between processes

    def __str__(self) -> str:
        return f"{self.name} failed: {self.cause}"

    @property
    def kind(self) -> str:
        """By which two failures are alike: the cause, but for how much memory was asked for and left."""
        return LACK_OF_MEMORY if self.cause.startswith(LACK_OF_MEMORY) else self.cause


class GpuLostError(RunFailedError):
    """A run after which no call to the GPU works any more in this process, as after an illegal access to memory."""


def show(value: object) -> str:
    """A value as it would be typed on the command line."""
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(value)


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """The near names, or else all of them, as a sentence."""
    names = sorted(names)
    return near_names(name, names) or (f"There is: {', '.join(names)}." if len(names) < MOST_LISTED else "")


def near_names(name: str, names: Iterable[str], first: Sequence[str] = ()) -> str:
    """The names that are spelt nearly so, as a sentence, `first` before others; empty if there are none."""
    lower = {other.lower(): other for other in sorted(names, reverse=True)}
    near = [lower[other] for other in difflib.get_close_matches(name.lower(), lower, n=3, cutoff=0.6)]
    shown = list(dict.fromkeys([*first, *near]))[:3]
    return f"Did you mean {' or '.join(shown)}?" if shown else ""


TRACEBACK_WANTED = os.environ.get("HYDRA_FULL_ERROR") == "1"


OUT_OF_MEMORY = ("can't allocate memory", "Cannot allocate memory", LACK_OF_MEMORY, "failed to map segment")
"""What errors that are no MemoryError say."""


def refuse(error: ConfigError) -> NoReturn:
    """Give the short answer and leave with status 2; HYDRA_FULL_ERROR=1 asks for the traceback too."""
    if TRACEBACK_WANTED:
        traceback.print_exception(error)
    print(f"lkca_exp: {error}", file=sys.stderr)
    raise SystemExit(2) from error


@contextmanager
def short_answers() -> Iterator[None]:
    """Ends a command that went wrong for a user with a line, and with an exit status that says which kind it is."""
    try:
        yield
    except ConfigError as error:
        refuse(error)
    except KeyboardInterrupt:
        print("\nlkca_exp: interrupted; the same command continues.", file=sys.stderr)
        sys.exit(130)
    except RunFailedError as error:
        print(f"lkca_exp: {error}; the same command tries again.", file=sys.stderr)
        sys.exit(1)
    except OSError as error:  # a full disk, a folder that may not be written
        if TRACEBACK_WANTED:
            raise
        print(f"lkca_exp: {error}", file=sys.stderr)
        sys.exit(1)
    except Exception as error:
        if TRACEBACK_WANTED or not is_out_of_memory(error):
            raise
        print(f"lkca_exp: {out_of_memory(error)}", file=sys.stderr)
        sys.exit(1)


def is_out_of_memory(error: Exception) -> bool:
    """Whether there was too little memory: for Python, for torch's tensors, or to load torch itself."""
    return isinstance(error, MemoryError) or any(words in str(error) for words in OUT_OF_MEMORY)


def out_of_memory(error: Exception) -> str:
    """Say so, with what was asked for."""
    return f"{LACK_OF_MEMORY} ({(str(error).splitlines() or [type(error).__name__])[0]})"


def divisors(length: int) -> str:
    """The divisors of a length, for an answer."""
    return ", ".join(str(side) for side in range(1, length + 1) if length % side == 0)
