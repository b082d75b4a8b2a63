"""`--watch`: the page of studies that are still running, on this machine's own address."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from lkca_exp.report.compare.choice import Choice
from lkca_exp.report.live.server import Server, is_loopback
from lkca_exp.report.live.site import Site
from lkca_exp.report.read.published import read_published


def watch(studies: Sequence[Path], choice: Choice, published: Path | None, host: str, port: int) -> None:
    """Serve until Ctrl-C. A study may still be without runs.

    Raises ValueError for a folder that does not exist, and for an address that is taken or not ours.
    """
    for study in studies:
        if not study.is_dir():
            raise ValueError(f"{study}: no such folder")
    if not 0 <= port < 2**16:
        raise ValueError(f"--port {port}: a port is a number from 0 to {2**16 - 1}")
    try:
        server = Server(Site(studies, choice, read_published(published)), host, port)
    except OSError as error:
        raise ValueError(f"{host}:{port}: {error.strerror or error}; --port takes another one") from error
    if not is_loopback(host):
        print("report: everyone who can reach this address can read the runs of the studies", file=sys.stderr)
    with server:
        try:
            print(f"{server.url}  (Ctrl-C ends it)", flush=True)
            server.serve_forever()
        except KeyboardInterrupt:
            print()
