"""W&B's client, kept quiet, and whether its server answers: for training and for the report."""

from __future__ import annotations

import json
import os
import ssl
import threading
import urllib.error
import urllib.request
from http.client import HTTPException
from typing import Any

SECONDS_TO_ANSWER = 2
SECONDS_TO_CONNECT = 10  # of a server that has just answered
SECONDS_TO_START = 90  # without a network; a busy machine starts W&B's own process slowly


def client() -> Any:
    """The module `wandb`, quiet, which spares it a question to the server."""
    # Or its process would wait for the server at the end, offline too, to send reports about itself.
    os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
    import wandb  # takes half a second

    wandb.setup(wandb.Settings(silent=True))
    return wandb


def run_settings(mode: str, seconds_to_upload: int, **more: Any) -> Any:
    """Of a run that says nothing and raises where the server does not take it in time."""
    return client().Settings(
        silent=True,
        console="off",
        init_timeout=SECONDS_TO_CONNECT if mode == "online" else SECONDS_TO_START,
        finish_timeout=seconds_to_upload,
        finish_timeout_raises=True,
        **more,
    )


def wanted_mode(mode: str = "auto") -> str:
    """`mode`, where it is not "auto": as WANDB_MODE says, else "online" if there are credentials, else "offline"."""
    if mode == "auto":
        mode = os.environ.get("WANDB_MODE") or ("online" if has_credentials() else "offline")
    return mode


def has_credentials() -> bool:
    """Whether there is a key for the server; it is not tried."""
    return bool(client().login(prompt=False, verify=False))


def problem_of_server() -> str:
    """What is wrong with the server, after SECONDS_TO_ANSWER at the latest; empty if it answers."""
    settings = client().setup().settings
    proxies = {"http": settings.http_proxy, "https": settings.https_proxy}
    return _ask(settings.base_url, {scheme: proxy for scheme, proxy in proxies.items() if proxy})


def _ask(url: str, proxies: dict[str, str]) -> str:
    """What is wrong with the server at `url`. `proxies`, by scheme, come before those of the environment.

    Asked in a thread, as the time limit of a socket holds neither for a name server nor for a slow trickle of bytes.
    """
    opener = urllib.request.build_opener(urllib.request.ProxyHandler(urllib.request.getproxies() | proxies))
    problem = [f"no answer within {SECONDS_TO_ANSWER} s"]

    def ask() -> None:
        body = json.dumps({"query": "query Viewer { viewer { id } }"}).encode()
        request = urllib.request.Request(f"{url}/graphql", body, {"Content-Type": "application/json"})
        try:
            with opener.open(request, timeout=SECONDS_TO_ANSWER) as response:
                response.read()
            problem[0] = ""
        except urllib.error.HTTPError as error:  # below 500, a server in good health refuses the question
            problem[0] = str(error) if error.code >= 500 else ""
        except (OSError, HTTPException) as error:
            cause = getattr(error, "reason", error)
            # W&B's own client may know the certificate that Python does not
            problem[0] = "" if isinstance(cause, ssl.SSLError) else str(cause)

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(SECONDS_TO_ANSWER)
    return problem[0]
