"""A result that is set aside and brought back, whenever the process that moves it is killed."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from lkca_exp.cli.runs import main
from lkca_exp.runs.lock import hold
from lkca_exp.runs.previous import exchange, finish_moves, set_aside
from lkca_exp.runs.record import read_finished
from tests.runs.conftest import change

Files = dict[str, bytes]


class KilledError(Exception):
    pass


def files(folder: Path) -> Files:
    """All files of a result."""
    paths = [path for path in folder.rglob("*") if path.is_file() and path.name != ".lock"]
    places = {path.relative_to(folder): path for path in paths}
    return {
        str(place): path.read_bytes()
        for place, path in places.items()
        if not {"previous", "unusable"} & set(place.parts[:1])
    }


@pytest.fixture
def run(make_run) -> Path:
    """A finished run with a previous result of another accuracy."""
    folder = make_run("finished")
    (folder / "analysis").mkdir()
    (folder / "analysis" / "locality.json").write_text("{}")
    write_previous(folder)
    return folder


def write_previous(folder: Path) -> None:
    previous = folder / "previous"
    previous.mkdir()
    (previous / "run.json").write_bytes((folder / "run.json").read_bytes())
    change(previous, metrics={"test/top1": 0.25})
    (previous / "weights.safetensors").write_bytes(b"previous")
    (previous / "metrics.jsonl").write_text('{"epoch": 0}\n')


def killed_at(number: int, monkeypatch, action: Callable[[], object]) -> bool:
    """Do it, but for a kill before the rename of that number; False if there are not so many."""
    rename, count = Path.rename, itertools.count()

    def rename_or_die(source: Path, target: Path) -> Path:
        if next(count) == number:
            raise KilledError
        return rename(source, target)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "rename", rename_or_die)
        try:
            action()
        except KilledError:
            return True
    return False


def assert_no_mixture(folder: Path, results: list[Files]) -> None:
    """At any moment, what a reader takes for a finished run is one of the results, whole."""
    for place in (folder, folder / "previous"):
        if place.is_dir() and read_finished(place):
            assert {name: content for name, content in files(place).items() if name[0] != "."} in results


def test_a_result_is_whole_whenever_its_move_is_killed(run, monkeypatch, tmp_path):
    now, before = files(run), files(run / "previous")
    kills = 0
    for number in itertools.count():
        if not killed_at(number, monkeypatch, lambda: set_aside(run)):
            break
        kills += 1
        assert_no_mixture(run, [now, before])
        finish_moves(run)
        assert files(run / "previous") == now, "the result is set aside"
        assert exchange(run)
        assert files(run) == now
        write_previous(run)
    assert kills == 6, "run.json, four more, the folder itself"


def test_an_exchange_is_whole_whenever_it_is_killed(run, monkeypatch):
    now, before = files(run), files(run / "previous")
    kills = 0
    for number in itertools.count():
        if not killed_at(number, monkeypatch, lambda: exchange(run)):
            break
        kills += 1
        assert_no_mixture(run, [now, before])
        finish_moves(run)
        if files(run) == now:  # killed before it began
            assert number == 0
        else:
            assert (files(run), files(run / "previous")) == (before, now)
            assert exchange(run)
        assert (files(run), files(run / "previous")) == (now, before)
    assert kills == 11


def test_what_is_no_result_never_replaces_one(run):
    before = files(run / "previous")
    (run / "run.json").write_text("{")
    assert set_aside(run) == "unusable"
    assert (files(run), files(run / "previous")) == ({}, before)
    assert (run / "unusable" / "run.json").read_text() == "{"
    assert set_aside(run) == "previous", "there is nothing to move"
    assert (run / "unusable" / "run.json").exists()


def test_restore_brings_the_previous_result_back_and_again_the_other(run, caplog):
    caplog.set_level("INFO")
    now, before = files(run), files(run / "previous")
    main(["restore", str(run)])
    assert (files(run), files(run / "previous")) == (before, now)
    assert "is back, test top-1 25.00 %" in caplog.text
    main(["restore", str(run)])
    assert (files(run), files(run / "previous")) == (now, before)


def test_restore_into_a_folder_without_a_result(run):
    before = files(run / "previous")
    (run / "run.json").unlink()
    main(["restore", str(run)])
    assert files(run) == before


def test_restore_refuses_what_it_cannot_do(make_run, capsys):
    folder = make_run("finished")
    for prepare in (lambda: None, lambda: (folder / "previous").mkdir(), lambda: write_damaged(folder / "previous")):
        prepare()
        assert "There is no finished result" in refused(capsys, folder)
    with hold(folder):
        assert "locked by another process" in refused(capsys, folder)


def write_damaged(folder: Path) -> None:
    (folder / "run.json").write_text(json.dumps({"format": 1}))


def refused(capsys, folder: Path) -> str:
    with pytest.raises(SystemExit) as caught:
        main(["restore", str(folder)])
    assert caught.value.code == 2
    return capsys.readouterr().err
