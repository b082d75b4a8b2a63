"""Standard output and error that are closed, or whose reader is gone: neither ends a run."""

from __future__ import annotations

import os
import sys
from typing import Any, TextIO


class Lasting:
    """A text stream, which becomes the null device once it cannot be written."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        try:
            return self._stream.write(text)
        except (OSError, ValueError):  # ValueError: it was closed
            self._stream = open(os.devnull, "w")  # noqa: SIM115
            return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except (OSError, ValueError):
            self._stream = open(os.devnull, "w")  # noqa: SIM115

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def make_streams_last() -> None:
    """Have standard output and error last as long as this process, and those that it starts have both: a descriptor
    that is free would be that of the next file which is opened, and get what libraries print."""
    for number, (name, mode) in enumerate({"stdin": "r", "stdout": "w", "stderr": "w"}.items()):
        if getattr(sys, name) is None:
            setattr(sys, name, open(_null_device(number), mode, closefd=False))  # noqa: SIM115
    sys.stdout, sys.stderr = Lasting(sys.stdout), Lasting(sys.stderr)  # type: ignore[assignment]


def _null_device(number: int) -> int:
    """A descriptor of the null device: this one, unless a file that was opened since has it."""
    null = os.open(os.devnull, os.O_RDWR)
    try:
        os.fstat(number)
    except OSError:
        os.dup2(null, number)
        null = number
    os.set_inheritable(null, True)
    return null
