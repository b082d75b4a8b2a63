"""Checkpoints in two generations: `last.ckpt`, and the one before it.

Each ends with a digest of the run's id and of its bytes, which torch's own format lacks: it loads a checkpoint with
flipped bytes, and one of another run. `torch.load` reads such a file as any other.
"""

from __future__ import annotations

import hashlib
import io
import logging
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
        last, buffer = Path(path), io.BytesIO()
        torch.save(checkpoint, buffer)
        buffer.write(_digest(self.run_id, buffer.getbuffer()))
        last.parent.mkdir(exist_ok=True)
        if last.exists():
            last.replace(last.with_name(BEFORE_LAST))
        write_atomically(last, lambda file: file.write_bytes(buffer.getbuffer()))


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


def _is_whole(path: Path, run_id: str) -> bool:
    content = memoryview(path.read_bytes())
    return _digest(run_id, content[:-DIGEST_BYTES]) == content[-DIGEST_BYTES:]


def _digest(run_id: str, content: memoryview) -> bytes:
    digest = hashlib.sha256(run_id.encode())
    digest.update(content)
    return digest.digest()


def _rows(path: Path) -> list[Row]:
    checkpoint = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    return checkpoint["callbacks"]["EpochEnd"]["rows"]
