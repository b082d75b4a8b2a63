"""A small web server for one reader: read-only, on the address given."""

from __future__ import annotations

import contextlib
import ipaddress
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

from lkca_exp.report.live.site import PLAIN, Site

HTML = "text/html; charset=utf-8"
LOOPBACK = "127.0.0.1"
HEADERS = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
PAGE_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; connect-src 'self'"
)
RUN_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
FILE_POLICY = "default-src 'none'; sandbox"


class Server(ThreadingHTTPServer):
    """Port 0 takes a free one."""

    daemon_threads = True

    def __init__(self, site: Site, host: str, port: int) -> None:
        self.site = site
        self.local_only = is_loopback(host)
        super().__init__((host, port), Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a reader that has gone."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

    @property
    def url(self) -> str:
        host, port = self.server_address[:2]
        return f"http://{host!s}:{port}/"


class Handler(BaseHTTPRequestHandler):
    """GET of the page, its version and the runs' files."""

    server: Server
    server_version = "lkca_exp"

    def do_GET(self) -> None:
        try:
            host = urlsplit(f"//{self.headers.get('Host', '')}").hostname or ""
            root, *parts = unquote(urlsplit(self.path).path).split("/")
        except ValueError:  # a bracket that is not closed, for one
            return self._answer(400, PLAIN, b"not a valid request\n")
        if self.server.local_only and not is_loopback(host):  # a page elsewhere may give its own name our address
            return self._answer(403, PLAIN, b"this server answers to its own machine only\n")
        if root or not parts:
            return self._answer(400, PLAIN, b"not a valid request\n")
        if parts in ([""], ["version"]):
            version, page = self.server.site.current()
            if parts == ["version"]:
                return self._answer(200, PLAIN, version.encode())
            return self._answer(200, HTML, page.encode("utf-8", "replace"), PAGE_POLICY)
        if parts[0] == "runs":
            path = parts[1:-1] if parts[-1] == "" else parts[1:]  # a folder's address ends in a slash
            try:
                run_page = self.server.site.run_page(path)
                file = None if run_page else self.server.site.file(path)
            except (OSError, RuntimeError):  # RuntimeError: links that lead in a circle
                run_page = file = None
            if run_page:
                return self._answer(200, HTML, run_page.encode("utf-8", "replace"), RUN_POLICY)
            if file:
                return self._answer(200, *file)
        return self._answer(404, PLAIN, b"not here\n")

    def _answer(self, status: int, kind: str, content: bytes, policy: str = FILE_POLICY) -> None:
        self.send_response(status)
        for name, value in (HEADERS | {"Content-Security-Policy": policy, "Content-Type": kind}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        with contextlib.suppress(ConnectionError):  # the reader has gone
            self.end_headers()
            self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing of requests: the terminal is for what matters."""


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach it."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
