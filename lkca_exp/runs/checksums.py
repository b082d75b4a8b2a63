"""Whether the files of a result are those that its run wrote: SHA-256, noted in the record when the run ends."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from lkca_exp.runs.record import Record

WEIGHTS, PREDICTIONS, METRICS = "weights.safetensors", "predictions.npz", "metrics.jsonl"
CHECKED = (METRICS, PREDICTIONS, WEIGHTS)


def checksums(folder: Path) -> dict[str, str]:
    """File name -> SHA-256 in hexadecimal, of those of the checked files that are there."""
    return {name: sha256(folder / name) for name in CHECKED if (folder / name).is_file()}


def misfits(folder: Path, record: Record, names: Sequence[str] = CHECKED) -> list[str]:
    """Those of the named files that are there and are not what the record says: damaged, or of another run. Files that
    are gone are none of them, nor are any where the record has no checksums."""
    noted = {name: record.sha256[name] for name in names if name in record.sha256}
    return [name for name, digest in noted.items() if (folder / name).is_file() and sha256(folder / name) != digest]


def sha256(file: Path) -> str:
    """In hexadecimal."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
