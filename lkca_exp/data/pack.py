"""A data set as plain arrays on the disk, mapped into memory: opened in milliseconds, and all processes of a machine
share its pages.

<folder>/{train,test}_{images,labels}.npy   the arrays
<folder>/manifest.json                      what they are, where from, and the SHA-256 of each file
<folder>/checked.json                       size, times and inode of each file when its checksum was last compared

Reading 1.4 GB to compute a checksum at every start would cost what the pack is to save. So files are held against their
checksums only if their size, times or inode changed since, which is what git does with its index: a file cut short,
written to, replaced or copied differs in one of size, modification time, change time and inode.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from lkca_exp.data.arrays import Arrays, Split
from lkca_exp.runs.checksums import sha256
from lkca_exp.runs.files import write_json

FORMAT = 1
ARRAYS = ("train_images", "train_labels", "test_images", "test_labels")
FILES = (*(f"{array}.npy" for array in ARRAYS), "manifest.json")


def write_pack(folder: Path, arrays: Arrays, read_from: list[Any]) -> None:
    """Write `arrays` as the pack in `folder`, in place of what is there; it is whole at every moment.

    `read_from` describes the files that the arrays come from, as for `open_pack`. To be called under a lock.

    Raises:
        OSError: if it cannot be written.
    """
    for left_over in folder.parent.glob(f".{folder.name}.*.tmp"):
        shutil.rmtree(left_over, ignore_errors=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=".tmp", dir=folder.parent))
    try:
        for array, values in zip(ARRAYS, _parts(arrays), strict=True):
            with (temporary / f"{array}.npy").open("wb") as file:
                np.save(file, values)
                file.flush()
                os.fsync(file.fileno())
        manifest = _manifest(temporary, arrays, read_from)
        write_json(temporary / "manifest.json", manifest | {"sha256": _digest(manifest)})
        temporary.chmod(0o755)
        if folder.exists():
            folder.rename(temporary / "replaced")  # whoever has mapped its files keeps them
        temporary.rename(folder)
        shutil.rmtree(folder / "replaced", ignore_errors=True)
        write_json(folder / "checked.json", stamps(folder))
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def open_pack(folder: Path, read_from: list[Any] | None = None) -> Arrays | None:
    """The arrays packed in `folder`, with their content; None if there is no sound pack, or with `read_from` none of
    those files.

    The arrays are mapped copy-on-write: nothing that a process does to them reaches the disk or another process.
    """
    manifest = read_manifest(folder)
    if manifest is None or (read_from is not None and manifest["read_from"] != read_from) or not is_sound(folder):
        return None
    train_images, train_labels, test_images, test_labels = (
        np.load(folder / f"{array}.npy", mmap_mode="c", allow_pickle=False) for array in ARRAYS
    )
    return Arrays(
        Split(train_images, train_labels),
        Split(test_images, test_labels),
        tuple(manifest["class_names"]),
        manifest["origin"],
        tuple(manifest["warnings"]),
        _content(manifest["files"][f"{array}.npy"]["sha256"] for array in ARRAYS),
        tuple(manifest.get("mean", ())),
        tuple(manifest.get("std", ())),
    )


def content_of(arrays: Arrays) -> str:
    """The content that `open_pack` would return with `arrays` once they are packed: the same for the same images and
    labels, wherever they come from."""
    sums = []
    for values in _parts(arrays):
        file = _Checksum()
        np.save(file, values)  # type: ignore[arg-type]
        sums.append(file.sha256.hexdigest())
    return _content(sums)


class _Checksum:
    """A file that keeps the checksum of what is written to it."""

    def __init__(self) -> None:
        self.sha256 = hashlib.sha256()

    def write(self, data: bytes) -> int:
        self.sha256.update(data)
        return len(data)


def _content(sums: Iterable[str]) -> str:
    """One checksum of those of the files in ARRAYS."""
    return hashlib.sha256("".join(sums).encode()).hexdigest()


def is_sound(folder: Path, *, thoroughly: bool = False) -> bool:
    """Whether every file of a pack is what its manifest says; `thoroughly`: whatever its times say."""
    manifest = read_manifest(folder)
    if manifest is None or not all((folder / name).is_file() for name in FILES):
        return False
    now = stamps(folder)
    with suppress(OSError, ValueError, RecursionError):
        if not thoroughly and now == json.loads((folder / "checked.json").read_text()):
            return True
    sound = all(
        (folder / name).stat().st_size == file["bytes"] and sha256(folder / name) == file["sha256"]
        for name, file in manifest["files"].items()
    )
    if sound:
        with suppress(OSError):  # another's pack, which we may only read: checked each time
            write_json(folder / "checked.json", now)
    return sound


def read_manifest(folder: Path) -> dict[str, Any] | None:
    """What a pack says of itself; None where that is damaged."""
    try:
        manifest = json.loads((folder / "manifest.json").read_text())
    except (OSError, ValueError, RecursionError):
        return None
    if not _has_the_shape(manifest):
        return None
    if "sha256" not in manifest:  # of an older pack
        return manifest  # type: ignore[no-any-return]
    digest = manifest.pop("sha256")
    return manifest if digest == _digest(manifest) else None


def _has_the_shape(manifest: Any) -> bool:
    """Whether a value read from JSON has the entries that `_manifest` writes; older packs lack `mean` and `std`."""
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        return False
    files, origin = manifest.get("files"), manifest.get("origin")
    if not isinstance(origin, str) or not isinstance(files, dict) or set(files) != set(FILES[:-1]):
        return False
    complete: dict[str, Any] = {"mean": [], "std": []} | manifest
    lists = (("class_names", str), ("warnings", str), ("read_from", object), ("mean", float), ("std", float))
    return all(_is_list(complete.get(key), kind) for key, kind in lists) and all(
        isinstance(file, dict)
        and _is_list(file.get("shape"), int)
        and file["shape"]
        and isinstance(file.get("bytes"), int)
        and isinstance(file.get("sha256"), str)
        for file in files.values()
    )


def _is_list(value: Any, kind: type) -> bool:
    return isinstance(value, list) and all(isinstance(item, kind) for item in value)


def _digest(manifest: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()


def _manifest(folder: Path, arrays: Arrays, read_from: list[Any]) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "packed": datetime.now(UTC).isoformat(timespec="seconds"),
        "origin": arrays.origin,
        "read_from": read_from,
        "warnings": list(arrays.warnings),
        "class_names": list(arrays.class_names),
        "mean": list(arrays.mean),
        "std": list(arrays.std),
        "files": {
            f"{array}.npy": {
                "shape": list(values.shape),
                "dtype": str(values.dtype),
                "bytes": (folder / f"{array}.npy").stat().st_size,
                "sha256": sha256(folder / f"{array}.npy"),
            }
            for array, values in zip(ARRAYS, _parts(arrays), strict=True)
        },
    }


def _parts(arrays: Arrays) -> tuple[np.ndarray, ...]:
    """In the order of ARRAYS, and in the one layout whose bytes are compared."""
    parts = (arrays.train.images, arrays.train.labels, arrays.test.images, arrays.test.labels)
    return tuple(np.ascontiguousarray(part) for part in parts)


def stamps(folder: Path) -> dict[str, list[int]]:
    """Size, times and inode of each file."""
    stats = {name: (folder / name).stat() for name in FILES}
    return {name: [s.st_size, s.st_mtime_ns, s.st_ctime_ns, s.st_ino] for name, s in stats.items()}
