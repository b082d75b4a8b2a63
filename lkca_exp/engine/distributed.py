"""One run in several processes of this machine."""

from __future__ import annotations

import os
import pickle
import tempfile
import traceback
from pathlib import Path
from typing import Any

import torch

from lkca_exp.data.prepare import prepare
from lkca_exp.engine.fit import fit
from lkca_exp.runs.record import Record
from lkca_exp.runs.run import Run


def launch(run: Run, record: Record) -> dict[str, Any]:
    """Train in several processes of this machine and return what the first one did; raise what one of them raised."""
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    num_processes = run.config.trainer.devices
    settings = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=num_processes,
        run_id=run.name,
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        max_restarts=0,
        monitor_interval=0.2,
        start_method="spawn",
    )
    threads = max(torch.get_num_threads() // num_processes, 1)
    with tempfile.TemporaryDirectory() as folder:
        try:
            return elastic_launch(settings, _worker)(run, record, threads, Path(folder))[0]
        except ChildFailedError as failed:
            failure = Path(folder, str(failed.get_first_failure()[0]))
            if not failure.exists():  # it was killed
                raise
            error, trace = pickle.loads(failure.read_bytes())
            raise error from RuntimeError(f"in one of {num_processes} processes:\n{trace}")


def _worker(run: Run, record: Record, threads: int, errors: Path) -> dict[str, Any]:
    """One process of a distributed run; what it raises stands in `errors`, under its rank."""
    torch.set_num_threads(threads)
    try:
        return fit(run, record, prepare(run.config))
    except Exception as error:
        (errors / os.environ["RANK"]).write_bytes(pickle.dumps((error, traceback.format_exc())))
        raise
