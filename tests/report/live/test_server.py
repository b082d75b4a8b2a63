from __future__ import annotations

import json
import signal
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.client import HTTPConnection

import pytest

from lkca_exp.cli.report import main
from lkca_exp.report.compare.choice import Choice
from lkca_exp.report.live import site
from lkca_exp.report.live.server import LOOPBACK, Server, is_loopback
from lkca_exp.report.live.site import Site
from lkca_exp.runs.record import Failure
from tests.conftest import environment


@pytest.fixture
def server(compared, monkeypatch) -> Iterator[Server]:
    monkeypatch.setattr(site, "REST", 0)
    with Server(Site([compared], Choice(), []), LOOPBACK, 0) as found:
        thread = threading.Thread(target=found.serve_forever, args=(0.01,))
        thread.start()
        yield found
        found.shutdown()
        thread.join()


def get(server: Server, path: str, **headers: str) -> tuple[int, str]:
    """Status and text; the path goes out as it is written."""
    connection = HTTPConnection(*server.server_address[:2], timeout=10)
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    text = answer.read().decode(errors="replace")
    connection.close()
    return answer.status, text


def test_the_page_is_served_and_says_that_it_renews_itself(server, compared):
    status, text = get(server, "/")
    assert status == 200
    assert "lkca is 3.00 points above attention" in text
    assert "Renews itself." in text
    assert not (compared / "report").exists()


def test_its_version_changes_with_the_runs(server, make_run):
    before = get(server, "/version")[1]
    assert before in get(server, "/")[1]
    make_run("lkca", 7, None, status="failed", error=Failure("ValueError", "no luck", ""))
    after = get(server, "/version")[1]
    assert after != before
    assert "no luck" in get(server, "/")[1]


def test_a_row_more_is_news(server, make_run):
    folder = make_run("lkca", 7, None, status="running", rows=[{"epoch": 0}])
    assert "1 of 3" in get(server, "/")[1]
    (folder / "metrics.jsonl").write_text(json.dumps({"epoch": 0}) + "\n" + json.dumps({"epoch": 1}) + "\n")
    assert "2 of 3" in get(server, "/")[1]


def test_links_of_the_page_lead_to_the_files_of_the_runs(server, compared):
    folder = next(path for path in compared.iterdir() if path.is_dir())
    assert f'href="runs/0/{folder.name}/"' in get(server, "/")[1]
    status, run_page = get(server, f"/runs/0/{folder.name}/")
    assert (status, 'href="run.json"' in run_page, 'href="../../../"' in run_page) == (200, True, True)
    assert "Learning rate" in run_page
    status, text = get(server, f"/runs/0/{folder.name}/run.json")
    assert (status, json.loads(text)["format"]) == (200, 1)


@pytest.mark.parametrize(
    "path",
    [
        "/runs/0/../secret.txt",
        "/runs/0/%2e%2e/secret.txt",
        "/runs/0/{run}/../../../secret.txt",
        "/runs/0/{run}/%2e%2e/%2e%2e/%2e%2e/secret.txt",
        "/runs/0/{run}//etc/passwd",
        "/runs/0//etc/passwd",
        "/runs/0/{run}/out/secret.txt",
        "/runs/0/{run}/.lock",
        "/runs/0/{run}/nothing",
        "/runs/0/{run}/run.json%00",
        "/runs/0/{run}/..%2f..%2f..%2fsecret.txt",
        "/runs/0/",
        "/runs/0",
        "/runs/1/{run}/run.json",
        "/runs/-1/{run}/run.json",
        "/runs/x/{run}/run.json",
        "/runs/",
        "/secret.txt",
        "/../secret.txt",
        "//etc/passwd",
    ],
)
def test_nothing_outside_the_runs_is_served(server, compared, tmp_path, path):
    (tmp_path / "secret.txt").write_text("secret")
    folder = next(child for child in compared.iterdir() if child.is_dir())
    (folder / "out").symlink_to(tmp_path)
    (folder / ".lock").write_text("secret")
    status, text = get(server, path.format(run=folder.name))
    assert status == 404
    assert "secret" not in text
    assert "root:" not in text


def raw(server: Server, request: bytes) -> bytes:
    """The first line of the answer to bytes that a browser would not send."""
    with socket.create_connection(server.server_address[:2], timeout=10) as connection:
        connection.sendall(request)
        return connection.makefile("rb").readline()


@pytest.mark.parametrize(
    ("path", "host", "status"),
    [
        ("*", "localhost", 400),
        ("http://[", "localhost", 400),
        ("x", "localhost", 400),
        ("/", "[", 400),
        ("/", "[::1", 400),
        ("/", "]", 400),
        ("/", "[evil]", 400),
        ("/", "", 403),
        ("/", "127.0.0.1.evil.example", 403),
        ("/", "\xb2", 403),
        ("/", "@:%", 403),
        ("/version?x=%", "localhost:99999999999", 200),
        ("/runs/" + "9" * 5000 + "/{run}/run.json", "localhost", 404),
        ("/runs/\xb2/{run}/run.json", "localhost", 404),
        ("/runs/0/{run}/loop", "localhost", 404),
        ("/runs/0/{run}/loop/a", "localhost", 404),
        ("/runs/0/{run}/" + "a/" * 5000, "localhost", 404),
        ("/runs/0/{run}/" + "a" * 5000, "localhost", 404),
        ("/runs/0/%ff%fe/run.json", "localhost", 404),
    ],
)
def test_hostile_requests_are_answered_without_a_traceback(server, compared, capfd, path, host, status):
    folder = next(child for child in compared.iterdir() if child.is_dir())
    (folder / "loop").symlink_to(folder / "loop")
    request = f"GET {path.format(run=folder.name)} HTTP/1.0\r\nHost: {host}\r\n\r\n"
    assert raw(server, request.encode("latin-1")).split()[1] == str(status).encode()
    assert capfd.readouterr() == ("", "")
    assert get(server, "/version")[0] == 200


def test_a_reader_that_breaks_off_is_not_worth_a_word(server, capfd):
    for _ in range(5):
        connection = socket.create_connection(server.server_address[:2])
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.sendall(b"GET / HT")
        connection.close()  # with a reset
    assert get(server, "/version")[0] == 200
    assert capfd.readouterr() == ("", "")


def test_only_this_machine_is_answered_on_a_loopback_address(server):
    """Else a page elsewhere could read ours by giving its own name our address."""
    assert get(server, "/", Host="evil.example")[0] == 403
    assert get(server, "/", Host=f"localhost:{server.server_address[1]}")[0] == 200


def test_an_empty_study_is_waited_for(tmp_path, make_run, runs, monkeypatch):
    monkeypatch.setattr(site, "REST", 0)
    (runs / "digits_compare").mkdir(parents=True)
    empty = Site([runs / "digits_compare"], Choice(), [])
    assert "holds no runs" in empty.current()[1]
    make_run("lkca")
    assert "lkca reaches" in empty.current()[1]


def test_a_run_called_like_markup_is_text_in_a_listing(make_run):
    folder = make_run("lkca")
    (folder / "<script>alert(1)<").write_text("")
    found = Site([folder.parent], Choice(), [])
    listing = found.file(["0", folder.name])
    assert listing is not None
    assert b"<script>" not in listing[1]
    run_page = found.run_page(["0", folder.name])
    assert run_page is not None
    assert "&lt;script&gt;" in run_page
    assert "<script>" not in run_page


def test_a_folder_that_is_no_run_is_listed(server, compared):
    (next(child for child in compared.iterdir() if child.is_dir()) / "run.json").write_text("{")
    damaged = next(child for child in compared.iterdir() if (child / "run.json").read_text() == "{")
    assert get(server, f"/runs/0/{damaged.name}/")[1].startswith("<!doctype html><meta")


@pytest.mark.parametrize(
    ("host", "answer"),
    [("127.0.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("", False), ("a.example", False)],
)
def test_loopback(host, answer):
    assert is_loopback(host) == answer


def watching(study, *options: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "lkca_exp.report", "--watch", str(study), "--port", "0", *options]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment())


def test_ctrl_c_ends_it(compared):
    process = watching(compared)
    assert process.stdout is not None
    assert process.stdout.readline().startswith("http://127.0.0.1:")
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 0
    assert process.communicate()[1] == ""


def test_another_address_is_warned_of(compared):
    process = watching(compared, "--host", "0.0.0.0")
    assert process.stdout is not None
    assert process.stdout.readline().startswith("http://0.0.0.0:")
    process.send_signal(signal.SIGINT)
    assert "everyone who can reach this address" in process.communicate(timeout=10)[1]


def test_a_port_that_is_taken_is_refused_in_one_line(compared, capsys):
    with socket.socket() as taken:
        taken.bind((LOOPBACK, 0))
        taken.listen()
        assert main(["--watch", str(compared), "--port", str(taken.getsockname()[1])]) == 2
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    assert "--port takes another one" in message


@pytest.mark.parametrize("port", ["99999", "65536", "-1"])
def test_a_port_that_cannot_be_is_refused_in_one_line(compared, capsys, port):
    assert main(["--watch", str(compared), "--port", port]) == 2
    assert capsys.readouterr().err == f"report: --port {port}: a port is a number from 0 to 65535\n"


def test_a_study_that_does_not_exist_is_refused_in_one_line(runs, capsys):
    assert main(["--watch", str(runs / "nothing")]) == 2
    assert capsys.readouterr().err == f"report: {runs / 'nothing'}: no such folder\n"


@pytest.mark.parametrize("options", [["--host", "0.0.0.0"], ["--port", "1"], ["--watch", "--wandb"]])
def test_options_that_would_go_unread_are_refused(compared, options):
    with pytest.raises(SystemExit) as refusal:
        main([str(compared), *options])
    assert refusal.value.code == 2
