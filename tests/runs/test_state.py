"""How runs stand: what their records say, and who holds them."""

from __future__ import annotations

import os
import threading
import time

import pytest

from lkca_exp.runs import record as records
from lkca_exp.runs import state as states
from lkca_exp.runs.lock import hold, is_held, undisturbed
from lkca_exp.runs.rows import write_rows
from lkca_exp.runs.state import State, epochs_done, judge, run_state
from tests.runs.conftest import change


@pytest.mark.parametrize(
    ("recorded", "held", "state"),
    [
        ("running", True, "running"),
        ("running", False, "killed"),
        ("finished", False, "finished"),
        ("finished", True, "finished"),  # and cleared up after
        ("interrupted", False, "interrupted"),
        ("interrupted", True, "running"),  # about to continue
        ("failed", False, "failed"),
        ("new", True, "running"),
        ("new", False, "new"),
        ("damaged", False, "damaged"),
    ],
)
def test_the_state_follows_from_record_and_lock(recorded, held, state):
    assert judge(State(recorded), held) == state


@pytest.mark.parametrize("status", ["interrupted", "failed"])
def test_an_unfinished_run(make_run, status):
    run = run_state(make_run(status))
    assert (run.state, run.epochs_done, run.epochs, run.top1) == (status, 2, 3, None)
    assert run.error == ("ValueError: no such thing" if status == "failed" else "")


def test_a_finished_run_has_done_all_of_its_epochs(make_run):
    run = run_state(make_run("finished"))
    assert (run.state, run.epochs_done, run.epochs, run.top1) == ("finished", 3, 3, 0.875)


def test_a_fast_run_has_one_epoch(make_run):
    assert run_state(make_run("interrupted", "trainer=debug", epochs=0)).epochs == 1


def test_a_run_left_running_by_a_dead_process_was_killed(make_run):
    folder = make_run("running")
    with hold(folder):
        alive = run_state(folder)
        assert (alive.state, alive.record.attempts[-1].status) == ("running", "running")
    dead = run_state(folder)
    assert (dead.state, dead.record.status, dead.record.attempts[-1].status) == ("killed",) * 3
    assert dead.epochs_done == 2


def test_the_time_left_follows_from_the_rows(make_run):
    folder = make_run("running", "epochs=10")
    started = time.time() - 100
    begun = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(started))
    change(folder, attempts=[{"started": begun, "ended": None, "from_epoch": 0, "status": "running"}])
    os.utime(folder / "metrics.jsonl", (started + 80, started + 80))  # two epochs of 40 s; 20 s of the third are over
    with hold(folder):
        run = run_state(folder)
    assert run.seconds_left == pytest.approx(8 * 40 - 20, abs=6)
    assert run.seconds == pytest.approx(100, abs=3)
    assert run_state(folder).seconds == pytest.approx(80, abs=3)
    assert run_state(folder).seconds_left is None


@pytest.mark.parametrize("content", ["{", "{}", '{"format": 1, "status": "finished"}'])
def test_a_damaged_record(make_run, content):
    folder = make_run("finished")
    (folder / "run.json").write_text(content)
    assert (run_state(folder).state, run_state(folder).record) == ("damaged", None)


def test_damaged_rows(make_run):
    folder = make_run("interrupted")
    (folder / "metrics.jsonl").write_text('{"epoch": 0}\n{"epo')
    run = run_state(folder)
    assert (run.state, run.epochs_done) == ("interrupted", 1), "the checkpoint has the rows too"


def test_a_run_that_nobody_began(tmp_path):
    assert run_state(tmp_path / "nowhere").state == "new"
    assert not (tmp_path / "nowhere").exists()


def test_rows_without_a_checkpoint_are_trained_again(tmp_path):
    write_rows(tmp_path / "metrics.jsonl", [{"epoch": 0}])
    assert epochs_done(tmp_path) == 0


def test_a_run_that_ends_between_two_reads_was_not_killed(make_run, monkeypatch):
    folder = make_run("running")

    def ends(folder):
        monkeypatch.setattr(states, "is_held", is_held)
        records.end_attempt(folder, records.read(folder), "finished", metrics={"test/top1": 1.0})
        return False

    monkeypatch.setattr(states, "is_held", ends)
    assert run_state(folder).state == "finished"


def test_reading_leaves_nothing_behind(tmp_path):
    assert not is_held(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_two_readers_do_not_take_each_other_for_training(tmp_path):
    with hold(tmp_path):
        pass
    with undisturbed(tmp_path) as first, undisturbed(tmp_path) as second:
        assert first
        assert second
        assert not is_held(tmp_path)


def test_a_process_that_wants_to_train_waits_for_readers(tmp_path):
    with hold(tmp_path):
        pass
    reading, ended = threading.Event(), []

    def read_long():
        with undisturbed(tmp_path):
            reading.set()
            time.sleep(0.2)
            ended.append(True)

    thread = threading.Thread(target=read_long)
    thread.start()
    reading.wait()
    with hold(tmp_path) as mine:
        assert mine
        assert ended
        assert is_held(tmp_path)
        with undisturbed(tmp_path) as free:
            assert not free
    thread.join()


def test_a_run_can_be_begun_while_many_read(tmp_path):
    with hold(tmp_path):
        pass
    stop = threading.Event()

    def read_on():
        while not stop.is_set():
            is_held(tmp_path)

    threads = [threading.Thread(target=read_on) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(50):
            with hold(tmp_path) as mine:
                assert mine
    finally:
        stop.set()
        for thread in threads:
            thread.join()
