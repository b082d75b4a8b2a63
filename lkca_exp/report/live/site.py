"""What a browser is served: the page, rebuilt when the runs have changed, and the files of the runs."""

from __future__ import annotations

import hashlib
import html
import os
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from lkca_exp.report.compare.choice import Choice
from lkca_exp.report.content import gather
from lkca_exp.report.page.page import page
from lkca_exp.report.page.run_page import run_page
from lkca_exp.report.read.load import Run, read_run, run_folders
from lkca_exp.report.read.published import Published

WATCHED = ("run.json", "metrics.jsonl")
REST = 3.0
"""Making the page takes no more than one part in this many plus one of a processor."""
CLOCK_SECONDS = 15
"""How often the page is rebuilt although nothing was written: the times of running runs change."""
PLAIN = "text/plain; charset=utf-8"
TYPES = {".png": "image/png"}
TEXTS = {".json", ".jsonl", ".yaml", ".log", ".md", ".csv", ".txt"}


@dataclass
class Site:
    """The studies, each under its number: `/runs/0/<run>/` is a run's folder."""

    studies: Sequence[Path]
    choice: Choice
    published: Sequence[Published]
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _version: str = ""
    _page: str = ""
    _under_way: bool = False
    _rest_until: float = 0.0

    def __post_init__(self) -> None:
        self.studies = [Path(os.path.realpath(study)) for study in self.studies]

    def current(self) -> tuple[str, str]:
        """Version and HTML of the page; made at most as often as `REST` allows."""
        with self._lock:
            begun = time.monotonic()
            if begun >= self._rest_until:
                version = self._fingerprint()
                if version != self._version:
                    self._page, self._version = self._make(version), version
                self._rest_until = begun + (1 + REST) * (time.monotonic() - begun)
            return self._version, self._page

    def file(self, parts: Sequence[str]) -> tuple[str, bytes] | None:
        """Type and content of `<study number>/<run>[/<path>]`, a list for a folder; None for what is not there, or not
        inside a run of the studies."""
        studies = {str(number): study for number, study in enumerate(self.studies)}
        if len(parts) < 2 or parts[0] not in studies:
            return None
        if any(part in ("", ".", "..") or part.startswith(".") or "\0" in part for part in parts[1:]):
            return None
        study = studies[parts[0]]
        path = study.joinpath(*parts[1:]).resolve()
        if not path.is_relative_to(study) or path == study:
            return None
        if path.is_dir():
            return "text/html; charset=utf-8", _listing(path).encode("utf-8", "replace")
        if not path.is_file():
            return None
        fallback = PLAIN if path.suffix in TEXTS else "application/octet-stream"
        return TYPES.get(path.suffix, fallback), path.read_bytes()

    def run_page(self, parts: Sequence[str]) -> str | None:
        """The page of the run in `<study number>/<run>`; None for what is not a run of the studies."""
        if len(parts) != 2 or not parts[0].isascii() or self.file(parts) is None:
            return None
        folder = self.studies[int(parts[0])] / parts[1]
        run = read_run(folder) if folder in _folders(folder.parent) else None
        return run_page(run, "", "../../../", refresh=run.status == "running") if isinstance(run, Run) else None

    def _make(self, version: str) -> str:
        try:
            content = gather(self.studies, self.choice, self.published)
            self._under_way = any(run.status == "running" for run in content.summary.runs)
            return page(content, self._link, time.time(), version)
        except (ValueError, OSError) as error:  # no run yet, or none that the choice fits: there may be one soon
            return _waiting(str(error), version)

    def _link(self, folder: Path) -> str:
        number = next(index for index, study in enumerate(self.studies) if folder.is_relative_to(study))
        return f"runs/{number}/{quote(os.fsencode(folder.name))}/"

    def _fingerprint(self) -> str:
        """Changes when a record or a row is written, and as time passes while a run is running."""
        digest = hashlib.sha256()
        for study in self.studies:
            for folder in _folders(study):
                for name in WATCHED:
                    try:
                        status = (folder / name).stat()
                    except OSError:
                        continue
                    digest.update(f"{folder}/{name} {status.st_mtime_ns} {status.st_size}\n".encode("utf-8", "replace"))
        if self._under_way:
            digest.update(str(int(time.time()) // CLOCK_SECONDS).encode())
        return digest.hexdigest()[:16]


def _folders(study: Path) -> list[Path]:
    try:
        return run_folders(study)
    except (ValueError, OSError):
        return []


def _listing(folder: Path) -> str:
    names = sorted(path.name + "/" * path.is_dir() for path in folder.iterdir() if not path.name.startswith("."))
    items = "".join(f'<li><a href="{quote(os.fsencode(name))}">{html.escape(name)}</a></li>' for name in names)
    return f'<!doctype html><meta charset="utf-8"><title>{html.escape(folder.name)}</title><ul>{items}</ul>'


def _waiting(message: str, version: str) -> str:
    return (
        f'<!doctype html><html data-version="{version}"><meta charset="utf-8"><meta http-equiv="refresh" content="3">'
        f"<title>waiting</title><p>{html.escape(message)}</p><p>This page renews itself.</p></html>"
    )
