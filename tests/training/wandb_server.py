"""A loopback stand-in for the W&B service, as far as its client speaks to it for init, history, summary and finish,
and wandb-workspaces for views and reports.

It keeps runs as the service does: made or updated by UpsertBucket, their lines by the offsets of the file stream, so
that a client which repeats or overwrites lines shows in what is kept.
"""

from __future__ import annotations

import base64
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

STREAM = re.compile(r"/files/([^/]+)/([^/]+)/([^/]+)/file_stream")
OPERATION = re.compile(r"(?:query|mutation)\s+(\w+)")
HISTORY, SUMMARY, EVENTS = "wandb-history.jsonl", "wandb-summary.json", "wandb-events.jsonl"


@dataclass
class StoredRun:
    """A run as the service has it: the variables of UpsertBucket, and the lines of its files."""

    name: str
    upserted: dict[str, Any] = field(default_factory=dict)
    files: dict[str, dict[int, str]] = field(default_factory=dict)
    uploads: dict[str, bytes] = field(default_factory=dict)
    exit_codes: list[int] = field(default_factory=list)

    def lines(self, file: str) -> list[dict[str, Any]]:
        lines = self.files.get(file, {})
        assert sorted(lines) == list(range(len(lines))), f"{file} has gaps: {sorted(lines)}"
        return [json.loads(lines[offset]) for offset in sorted(lines)]

    @property
    def history(self) -> list[dict[str, Any]]:
        """The rows logged, without W&B's clocks; its `_step` is our `step`."""
        rows = self.lines(HISTORY)
        return [{k: v for k, v in row.items() if not k.startswith("_")} | {"step": row["_step"]} for row in rows]

    @property
    def summary(self) -> dict[str, Any]:
        return self.lines(SUMMARY)[-1] if self.files.get(SUMMARY) else {}

    @property
    def config(self) -> dict[str, Any]:
        return {key: entry["value"] for key, entry in json.loads(self.upserted["config"]).items()}


class WandbServer(ThreadingHTTPServer):
    """`fault` is what happens to requests from the time that it is set: "hang", "drop" (the connection), or "500"."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.runs: dict[str, StoredRun] = {}
        self.views: dict[str, dict[str, Any]] = {}
        """Views and reports by their id: the variables of the mutation that saved them last."""
        self.requests: list[str] = []
        self.fault: str | None = None
        self.ended = threading.Event()
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that was killed breaks its connections."""

    def environment(self) -> dict[str, str]:
        """What makes a client talk to this server."""
        return {"WANDB_BASE_URL": self.url, "WANDB_API_KEY": "a" * 40}


@contextmanager
def serve_wandb() -> Iterator[WandbServer]:
    server = WandbServer()
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.ended.set()
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: WandbServer
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        pass

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        asked = json.loads(body) if self.headers.get("Content-Type", "").startswith("application/json") else {}
        operation = OPERATION.search(asked.get("query", ""))
        if self._fails(operation[1] if operation else self.path):
            return
        with self.server.lock:
            if operation:
                self._answer({"data": self._graphql(operation[1], asked.get("variables", {}))})
            elif stream := STREAM.fullmatch(self.path):
                self._answer(self._stream(stream[3], asked))
            else:
                self._answer({}, 404)

    def do_GET(self) -> None:
        if not self._fails(self.path):
            self._answer({}, 404 if self.path != "/healthz" else 200)

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if not self._fails(self.path):
            run, _, file = self.path.removeprefix("/upload/").partition("/")
            self.server.runs[run].uploads[file] = body
            self._answer({})

    def _fails(self, asked: str) -> bool:
        """Note a request; whether it is not to be answered as it should be."""
        server = self.server
        with server.lock:
            server.requests.append(asked)
            fault = server.fault
        if fault == "hang":
            server.ended.wait()
        elif fault == "500":
            self._answer({}, 500)
        if fault in ("hang", "drop"):
            self.close_connection = True
        return fault is not None

    def _answer(self, content: Any, status: int = 200) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _graphql(self, operation: str, variables: dict[str, Any]) -> dict[str, Any]:
        entity = {"id": "e", "name": "us"}
        match operation:
            case "Viewer":
                viewer = {"id": "u", "entity": "us", "username": "us", "email": "us@example.org", "flags": "{}"}
                return {"viewer": viewer | {"teams": {"edges": []}}}
            case "ServerFeaturesQuery":
                return {"serverInfo": {"features": []}}
            case "GetDefaultEntity":
                return {"viewer": entity | {"entity": "us"}}
            case "GetProjects":
                return {"models": {"edges": [], "pageInfo": {"hasNextPage": False, "endCursor": None}}}
            case "CreateProject" | "UpsertModel":
                return {"upsertModel": {"model": {"id": "p"}}}
            case "ProjectInternalId":
                return {"project": {"id": "p", "internalId": "1"}}
            case "Runs":
                return {"project": self._runs(variables)}
            case "View":
                named = [view for view in self.server.views.values() if view["name"] == variables["viewName"]]
                return {"project": {"allViews": {"edges": [{"node": view} for view in named]}}}
            case "SpecificReport":
                return {"view": self.server.views.get(variables["reportId"])}
            case "UpsertView2" | "upsertView":
                return {"upsertView": self._upsert_view(variables)}
            case "ArtifactType":
                return {"project": None}
            case "CreateArtifact":  # as one that the service has already, so that its content does not follow
                artifact = {"id": "a", "state": "COMMITTED", "artifactSequence": {"id": "s", "latestArtifact": None}}
                return {"createArtifact": {"artifact": artifact}}
            case "RunResumeStatus":
                run = self.server.runs.get(variables["name"])
                return {"model": {"id": "p", "name": "ours", "entity": entity, "bucket": run and _bucket(run)}}
            case "UpsertBucket":
                run, inserted = self._upsert(variables)
                project = {"id": "p", "name": variables.get("project") or "ours", "entity": entity}
                bucket = _bucket(run) | {"description": "", "sweepName": None, "project": project}
                return {"upsertBucket": {"bucket": bucket, "inserted": inserted}}
            case "CreateRunFiles":
                files = [
                    {"name": n, "uploadUrl": f"{self.server.url}/upload/{variables['run']}/{n}"}
                    for n in variables["files"]
                ]
                return {"createRunFiles": {"runID": "r", "uploadHeaders": [], "files": files}}
            case "MarkRunFilesUploaded":
                return {"markRunFilesUploaded": {"success": True}}
            case _:
                return {}

    def _upsert(self, variables: dict[str, Any]) -> tuple[StoredRun, bool]:
        runs = self.server.runs
        name = variables.get("name") or next(n for n in runs if variables.get("id") == f"id-{n}")
        inserted = name not in runs
        run = runs.setdefault(name, StoredRun(name))
        run.upserted |= {key: value for key, value in variables.items() if value is not None}
        return run, inserted

    def _runs(self, variables: dict[str, Any]) -> dict[str, Any] | None:
        """How many runs of some studies a project has; None for a project without runs."""
        runs = [run for run in self.server.runs.values() if run.upserted["project"] == variables["project"]]
        studies = json.loads(variables["filters"])["config.study"]["$in"]
        number = sum(run.config.get("study") in studies for run in runs)
        page = {"edges": [], "pageInfo": {"hasNextPage": False, "endCursor": None}}
        return {"runCount": number, "runs": page, "internalId": "1", "readOnly": False} if runs else None

    def _upsert_view(self, variables: dict[str, Any]) -> dict[str, Any]:
        views = self.server.views
        id = variables.get("id") or base64.b64encode(f"View:{len(views)}".encode()).decode()
        inserted = id not in views
        project = {"id": "p", "name": variables["projectName"], "entityName": variables["entityName"]}
        views[id] = variables | {"id": id, "project": project}
        return {"view": views[id], "inserted": inserted}

    def _stream(self, name: str, asked: dict[str, Any]) -> dict[str, Any]:
        run = self.server.runs[name]
        for file, chunk in asked.get("files", {}).items():
            lines = run.files.setdefault(file, {})
            for place, line in enumerate(chunk["content"], chunk["offset"]):
                lines[place] = line
        if asked.get("complete"):
            run.exit_codes.append(asked["exitcode"])
        return {}


def _bucket(run: StoredRun) -> dict[str, Any]:
    """What the service says of a run that is to be resumed."""
    history, events = run.files.get(HISTORY, {}), run.files.get(EVENTS, {})
    return {
        "id": f"id-{run.name}",
        "name": run.name,
        "displayName": run.upserted.get("displayName"),
        "summaryMetrics": json.dumps(run.summary),
        "logLineCount": 0,
        "historyLineCount": len(history),
        "eventsLineCount": len(events),
        "historyTail": json.dumps([history[place] for place in sorted(history)[-1:]]),
        "eventsTail": json.dumps([events[place] for place in sorted(events)[-1:]]),
        "config": run.upserted.get("config", "{}"),
        "tags": run.upserted.get("tags", []),
        "notes": "",
        "wandbConfig": '{"t": {}}',  # without it, the run counts as announced only
    }
