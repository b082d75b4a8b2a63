"""Downloads that break, lie, are elsewhere, or are wanted by several processes at once."""

from __future__ import annotations

import hashlib
import multiprocessing

import numpy as np
import pytest

from lkca_exp.data.download import DownloadError, RemoteFile, fetch
from tests.data.server import serve

DATA = np.random.default_rng(0).bytes(3_000_000)
MD5 = hashlib.md5(DATA).hexdigest()


@pytest.fixture
def server():
    with serve() as running:
        running.files["/set.zip"] = DATA
        yield running


def remote(*urls: str) -> RemoteFile:
    return RemoteFile("set.zip", MD5, urls)


def test_a_file_is_fetched_once(server, tmp_path):
    for _ in range(2):
        assert fetch(remote(f"{server.url}/set.zip"), tmp_path / "new" / "folder").read_bytes() == DATA
    assert server.requests == [("/set.zip", None)]
    assert not list(tmp_path.rglob("*.part"))


def test_a_connection_that_breaks_is_taken_up_where_it_broke(server, tmp_path):
    server.breaks_after = [1_000_000, 500_000]
    assert fetch(remote(f"{server.url}/set.zip"), tmp_path).read_bytes() == DATA
    assert [asked for _, asked in server.requests] == [None, "bytes=1000000-", "bytes=1500000-"]


def test_a_later_start_goes_on_with_what_came(server, tmp_path):
    server.breaks_after = [1_000_000, 0]
    with pytest.raises(DownloadError, match="the connection ended after 1000000 of 3000000 bytes"):
        fetch(remote(f"{server.url}/set.zip"), tmp_path)
    assert (tmp_path / "set.zip.part").stat().st_size == 1_000_000
    assert not (tmp_path / "set.zip").exists()
    server.requests.clear()
    assert fetch(remote(f"{server.url}/set.zip"), tmp_path).read_bytes() == DATA
    assert server.requests == [("/set.zip", "bytes=1000000-")]


def test_another_mirror_completes_what_one_began(server, tmp_path):
    server.files["/mirror/set.zip"] = DATA
    server.breaks_after = [1_000_000, 0]
    assert fetch(remote(f"{server.url}/set.zip", f"{server.url}/mirror/set.zip"), tmp_path).read_bytes() == DATA
    assert server.requests[-1] == ("/mirror/set.zip", "bytes=1000000-")


def test_a_server_without_ranges_sends_all_of_it_again(server, tmp_path):
    server.ranges = False
    (tmp_path / "set.zip.part").write_bytes(DATA[:1_000_000])
    assert fetch(remote(f"{server.url}/set.zip"), tmp_path).read_bytes() == DATA
    assert server.requests == [("/set.zip", "bytes=1000000-")]


def test_the_beginning_of_another_file_is_thrown_away(server, tmp_path):
    (tmp_path / "set.zip.part").write_bytes(bytes(1_000_000))
    assert fetch(remote(f"{server.url}/set.zip"), tmp_path).read_bytes() == DATA
    assert [asked for _, asked in server.requests] == ["bytes=1000000-", None]


@pytest.mark.parametrize("beyond", [b"", b"too much"])
def test_a_part_that_was_complete_or_too_long(server, tmp_path, beyond):
    (tmp_path / "set.zip.part").write_bytes(DATA + beyond)
    assert fetch(remote(f"{server.url}/set.zip"), tmp_path).read_bytes() == DATA


def test_the_next_mirror_is_asked_where_one_has_nothing(server, tmp_path):
    urls = (f"{server.url}/gone.zip", "http://127.0.0.1:9/set.zip", f"{server.url}/set.zip")
    assert fetch(remote(*urls), tmp_path).read_bytes() == DATA
    assert [path for path, _ in server.requests] == ["/gone.zip", "/set.zip"]


def test_a_mirror_with_another_file_is_passed_over(server, tmp_path):
    server.files["/wrong.zip"] = b"an error page"
    assert fetch(remote(f"{server.url}/wrong.zip", f"{server.url}/set.zip"), tmp_path).read_bytes() == DATA


def test_a_wrong_checksum_is_refused_and_leaves_no_file(server, tmp_path):
    server.files["/set.zip"] = b"an error page"
    md5 = hashlib.md5(b"an error page").hexdigest()
    with pytest.raises(DownloadError, match=f"a file of MD5 {md5}, expected {MD5}"):
        fetch(remote(f"{server.url}/set.zip"), tmp_path)
    assert [path.name for path in tmp_path.iterdir() if not path.name.endswith(".lock")] == []


def test_every_address_tells_why_not(server, tmp_path):
    with pytest.raises(DownloadError) as caught:
        fetch(remote(f"{server.url}/gone.zip", "http://127.0.0.1:9/set.zip"), tmp_path)
    assert f"{server.url}/gone.zip: HTTP Error 404" in str(caught.value)
    assert "http://127.0.0.1:9/set.zip: <urlopen error [Errno 111] Connection refused>" in str(caught.value)


def test_a_file_of_ones_own_is_not_overwritten(server, tmp_path):
    (tmp_path / "set.zip").write_bytes(b"mine")
    with pytest.raises(DownloadError, match=r"set.zip is there, but has MD5 .* delete it first"):
        fetch(remote(f"{server.url}/set.zip"), tmp_path)
    assert (tmp_path / "set.zip").read_bytes() == b"mine"
    assert server.requests == []


def test_processes_at_once_fetch_once(server, tmp_path):
    context = multiprocessing.get_context("fork")
    wanted = remote(f"{server.url}/set.zip")
    processes = [context.Process(target=fetch, args=(wanted, tmp_path)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(30)
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert server.requests == [("/set.zip", None)]
    assert (tmp_path / "set.zip").read_bytes() == DATA
