"""python -m lkca_exp.runs"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from lkca_exp.cli.runs import main
from lkca_exp.config.errors import ConfigError
from lkca_exp.runs import record as records
from lkca_exp.runs.find import find_runs
from lkca_exp.runs.lock import hold
from tests.runs.conftest import change


def output_of(capsys, *arguments: str) -> str:
    capsys.readouterr()
    main(arguments)
    return capsys.readouterr().out


def refused(capsys, *arguments: str) -> str:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    answer = capsys.readouterr().err
    assert "Traceback" not in answer
    return answer


def words(text: str, start: str) -> list[str]:
    (line,) = (line for line in text.splitlines() if line.strip().startswith(start))
    return line.split()


def test_status_tells_every_state(make_run, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "160")
    names = {}
    for seed, status in enumerate(["finished", "interrupted", "failed", "running", "finished", "running"]):
        names[seed] = make_run(status, f"seed={seed}")
    (names[4] / "run.json").write_text("{")
    with hold(names[5]):
        shown = output_of(capsys, "status")
    assert words(shown, names[0].name) == [names[0].name, "finished", "3/3", "87.50", "0", "0:00:00"]
    assert words(shown, f"{names[1].name}")[1:4] == ["interrupted", "2/3", "1"]
    assert words(shown, f"{names[2].name} ")[1] == "failed"
    assert f"{names[2].name}: ValueError: no such thing\n" in shown
    assert words(shown, names[3].name)[1] == "killed"
    assert words(shown, f"{names[4].name} ")[1:] == ["damaged"]
    assert f"{names[4].name}: run.json is damaged: " in shown
    assert words(shown, names[5].name)[1] == "running"
    totals = "6 runs: 1 running, 1 finished, 1 interrupted, 1 failed, 1 killed, 1 damaged; time 0:00:00"
    assert shown.splitlines()[-1].startswith(totals)
    assert "ends in about 0:00:00" in shown


def test_studies_are_given_by_folder_or_name(make_run, capsys):
    here, there = make_run("finished"), make_run("finished", "seed=1", "study=other")
    for given in ("other", "runs/other", str(there.parent.absolute())):
        shown = output_of(capsys, "status", given)
        assert there.name in shown
        assert here.name not in shown
    for given in ((), ("runs",), ("default", "other")):
        assert "2 runs: 2 finished" in output_of(capsys, "status", *given)
    assert "Did you mean other?" in refused(capsys, "status", "othr")
    assert "--runs=nowhere" in refused(capsys, "status", "--runs", "nowhere")


@pytest.mark.parametrize("width", ["40", "80"])
def test_status_fits_a_narrow_terminal(make_run, capsys, monkeypatch, width):
    make_run("finished")
    monkeypatch.setenv("COLUMNS", width)
    shown = output_of(capsys, "status")
    assert max(len(line.rstrip()) for line in shown.splitlines()) <= int(width)
    assert "87.50" in shown


def test_show(make_run, capsys):
    folder = make_run("failed", "model/mixer=attention", "optim.lr=0.003")
    shown = output_of(capsys, "show", folder.name)
    changed = shown[shown.index("configuration") : shown.index("timings")]
    assert words(changed, "optim.lr") == ["optim.lr", "0.003"]
    assert words(changed, "model.mixer.name") == ["model.mixer.name", "attention"]
    assert "num_heads" not in changed
    assert "weight_decay" not in changed
    assert "failed: from epoch 0" in shown
    assert "ValueError: no such thing\nsecond line" in shown
    assert words(shown, "checkpoints/last.ckpt")[1] == "1,000"
    assert words(shown, "torch ")


def test_show_tells_a_killed_attempt(make_run, capsys):
    shown = output_of(capsys, "show", str(make_run("running")))
    assert "killed, 2 of 3 epochs done" in shown
    assert "killed: from epoch 0" in shown


def test_show_of_a_damaged_run_has_its_files(make_run, capsys):
    folder = make_run("finished")
    (folder / "run.json").write_text("{")
    assert words(output_of(capsys, "show", str(folder)), "weights.safetensors")[1] == "100"


def test_diff_shows_what_differs(make_run, capsys):
    left, right = make_run("finished"), make_run("interrupted", "model/mixer=attention", "seed=1")
    change(left, git={"commit": "a" * 40, "dirty": False})
    change(right, git={"commit": "b" * 40, "dirty": False})
    shown = output_of(capsys, "diff", left.name, right.name)
    assert words(shown, "test/top1") == ["test/top1", "87.50", "%"]
    assert words(shown, "seed") == ["seed", "0", "1"]
    assert words(shown, "model.mixer.name") == ["model.mixer.name", "lkca", "attention"]
    assert words(shown, "model.mixer.view") == ["model.mixer.view", "auto"]
    assert words(shown, "commit") == ["commit", "a" * 40, "b" * 40]
    for same in ("optim.lr", "dirty", "numerics", "torch"):
        assert not re.search(rf"^\s*{same}\b", shown, re.MULTILINE), same


def test_a_run_is_given_in_many_ways(make_run, capsys):
    folder = make_run("finished", "seed=7")
    make_run("finished", "seed=8")
    id = records.read(folder).id
    start = folder.name.rpartition("-")[0]
    for given in (str(folder), f"default/{folder.name}", folder.name, start, f"default/{start}", "digits-lkca-s7",
                  "default/digits-s7", id, id[:20], id[:6], str(folder.absolute())):  # fmt: skip
        assert output_of(capsys, "show", given).startswith(f"default/{folder.name}: finished"), given
    os.chdir(folder)
    assert output_of(capsys, "show", ".").startswith(f"default/{folder.name}: finished")


def test_many_runs_are_given_by_a_study_or_a_beginning(make_run):
    lkca = [make_run("finished", f"seed={seed}") for seed in (0, 1)]
    attention = make_run("finished", "model/mixer=attention")
    other = make_run("finished", "study=other")
    root = Path("runs")
    assert find_runs(["default"], root) == find_runs(["runs/default"], root) == sorted([*lkca, attention])
    assert find_runs(["default/digits-lkca"], root) == sorted(lkca)
    assert find_runs(["digits-s0"], root) == sorted([lkca[0], attention, other])
    with pytest.raises(ConfigError, match="no such run"):
        find_runs(["digits-lk-s0"], root)
    assert find_runs([lkca[1].name, "default"], root) == [lkca[1], *sorted([lkca[0], attention])], "each once"
    assert find_runs(["runs"], root) == [*sorted([*lkca, attention]), other]
    with pytest.raises(ConfigError, match="Did you mean other"):
        find_runs(["othr"], root)


def test_a_run_that_is_not_there(make_run, capsys):
    folder = make_run("finished")
    make_run("finished", "seed=1")
    assert re.search(
        rf"Did you mean .*default/{folder.name}", refused(capsys, "show", folder.name.replace("lkca", "lkac"))
    )
    assert "2 runs are called so" in refused(capsys, "show", "digits")
    assert "no such run" in refused(capsys, "diff", folder.name, "runs")


def leftover_tree(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()} - {".lock"}


def test_prune_removes_what_no_result_needs(make_run, capsys):
    done, stopped = make_run("finished"), make_run("interrupted", "seed=1")
    for folder in (done, stopped):
        (folder / ".weights.safetensors.abc.tmp").write_bytes(b"t" * 10)
        (folder / "checkpoints" / ".last.ckpt.abc.tmp").write_bytes(b"t" * 10)
        (folder / "wandb").mkdir()
        (folder / "wandb" / ".something.tmp").write_bytes(b"t")
        (folder / "previous" / "wandb").mkdir(parents=True)
        (folder / "previous" / "wandb" / "log").write_bytes(b"l")
        (folder / "previous" / "run.json").write_bytes(b"p" * 50)
        for place in (folder, folder / "previous"):
            (place / "analysis").mkdir()
            (place / "analysis" / "locality.json").write_bytes(b"l" * 20)
    before = leftover_tree(done), leftover_tree(stopped)
    shown = output_of(capsys, "prune", "default")  # there is no terminal to ask on
    assert "5 files, which would free 1,040 bytes; --yes removes them" in shown
    assert (leftover_tree(done), leftover_tree(stopped)) == before
    assert "5 removed" in output_of(capsys, "prune", "default", "--yes")
    kept = {"run.json", "metrics.jsonl", "analysis/locality.json", "wandb/.something.tmp", "previous/wandb/log"}
    replaced = {"previous/run.json", "previous/analysis/locality.json"}
    assert leftover_tree(done) == {*kept, "weights.safetensors", *replaced}
    assert leftover_tree(stopped) == {*kept, "checkpoints/last.ckpt", *replaced}
    assert not (done / "checkpoints").exists()
    assert "2 removed" in output_of(capsys, "prune", "default", "--yes", "--previous")
    assert leftover_tree(done) == {*kept, "weights.safetensors"}
    assert (stopped / "previous" / "run.json").exists()  # the one result there is, until the run finishes
    assert "Nothing to remove" in output_of(capsys, "prune", "default", "--previous")


def test_prune_leaves_a_run_alone_that_a_process_is_at(make_run, capsys):
    folder = make_run("finished")
    with hold(folder):
        assert "Nothing to remove" in output_of(capsys, "prune", "default", "--yes")
    assert (folder / "checkpoints" / "last.ckpt").exists()


def test_a_file_with_other_names_frees_nothing(make_run, capsys):
    folder = make_run("finished")
    previous = folder / "previous"
    previous.mkdir()
    os.link(folder / "weights.safetensors", previous / "weights.safetensors")
    shown = output_of(capsys, "prune", "default", "--previous")
    assert "2 files, which would free 1,000 bytes" in shown


@pytest.mark.parametrize(("answer", "removed"), [("y", True), ("", False), ("n", False)])
def test_prune_asks_on_a_terminal(make_run, capsys, monkeypatch, answer, removed):
    folder = make_run("finished")
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("builtins.input", lambda question: answer)
    output_of(capsys, "prune", "default")
    assert (folder / "checkpoints").exists() != removed


def test_commands_answer_without_torch(make_run, cli):
    folder = make_run("finished")
    for arguments in (["status"], ["show", folder.name], ["diff", folder.name, folder.name], ["prune", "default"]):
        done = cli(*arguments, module="lkca_exp.runs", PYTHONPROFILEIMPORTTIME="1")
        assert done.returncode == 0, done.stderr
        assert not re.search(r"\|\s+torch$", done.stderr, re.MULTILINE)
