"""Runs and sweeps whose output nobody reads, or whose standard streams are closed."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import TINY, environment


def shell(folder: Path, command: str, *args: str) -> subprocess.CompletedProcess[str]:
    """`command` in a shell, with what starts a tiny run or sweep in place of RUN."""
    run = shlex.join([sys.executable, "-m", "lkca_exp", *args, *TINY, "epochs=1"])
    words = ["bash", "-c", command.replace("RUN", run)]
    return subprocess.run(words, cwd=folder, env=environment(), capture_output=True, text=True, timeout=240)


CLOSED = [
    "RUN <&- >&- 2>&-",
    *(pytest.param(end, marks=pytest.mark.slow) for end in ("RUN >&- 2>&-", "RUN >/dev/full 2>&1")),
]


@pytest.mark.parametrize("command", CLOSED)
def test_closed_streams_do_not_fail_a_run(tmp_path, command):
    done = shell(tmp_path, command)
    assert done.returncode == 0
    assert len(list(tmp_path.glob("runs/default/*/weights.safetensors"))) == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    "args",
    [("-m", "seed=0,1", "hydra/launcher=basic"), ("-m", "seed=0,1", "hydra/launcher=joblib")],
    ids=["basic", "joblib"],
)
def test_a_sweep_goes_on_without_a_reader(tmp_path, args):
    piped = shell(tmp_path, "(RUN; echo $? >status) 2>&1 | true; wait; cat status", *args)
    assert piped.stdout == "0\n"
    assert shell(tmp_path, "RUN study=closed >&- 2>&-", *args).returncode == 0
    assert len(list(tmp_path.glob("runs/*/*/weights.safetensors"))) == 4
