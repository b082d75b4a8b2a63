"""Archives and pickles read where they lie. Nothing is unpacked to the disk, so that no member can land outside its
folder, and a pickle makes arrays and plain values only, whatever it asks for."""

from __future__ import annotations

import io
import os
import pickle
import tarfile
import zipfile
import zlib
from collections.abc import Collection
from pathlib import Path
from typing import Any, Protocol

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


class Members(Protocol):
    """The files of an archive or below a folder."""

    names: list[str]

    def read(self, name: str) -> bytes: ...


class ZipMembers:
    """Raises FilesError where the archive is damaged."""

    def __init__(self, archive: Path) -> None:
        self.archive = archive
        try:
            self.zip = zipfile.ZipFile(archive)
        except (zipfile.BadZipFile, OSError) as error:
            raise FilesError(f"{archive} is damaged, or no ZIP archive: {error}.") from error
        self.names = self.zip.namelist()

    def read(self, name: str) -> bytes:
        try:
            return self.zip.read(name)
        except (zipfile.BadZipFile, EOFError, zlib.error, OSError, RuntimeError) as error:
            raise FilesError(f"{self.archive} is damaged at {name}: {error}.") from error


class FolderMembers:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.names = [
            Path(parent, name).relative_to(folder).as_posix() for parent, _, names in os.walk(folder) for name in names
        ]

    def read(self, name: str) -> bytes:
        return (self.folder / name).read_bytes()
