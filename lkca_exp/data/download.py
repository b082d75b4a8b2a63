"""Fetch published files: once for all processes, on from where a broken download stopped, checked before use.

torchvision.datasets.utils downloads and checks, but always from the first byte, from one address, and each process for
itself; pooch, which scikit-learn and SciPy recommend, lacks the same (pooch.HTTPDownloader has neither
resuming nor mirrors). So the addresses and checksums are torchvision's, and this file is the rest.
"""

from __future__ import annotations

import hashlib
import http.client
import re
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock
from tqdm import tqdm

TIMEOUT_S = 30
CHUNK_BYTES = 1 << 18


@dataclass(frozen=True)
class RemoteFile:
    """A file that its authors publish: the name it is kept by, its MD5 and its addresses."""

    name: str
    md5: str
    urls: tuple[str, ...]


class DownloadError(Exception):
    """A file that cannot be downloaded, and what each of its addresses answered."""


def md5_of(file: Path) -> str:
    """MD5 of a file, in hexadecimal."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def fetch(remote: RemoteFile, folder: Path) -> Path:
    """The file in `folder`, fetched if it is not there; what came so far is kept as `<name>.part`.

    Raises:
        DownloadError: if no address has it, or another file of that name is in its place.
        OSError: if `folder` cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / remote.name
    with FileLock(folder / f".{remote.name}.lock"):
        if file.exists():
            md5 = md5_of(file)
            if md5 != remote.md5:
                raise DownloadError(f"{file} is there, but has MD5 {md5}, expected {remote.md5}: delete it first")
            return file
        part = folder / f"{remote.name}.part"
        answers = []
        for url in remote.urls:
            answer = _fetch_from(url, part, remote)
            if answer is None:
                part.replace(file)
                return file
            answers.append(f"{url}: {answer}")
    raise DownloadError("; ".join(answers))


def _fetch_from(url: str, part: Path, remote: RemoteFile) -> str | None:
    """Complete `part` from one address; what went wrong, or None. A broken connection is taken up again for as long as
    every attempt brings something."""
    while True:
        before = part.stat().st_size if part.exists() else 0
        try:
            _download(url, part, remote.name)
        except (OSError, http.client.HTTPException) as error:  # urllib's errors are OSErrors
            if part.exists() and part.stat().st_size > before:
                continue
            return str(error) or type(error).__name__
        md5 = md5_of(part)
        if md5 == remote.md5:
            return None
        part.unlink()
        if not before:  # else the beginning may have been another file's: once more, from the first byte
            return f"a file of MD5 {md5}, expected {remote.md5}"


def _download(url: str, part: Path, title: str) -> None:
    """Append to `part` what it lacks, or write it anew where the server cannot continue.

    Raises:
        OSError, HTTPException: if the server has no such file, or the connection ends before the file does.
    """
    have = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(url, headers={"User-Agent": "lkca_exp"})
    if have:
        request.add_header("Range", f"bytes={have}-")
    try:
        response = urllib.request.urlopen(request, timeout=TIMEOUT_S)
    except urllib.error.HTTPError as error:
        if have and error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            return  # all of it is here already, or too much, which the checksum shows
        raise
    with response:
        start = have if _continues(response, have) else 0
        total = None if response.length is None else start + response.length
        bar = tqdm(desc=title, initial=start, total=total, unit="B", unit_scale=True, disable=None)
        with bar, part.open("ab" if start else "wb") as stream:
            while chunk := response.read(CHUNK_BYTES):
                stream.write(chunk)
                bar.update(len(chunk))
    if total is not None and part.stat().st_size < total:
        raise ConnectionError(f"the connection ended after {part.stat().st_size} of {total} bytes")


def _continues(response: http.client.HTTPResponse, have: int) -> bool:
    """Whether the answer starts where we stopped; a server without ranges sends the whole file."""
    begins = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
    return response.status == http.HTTPStatus.PARTIAL_CONTENT and begins is not None and int(begins[1]) == have
