"""Archives and pickles read where they lie. Nothing is unpacked to the disk, so that no member can land outside its
folder, and a pickle makes arrays and plain values only, whatever it asks for."""

from __future__ import annotations

import io
import pickle
import tarfile
import zipfile
import zlib
from collections.abc import Collection
from pathlib import Path
from typing import Any

from lkca_exp.data.sources.base import FilesError

PICKLE_NAMES = {
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("_codecs", "encode"),  # how Python 3 writes bytes for Python 2
}


class ArraysOnly(pickle.Unpickler):
    """Refuses every name but those an array is made of: what a pickle calls, it has to name first."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in PICKLE_NAMES:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        return super().find_class(module, name)


def unpickle(data: bytes, what: str) -> Any:
    """The arrays and plain values in a pickle, strings of Python 2 as Latin-1.

    Raises:
        FilesError: if it is damaged or asks for anything else; nothing of it has been run then.
    """
    try:
        return ArraysOnly(io.BytesIO(data), encoding="latin1").load()
    except Exception as error:  # a damaged pickle can raise anything
        raise FilesError(f"{what} is no pickle of arrays: {error}.") from error


def read_tar(archive: Path, wanted: Collection[str]) -> dict[str, bytes]:
    """The contents of the files called `wanted` in a tar archive, compressed or not.

    Raises:
        FilesError: if the archive is damaged or lacks one.
    """
    contents = {}
    try:
        with tarfile.open(archive) as tar:
            for member in tar:
                name = member.name.removeprefix("./")
                if name in wanted and member.isreg():
                    stream = tar.extractfile(member)
                    assert stream is not None
                    contents[name] = stream.read()
    except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
        raise FilesError(f"{archive} is damaged, or no tar archive: {error}.") from error
    missing = sorted(set(wanted) - contents.keys())
    if missing:
        raise FilesError(f"{archive} lacks {', '.join(missing)}.")
    return contents


class Members:
    """The files of a ZIP archive or below a folder: their `names`, with slashes, and what is in them.

    Raises:
        FilesError: where the archive is damaged.
    """

    def __init__(self, place: Path) -> None:
        self.place = place
        self.zip: zipfile.ZipFile | None = None
        if place.is_dir():
            self.names = [file.relative_to(place).as_posix() for file in place.rglob("*") if file.is_file()]
            return
        try:
            self.zip = zipfile.ZipFile(place)
        except (zipfile.BadZipFile, OSError) as error:
            raise FilesError(f"{place} is damaged, or no ZIP archive: {error}.") from error
        self.names = self.zip.namelist()

    def read(self, name: str) -> bytes:
        if self.zip is None:
            return (self.place / name).read_bytes()
        try:
            return self.zip.read(name)
        except (zipfile.BadZipFile, EOFError, zlib.error, OSError, RuntimeError) as error:
            raise FilesError(f"{self.place} is damaged at {name}: {error}.") from error
