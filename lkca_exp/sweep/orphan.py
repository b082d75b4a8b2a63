"""A worker of joblib's outlives a sweep that is killed, with its memory and its place on a GPU, unless it notices."""

from __future__ import annotations

import os
import signal
import threading
import time

VARIABLE = "LKCA_EXP_SWEEP_PID"
SECONDS_BETWEEN_LOOKS = 1.0
SECONDS_TO_END = 5.0
_watched: list[int] = []


def be_parent() -> None:
    """Have the workers of this process end with it."""
    os.environ[VARIABLE] = str(os.getpid())


def end_with_parent() -> None:
    """If this process is a worker of a sweep's process, begin to watch it; its end interrupts the run and ends this."""
    parent = os.getppid()
    if os.environ.get(VARIABLE) == str(parent) and parent not in _watched:
        _watched.append(parent)
        threading.Thread(target=_watch, args=(parent,), daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(SECONDS_BETWEEN_LOOKS)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(SECONDS_TO_END)
    os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))
