"""A data set's arrays, wherever they are: in the pack of an earlier start, else in its files, else on the network.

Packs lie in `<data.root>/packed`: `<name>` holds the published data set and nothing else; what `data.verify=false`
accepted, or what has no checksum to be verified, goes to `<name>-unverified-<id>`, the id being of the files it was
read from, and is used for these files only. Its arrays have a content, which is a part of the id of a run.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from filelock import FileLock

from lkca_exp.config.errors import ConfigError
from lkca_exp.config.schema import DataConfig
from lkca_exp.config.specs import FOLDER
from lkca_exp.data.arrays import Arrays
from lkca_exp.data.download import DownloadError, fetch
from lkca_exp.data.pack import content_of, open_pack, write_pack
from lkca_exp.data.sources import source_of
from lkca_exp.data.sources.base import FilesError, Source, check_facts

MOST_RESOLVED = 1000
log = logging.getLogger(__name__)


def load(data: DataConfig) -> Arrays:
    """The whole data set, from its pack, its files or the network.

    Raises:
        ConfigError: if its files are missing and cannot be fetched, are damaged, or are not the published ones.
    """
    arrays = arrays_of(data)
    for warning in arrays.warnings:
        log.warning("%s", warning)
    return arrays


_contents: dict[tuple[Any, ...], str | None] = {}


def content(data: DataConfig) -> str | None:
    """The content of the data set that a run would read: None if it is the published one, also if that has yet to be
    downloaded. Files that may be others are packed for it, if they are not packed yet. Each data set is read once
    a process, so that all jobs of a sweep agree.

    Raises:
        ConfigError: if the files are damaged, or not the data set's.
    """
    archive = None if data.archive is None else os.path.abspath(data.archive)
    asked: tuple[Any, ...] = (data.name, os.path.abspath(data.root), archive, data.verify)
    if data.name == FOLDER:
        asked += (data.image_size, data.channels, data.test_fraction, data.subset_seed)
    if asked not in _contents:
        _contents[asked] = None if _is_published(data) else arrays_of(data).content
    return _contents[asked]


def _is_published(data: DataConfig) -> bool:
    """Whether reading this data set gives the published one or an error, which is known without reading anything."""
    source = source_of(data)
    place = Path(data.archive) if data.archive else source.find(Path(data.root))
    return bool(source.spec.part_of) or place is None or (data.verify and source.has_checksums(place))


def arrays_of(data: DataConfig) -> Arrays:
    """The images and labels of a data set, packed. Raises ConfigError for files that are missing or damaged."""
    source, root = source_of(data), Path(data.root)
    try:
        return _load(source, root, data.archive, data.verify)
    except FilesError as error:
        key, value = ("data.archive", data.archive) if data.archive else ("data.root", data.root)
        raise ConfigError(key, value, error.rule, error.remedy) from error


def _load(source: Source, root: Path, archive: str | None, verify: bool) -> Arrays:
    if source.spec.part_of:
        return source.read(root, verify)
    published = source.pack(root)
    if archive is None and source.spec.checksums != "none" and (verify or source.find(root) is None):
        arrays = _open_published(published)
        if arrays is not None:
            return arrays
    place = _given(source, Path(archive)) if archive else source.find(root) or download(source, root)
    files = _describe(source.files(place))
    digest = hashlib.sha256(json.dumps([files, verify, *source.options]).encode()).hexdigest()
    return _open_or_pack(source, place, verify, files, published, Path(f"{published}-unverified-{digest[:12]}"))


def _open_or_pack(
    source: Source, place: Path, verify: bool, files: list[Any], published: Path, unverified: Path
) -> Arrays:
    def packed() -> Arrays | None:
        arrays = _open_published(published, files) if source.has_checksums(place) else None
        return arrays or open_pack(unverified, files)

    def read() -> Arrays:
        log.info("reading %s from %s", source.spec.name, place)
        arrays = source.read(place, verify)
        accepted = (*arrays.warnings, *check_facts(arrays, source.spec, verify))
        is_published = source.has_checksums(place) and not accepted
        return replace(arrays, warnings=accepted, content=None if is_published else content_of(arrays))

    arrays = packed()
    if arrays is not None:
        return arrays
    with _lock(published) as writable:
        if not writable:
            return read()
        arrays = packed()  # by whoever held the lock
        if arrays is not None:
            return arrays
        arrays = read()
        folder = published if arrays.content is None else unverified
        try:
            write_pack(folder, arrays, files)
        except OSError as error:
            log.warning("%s cannot be written, so that the next start has to read the files again: %s", folder, error)
            return arrays
    return packed() or arrays


def _open_published(pack: Path, files: list[Any] | None = None) -> Arrays | None:
    """The published data set, whose name says what it holds."""
    arrays = open_pack(pack, files)
    return None if arrays is None else replace(arrays, content=None)


@contextmanager
def _lock(pack: Path) -> Iterator[bool]:
    """Hold the packs of one data set; yields whether they can be written at all."""
    try:
        pack.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(pack.parent / f".{pack.name}.lock")
        lock.acquire()
    except OSError:
        yield False
        return
    try:
        yield True
    finally:
        lock.release()


def download(source: Source, root: Path) -> Path:
    """Fetch the published files into `<root>/<name>`; returns the place.

    Raises:
        FilesError: if they cannot be downloaded, or `root` cannot be written.
    """
    folder = root / source.spec.name
    names = ", ".join(remote.name for remote in source.remote_files())
    if not names:
        places = ", ".join(str(place) for place in source.places(root))
        raise FilesError(
            f"{source.spec.name} is in none of {places}, and is nowhere to be fetched from.",
            "Name the place with data.archive=PATH.",
        )
    try:
        for remote in source.remote_files():
            fetch(remote, folder)
    except OSError as error:
        raise FilesError(
            f"{folder} cannot be written ({error}).", "Choose another folder with data.root=DIR."
        ) from error
    except DownloadError as error:
        _remove_empty(folder, root)
        places = ", ".join(str(place) for place in source.places(root))
        raise FilesError(
            f"{source.spec.name} is in none of {places}, and cannot be fetched ({error}).",
            f"Put {names} into {folder}, or name the place with data.archive=PATH.",
        ) from error
    place = source.find(root)
    assert place is not None, f"fetched {names} into {folder}, but the data set is not complete"
    return place


def _remove_empty(folder: Path, root: Path) -> None:
    """Leave no trace of a download of which nothing came."""
    if not folder.is_dir() or any(not file.name.endswith(".lock") for file in folder.iterdir()):
        return
    for file in folder.iterdir():
        file.unlink(missing_ok=True)
    for empty in (folder, root):
        if not any(empty.iterdir()):
            empty.rmdir()


def _given(source: Source, place: Path) -> Path:
    """The place that the user named.

    Raises:
        FilesError: if it does not exist, or lacks files.
    """
    if not place.exists():
        raise FilesError(f"There is no such file or folder ({place.absolute()}).")
    missing = [str(file) for file in source.files(place) if not file.exists()]
    if missing:
        raise FilesError(f"It lacks {', '.join(missing)}.", "Name the archive, or the folder that holds its files.")
    return place


def _describe(files: list[Path]) -> list[Any]:
    """Whatever would differ if one of the files were another: cheap, as it is asked at every start.

    Raises:
        FilesError: if one of them is a link that leads nowhere, or went away.
    """
    few = len(files) < MOST_RESOLVED  # finding out where a path leads takes ten times as long as asking for its size
    return [_describe_file(file, resolve=few) for file in files]


def _describe_file(file: Path, resolve: bool) -> list[Any]:
    try:
        stat = file.stat()
        return [os.path.realpath(file) if resolve else str(file), stat.st_size, stat.st_mtime_ns]
    except OSError as error:
        raise FilesError(f"{file} cannot be read: {error}.", "Replace or remove it.") from error
