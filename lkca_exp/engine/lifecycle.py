"""Run lifecycle: reuse, resume or train; write the record."""

from __future__ import annotations

import gc
import logging
import os
import shutil
import signal
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from omegaconf import OmegaConf
from torch.distributed.elastic.multiprocessing.api import SignalException

from lkca_exp.config.errors import ConfigError, GpuLostError, RunFailedError, is_out_of_memory, out_of_memory
from lkca_exp.config.schema import Config
from lkca_exp.data.prepare import RunData, prepare
from lkca_exp.engine.distributed import launch
from lkca_exp.engine.fit import epoch_log, fit
from lkca_exp.models.build import check_buildable, choose_backend
from lkca_exp.models.compilation import check_compiler, check_continues, choose_compiled
from lkca_exp.runs.checksums import CHECKED, checksums
from lkca_exp.runs.files import NoSpaceError, write_atomically
from lkca_exp.runs.lock import hold
from lkca_exp.runs.previous import PREVIOUS, exchange, finish_moves, set_aside
from lkca_exp.runs.record import Damaged, Record, begin_attempt, end_attempt, objective, read
from lkca_exp.runs.rows import write_rows
from lkca_exp.runs.run import Run, new_record
from lkca_exp.runs.store import find_result, log_result
from lkca_exp.training.checkpoints import recover
from lkca_exp.training.device import check_device, choose_threads, describe_device, take_up_threads, uses_gpu
from lkca_exp.training.optim import check_optimizer

log = logging.getLogger(__name__)


def train(run: Run) -> float | None:
    """Train and test one run, or continue it, or return the metric that it is recorded with.

    Returns:
        The metric that a sweeper may tune; None if another process holds the run.

    Raises:
        ConfigError: if data, device, model, folders or compiler are unavailable, or the record is a newer version's. It
            is unchanged then.
        RunFailedError: if training raised; the record has the traceback. Where the disk is full and a finished result
            was to be replaced, that is back in its place.
    """
    config = run.config
    check_device(config)
    check_buildable(config.model, run.derived)
    check_optimizer(config.optim)
    if _computes_here(config):
        check_compiler(config.compile, _device(config))
    data = prepare(config)
    if data.content != run.derived.data_content:  # the files were replaced since
        run = replace(run, derived=replace(run.derived, data_content=data.content))
    run.directory.mkdir(parents=True, exist_ok=True)
    with hold(run.directory) as mine, _threads_restored(), _sigterm_as_interrupt():
        if not mine:
            log.info("%s: locked by another process; skipping", run.name)
            return None
        finish_moves(run.directory)
        existing = read(run.directory)
        if result := find_result(run, existing):
            return log_result(run, result)
        with _recorded(run.directory), _previous_kept(run.directory, existing):
            choose_threads(config.trainer)
            record = begin(run, existing, data)
            outcome = launch(run, record) if config.trainer.devices > 1 else fit(run, record, data)
            record = end_attempt(run.directory, record, "finished", sha256=checksums(run.directory), **outcome)
        if config.keep != "all":
            shutil.rmtree(run.directory / "checkpoints", ignore_errors=True)
    top1, seconds = 100 * record.metrics["test/top1"], record.timings.seconds
    log.info("%s: test top-1 %.2f %% in %.1f s -> %s", run.name, top1, seconds, run.directory)
    return objective(record)


def begin(run: Run, record: Record | Damaged | None, data: RunData) -> Record:
    """Open a record, or `record` if an interrupted or failed attempt left it, and take up its way of computing. What
    else is in the folder is set aside."""
    if isinstance(record, Record) and record.id == run.id and record.status != "finished":
        here = describe_device(run.config.trainer)
        if record.device and record.device["accelerator"] != here["accelerator"]:
            moved = f"begun on a {record.device['accelerator']} and continued on a {here['accelerator']}"
            log.warning("%s: %s, whose way of computing is chosen anew", run.name, moved)
            record = replace(record, device=here, model={}, warnings=(*record.warnings, moved))
        if record.model and _computes_here(run.config):
            check_continues(run.name, record.model, _device(run.config))
        if record.device:
            take_up_threads(record.device)
        record = replace(record, model=record.model or _way_of_computing(run, data))
    else:
        _make_room(run, record)
        record = replace(
            new_record(run),
            device=describe_device(run.config.trainer),
            class_names=data.class_names,
            model=_way_of_computing(run, data),
            warnings=data.warnings,
            data={"origin": data.origin, "mean": data.mean, "std": data.std},
        )
        config = OmegaConf.create(asdict(run.config))
        write_atomically(run.directory / "config.yaml", lambda file: OmegaConf.save(config, file))
    rows = recover(run.directory / "checkpoints", run.id)
    record = begin_attempt(run.directory, record, from_epoch=len(rows))
    write_rows(run.directory / "metrics.jsonl", rows)
    return record


def _make_room(run: Run, record: Record | Damaged | None) -> None:
    """Set aside what is in the run's folder, and say so unless it is a result that `force` replaces."""
    if record is None and not any((run.directory / name).exists() for name in (*CHECKED, "checkpoints")):
        return  # at most what an attempt left that did not get as far as a record
    what = "files without a record" if record is None else "the record of another run"
    if isinstance(record, Damaged):
        what = record.reason
    folder = set_aside(run.directory)
    if not isinstance(record, Record) or record.id != run.id:
        log.warning("%s: %s; moved to %s/, and trained anew", run.name, what, folder)


@contextmanager
def _previous_kept(directory: Path, existing: Record | Damaged | None) -> Iterator[None]:
    """Where the run does not end well that is to replace a finished result, say how that comes back; bring it back
    at once if the disk is full."""
    try:
        yield
    except Exception as error:
        if not isinstance(existing, Record) or existing.status != "finished":
            raise
        if isinstance(error, NoSpaceError):
            shutil.rmtree(directory / "checkpoints", ignore_errors=True)
            with suppress(OSError):
                exchange(directory)
        kept = read(directory) == existing
        how = "is kept" if kept else f"is in {PREVIOUS}/; `python -m lkca_exp.runs restore {directory}` brings it back"
        log.warning("%s: its finished result %s", directory.name, how)
        raise


def _way_of_computing(run: Run, data: RunData) -> dict[str, Any]:
    """The backend of a large kernel, and whether the model is compiled: chosen once, as either changes the rounding."""
    config, derived = run.config, run.derived
    epochs = 0 if config.trainer.fast_run else config.epochs
    num_images = epochs * config.augment.passes_per_epoch * len(data.train)
    dtype = torch.bfloat16 if config.precision == "bf16" else torch.float32
    batch_size, device = config.batch_size // config.trainer.devices, _device(config)
    return {
        "backend": choose_backend(config.model, derived, batch_size, dtype, device),
        "compiled": choose_compiled(
            config.compile,
            derived,
            dtype,
            device,
            num_images,
            num_steps=num_images // config.batch_size,
            num_devices=config.trainer.devices,
        ),
    }


def _device(config: Config) -> str:
    return "cuda" if uses_gpu(config.trainer) else "cpu"


def _computes_here(config: Config) -> bool:
    """Whether this process may use the device: that of several on GPUs starts the others, and touches none."""
    return config.trainer.devices == 1 or _device(config) == "cpu"


@contextmanager
def _threads_restored() -> Iterator[None]:
    """Restore the number of threads for the next run of this process."""
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
        cause = _lack(error) or f"{type(error).__name__}: {error}"
        if _lack(error):
            log.error("%s failed: %s", directory.name, cause)
        else:
            log.exception("%s failed", directory.name)
        raise (RunFailedError if _release(error) else GpuLostError)(directory.name, cause) from None
    finally:
        for logger in loggers:
            logger.removeHandler(handler)
        handler.close()


class _LogFile(logging.FileHandler):
    """train.log; what it cannot write for want of space is in the error that ends the run."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        pass


def _lack(error: Exception) -> str:
    """What the machine lacked, if that is what ended the run: space or memory; else empty."""
    if isinstance(error, NoSpaceError):
        return str(error)
    return out_of_memory(error) if is_out_of_memory(error) else ""


def _note_end(directory: Path, status: str, error: Exception | None = None) -> None:
    """Note it in the record, if this process got as far as to write that it works on the run."""
    record = read(directory)
    try:
        if isinstance(record, Record) and record.status == "running" and record.attempts[-1].pid == os.getpid():
            end_attempt(directory, record, status, error)
    except OSError as problem:
        log.error("%s: %s, which its record cannot say: %s", directory.name, status, problem)


def _release(error: BaseException | None) -> bool:
    """Let go of what the frames of an error hold, which is the model and its gradients: the next run needs the room.
    Returns whether there can be a next run: whether the GPU still answers."""
    while error is not None:
        traceback.clear_frames(error.__traceback__)
        error = error.__cause__ or error.__context__
    gc.collect()
    if torch.cuda.is_initialized():
        try:
            torch.cuda.synchronize()
            torch.cuda.empty_cache()
        except RuntimeError as lost:
            log.error("the GPU is lost to this process (%s): it ends here", str(lost).splitlines()[0])
            return False
    return True
