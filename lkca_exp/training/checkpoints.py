"""Checkpoints in two generations: `last.ckpt`, and the one before it.

Each ends with a digest of the run's id and of its bytes, which torch's own format lacks: it loads a checkpoint with
flipped bytes, and one of another run. `torch.load` reads such a file as any other.
"""

from __future__ import annotations

import hashlib
import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from lightning_fabric.plugins.io.torch_io import TorchCheckpointIO

from lkca_exp.runs.files import write_atomically
from lkca_exp.runs.rows import Row
from lkca_exp.runs.state import BEFORE_LAST, LAST

log = logging.getLogger(__name__)

DIGEST_BYTES = hashlib.sha256().digest_size


class CheckpointFiles(TorchCheckpointIO):
    """Writes the checkpoints of the run with this id; none is ever half there.

    The last one becomes the one before it as the new one is begun, so that there are never more than two.
    """

    def __init__(self, run_id: str) -> None:
        super().__init__()
        self.run_id = run_id

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any | None = None) -> None:
        last = Path(path)
        last.parent.mkdir(exist_ok=True)
        if last.exists():
            last.replace(last.with_name(BEFORE_LAST))
        write_atomically(last, lambda file: _save(checkpoint, file, self.run_id))


def _save(checkpoint: dict[str, Any], path: Path, run_id: str) -> None:
    """By way of memory: torch answers a write that fails, or Ctrl-C in one, by an error of its own or by ending the
    process."""
    content = io.BytesIO()
    with _without_crc():
        torch.save(checkpoint, content)
    with path.open("wb") as file:
        file.write(content.getbuffer())
        file.write(_digest(content.getbuffer(), run_id))


def recover(folder: Path, run_id: str) -> list[Row]:
    """Have last.ckpt be the newest whole checkpoint of this run, and return the rows of the epochs that it has done.

    A checkpoint that is damaged, or of another run, is said and removed; without any the run starts at its first epoch.
    """
    last, before = folder / LAST, folder / BEFORE_LAST
    for path in (last, before):
        if not path.exists():
            continue
        if _is_whole(path, run_id):
            if path is before:
                before.replace(last)
            return _rows(last)
        log.warning("%s: damaged, or of another run or an earlier version; it is not used", path)
        path.unlink()
    return []


@contextmanager
def _without_crc() -> Iterator[None]:
    """Spare torch its own sums, which it never compares; they take as long as the digest."""
    before = torch.serialization.get_crc32_options()
    torch.serialization.set_crc32_options(False)
    try:
        yield
    finally:
        torch.serialization.set_crc32_options(before)


def _is_whole(path: Path, run_id: str) -> bool:
    content = memoryview(path.read_bytes())
    return _digest(content[:-DIGEST_BYTES], run_id) == content[-DIGEST_BYTES:]


def _digest(content: memoryview, run_id: str) -> bytes:
    digest = hashlib.sha256(run_id.encode())
    digest.update(content)
    return digest.digest()


def _rows(path: Path) -> list[Row]:
    checkpoint = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    return checkpoint["callbacks"]["EpochEnd"]["rows"]
