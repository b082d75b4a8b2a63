"""The life of one run: found finished, or begun, continued, trained, recorded."""

from __future__ import annotations

import functools
import gc
import logging
import os
import pickle
import shutil
import signal
import tempfile
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from omegaconf import OmegaConf
from torch.distributed.elastic.multiprocessing.api import SignalException

from lkca_exp.config.derive import Derived
from lkca_exp.config.errors import ConfigError, RunFailedError
from lkca_exp.config.schema import Config
from lkca_exp.data.prepare import RunData, prepare
from lkca_exp.execute import epoch_log, execute
from lkca_exp.models.build import check_buildable, choose_backend
from lkca_exp.models.compilation import check_compiler, check_continues, choose_compiled
from lkca_exp.runs import ledger
from lkca_exp.runs import record as records
from lkca_exp.runs.files import write_atomically
from lkca_exp.runs.identity import identity
from lkca_exp.runs.lock import hold
from lkca_exp.runs.state import epochs_done
from lkca_exp.training.device import check_device, describe_device, take_up_threads, uses_gpu

log = logging.getLogger(__name__)


def train(config: Config, derived: Derived) -> float | None:
    """Train and test one run, or continue it, or return what it came to before.

    Returns:
        The metric that a sweeper may tune; None if another process holds the run.

    Raises:
        ConfigError: if data, device, model, folders or compiler are not to be had; the record is as it was then.
        RunFailedError: if training raised; the record has the traceback.
    """
    check_device(config.trainer)
    check_buildable(config.model, derived)
    check_compiler(config.compile, _device(config))
    data = prepare(config)
    derived = replace(derived, data_content=data.content)  # of what is trained on, whatever was there before
    directory = records.run_directory(config, derived)
    directory.mkdir(parents=True, exist_ok=True)
    with hold(directory) as mine, _threads_restored(), _sigterm_as_interrupt():
        if not mine:
            log.info("%s: another process is at it", directory.name)
            return None
        done = ledger.finished_before(config, derived)
        if done is not None:
            return done
        with _recorded(directory):
            record = begin(config, derived, directory, data)
            run = _launch if config.trainer.devices > 1 else functools.partial(execute, data=data)
            outcome = run(config, derived, directory, record)
            record = records.end_attempt(directory, record, "finished", **outcome)
        if config.keep != "all":
            shutil.rmtree(directory / "checkpoints", ignore_errors=True)
    log.info(
        "%s: test top-1 %.2f %% in %.1f s -> %s",
        directory.name,
        100 * record.metrics["test/top1"],
        record.timings.seconds,
        directory,
    )
    return records.objective(record)


def begin(config: Config, derived: Derived, directory: Path, data: RunData) -> records.Record:
    """Open the record, or the one that an interrupted or failed attempt left, and take up its way of computing."""
    record = records.read(directory)
    if isinstance(record, records.Record) and record.status == "finished":
        ledger.set_aside(directory)
        record = None
    if isinstance(record, records.Record) and record.id == identity(config, derived):
        check_continues(directory.name, record.model, _device(config))
        take_up_threads(record.device)
    else:
        record = replace(
            records.new_record(config, derived),
            device=describe_device(config.trainer),
            class_names=data.class_names,
            model=_way_of_computing(config, derived, data),
            warnings=data.warnings,
        )
        write_atomically(directory / "config.yaml", lambda file: OmegaConf.save(OmegaConf.create(asdict(config)), file))
    record = records.begin_attempt(directory, record, from_epoch=epochs_done(directory))
    (directory / "checkpoints").mkdir(exist_ok=True)
    return record


def _way_of_computing(config: Config, derived: Derived, data: RunData) -> dict[str, Any]:
    """The backend of a large kernel, and whether the model is compiled: chosen once, as either changes the rounding."""
    epochs = 0 if config.trainer.fast_run else config.epochs
    num_images = epochs * config.augment.passes_per_epoch * len(data.train)
    dtype = torch.bfloat16 if config.precision == "bf16" else torch.float32
    batch_size, device = config.batch_size // config.trainer.devices, _device(config)
    return {
        "backend": choose_backend(config.model, derived, batch_size, dtype, device),
        "compiled": choose_compiled(config.compile, derived, dtype, device, num_images),
    }


def _device(config: Config) -> str:
    return "cuda" if uses_gpu(config.trainer) else "cpu"


@contextmanager
def _threads_restored() -> Iterator[None]:
    """Give the next run of this process the threads that this one found."""
    threads = torch.get_num_threads()
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@contextmanager
def _sigterm_as_interrupt() -> Iterator[None]:
    """Have SIGTERM end the run as Ctrl-C does, unless who started this process (SLURM's submitit) has its own way."""
    ours = threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    if ours:
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        if ours:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)


@contextmanager
def _recorded(directory: Path) -> Iterator[None]:
    """Keep train.log, and note in the record how it ended if it did not end well."""
    handler = _LogFile(directory / "train.log", delay=True)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    loggers = [logging.getLogger(), epoch_log]
    for logger in loggers:
        logger.addHandler(handler)
    try:
        (directory / "train.log").touch()
        yield
    except (KeyboardInterrupt, SystemExit, SignalException) as error:
        # Lightning answers Ctrl-C with an exit, and has the process ignore it from then on.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        _note_end(directory, "interrupted")
        raise KeyboardInterrupt from error
    except ConfigError:
        raise
    except Exception as error:
        _note_end(directory, "failed", error)
        log.exception("%s failed", directory.name)
        cause = f"{type(error).__name__}: {error}"
        _release(error)
        raise RunFailedError(directory.name, cause) from None
    finally:
        for logger in loggers:
            logger.removeHandler(handler)
        handler.close()


class _LogFile(logging.FileHandler):
    """train.log; what it cannot write for want of space has been told once, by the error that ends the run."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        pass


def _note_end(directory: Path, status: str, error: Exception | None = None) -> None:
    record = records.read(directory)
    try:
        if isinstance(record, records.Record):
            records.end_attempt(directory, record, status, error)
    except OSError as problem:
        log.error("%s: %s, which its record cannot say: %s", directory.name, status, problem)


def _release(error: BaseException | None) -> None:
    """Let go of what the frames of an error hold, which is the model and its gradients: the next run needs the room."""
    while error is not None:
        traceback.clear_frames(error.__traceback__)
        error = error.__cause__ or error.__context__
    gc.collect()
    if torch.cuda.is_initialized():
        torch.cuda.empty_cache()


def _launch(config: Config, derived: Derived, directory: Path, record: records.Record) -> dict[str, Any]:
    """Train in several processes of this machine and return what the first one did; raise what one of them raised."""
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    settings = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=config.trainer.devices,
        run_id=directory.name,
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        max_restarts=0,
        monitor_interval=0.2,
        start_method="spawn",
    )
    threads = max(torch.get_num_threads() // config.trainer.devices, 1)
    with tempfile.TemporaryDirectory() as folder:
        try:
            return elastic_launch(settings, _worker)(config, derived, directory, record, threads, Path(folder))[0]
        except ChildFailedError as failed:
            told = Path(folder, str(failed.get_first_failure()[0]))
            if not told.exists():  # it was killed
                raise
            error, trace = pickle.loads(told.read_bytes())
            raise error from RuntimeError(f"in one of {config.trainer.devices} processes:\n{trace}")


def _worker(
    config: Config, derived: Derived, directory: Path, record: records.Record, threads: int, errors: Path
) -> dict[str, Any]:
    """One process of a distributed run; what it raises stands in `errors`, under its rank."""
    torch.set_num_threads(threads)
    try:
        return execute(config, derived, directory, record, prepare(config))
    except Exception as error:
        (errors / os.environ["RANK"]).write_bytes(pickle.dumps((error, traceback.format_exc())))
        raise
