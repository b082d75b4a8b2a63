from __future__ import annotations

import io
import subprocess
import sys
from xml.etree import ElementTree

import pytest
from rich.console import Console

from lkca_exp.cli.report import main
from lkca_exp.report.build import report


def test_the_command_writes_the_files_and_prints_the_path_last(compared, capsys):
    assert main([str(compared)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == str(compared / "report" / "index.html")
    assert "lkca is 3.00 points above attention in top-1" in lines[0]
    written = sorted(path.name for path in (compared / "report").iterdir())
    tables = [f"{stem}.{suffix}" for stem in ("runs", "table", "variants") for suffix in ("csv", "json", "md", "tex")]
    assert written == sorted(["answer.md", "figures", "index.html", "runs", *tables])
    markdown = (compared / "report" / "answer.md").read_text(encoding="utf-8")
    assert markdown.startswith("lkca is 3.00 points above")
    assert "| lkca | 3 | **98.33 ± 0.58** |" in markdown


def test_the_figures_are_files_that_stand_alone(compared):
    stale = compared / "report" / "figures" / "old.svg"
    stale.parent.mkdir(parents=True)
    stale.write_text("")
    report([compared], Console(quiet=True))
    drawn = sorted(path.name for path in stale.parent.iterdir())
    stems = [
        "cost-flops",
        "cost-parameters",
        "cost-throughput",
        "curve-train-loss",
        "curve-train-top1",
        "difference",
        "seeds",
    ]
    assert drawn == [f"{stem}.{suffix}" for stem in stems for suffix in ("pdf", "svg")]
    for name in drawn[1::2]:
        root = ElementTree.parse(stale.parent / name).getroot()
        texts = "".join(root.itertext())
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
        assert "lkca" in texts
        assert "attention" in texts


def test_again_is_right(compared):
    """The report's own folder is no run, and a second report replaces the first."""
    first = report([compared], Console(quiet=True))
    before = (compared / "report" / "table.csv").read_text()
    assert report([compared], Console(quiet=True)) == first
    assert (compared / "report" / "table.csv").read_text() == before


def test_a_study_of_debug_runs_alone_is_told_as_such(make_run, runs, capsys):
    make_run("lkca", 0, 0.1, config={"trainer.fast_run": True})
    assert main([str(runs / "digits_compare")]) == 0
    assert capsys.readouterr().out.startswith("1 debug run (trainer=debug")


def test_two_studies_make_one_report_in_the_first(make_run, runs, compared):
    make_run("lkca", 0, 0.97, study="other", config={"model.mixer.kernel_size": 3})
    report([runs / "other", compared], Console(quiet=True))
    assert not (compared / "report").exists()
    assert "lkca kernel_size=3" in (runs / "other" / "report" / "answer.md").read_text().replace("\\", "")


@pytest.mark.parametrize("width", [30, 60])
def test_a_narrow_terminal(make_run, compared, width):
    (make_run("lkca", 9, label="x" * 80) / "run.json").write_text("{")
    out = io.StringIO()
    page = report([compared], Console(width=width, file=out, color_system=None))
    *lines, last = out.getvalue().splitlines()
    assert last == str(page)
    assert max(len(line.rstrip()) for line in lines) <= width
    assert "more columns in the files" in out.getvalue().replace("\n", " ")


def test_names_cannot_steer_the_terminal(make_run, runs):
    (make_run("[red]x\x1b[31m", label="odd") / "metrics.jsonl").write_text("?\n")
    (make_run("lkca", label="[blink]\x1b[31m") / "run.json").write_text("{")
    out = io.StringIO()
    report([runs / "digits_compare"], Console(file=out, width=200, color_system=None))
    assert "\x1b" not in out.getvalue()
    assert out.getvalue().count("[red]x") == 2  # the answer and the table
    assert "[blink]" in out.getvalue()


@pytest.mark.parametrize("make", ["missing", "empty", "file", "loop"])
def test_a_folder_without_runs_is_refused_in_one_line(tmp_path, capsys, make):
    study = tmp_path / "study"
    if make == "empty":
        study.mkdir()
    elif make == "file":
        study.write_text("")
    elif make == "loop":
        study.symlink_to(study)
    assert main([str(study)]) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.count("\n") == 1
    assert str(study) in output.err
    assert not (study / "report").exists()


def test_an_unknown_baseline_is_refused_in_one_line(compared, capsys):
    assert main([str(compared), "--baseline", "convnet"]) == 2
    output = capsys.readouterr().err
    assert output == "report: no variant is called 'convnet'; there are attention, lkca\n"


def test_the_baseline_of_the_command_is_used(compared, capsys):
    assert main([str(compared), "--baseline", "lkca"]) == 0
    assert "3.00 points below lkca" in capsys.readouterr().out.replace("\n", " ")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--metric", "test/top9"], "no run has the metric 'test/top9'; there are test/loss, test/top1"),
        (["--where", "mixer=convnet"], "no run has model.mixer.name=convnet; there are attention, lkca"),
        (["--rows", "kernel"], "no run has a key 'kernel'; keys are written as in the configuration, like model.mixer"),
        (["--rows", "data"], "two configurations fall into one cell"),
        (["--published", "nowhere.csv"], "nowhere.csv"),
    ],
)
def test_a_wrong_option_is_refused_in_one_line(compared, capsys, arguments, message):
    wrong = [*arguments, "--columns", "protocol"] if "data" in arguments else arguments
    assert main([str(compared), *wrong]) == 2
    output = capsys.readouterr()
    assert output.err.count("\n") == 1
    assert message in output.err


def test_conditions_choose_the_runs(make_run, compared, capsys):
    make_run("lkca", 0, 0.99, config={"optim.lr": 0.5})
    assert main([str(compared), "--where", "lr=0.001", "--where", "seed=0,1"]) == 0
    assert (
        "The runs do not tell lkca from attention in top-1 on digits: +2.50 points"
        in capsys.readouterr().out.replace("\n", " ")
    )


def test_a_label_that_no_file_can_hold(make_run, runs):
    make_run("lkca\ud800", label="odd")
    report([runs / "digits_compare"], Console(quiet=True))


def test_a_pipe_in_an_old_encoding(compared):
    command = [sys.executable, "-m", "lkca_exp.report", str(compared)]
    done = subprocess.run(command, capture_output=True, env={"PYTHONIOENCODING": "ascii", "PATH": ""}, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.splitlines()[-1] == str(compared / "report" / "index.html").encode()
    assert b"98.33" in done.stdout


def test_the_report_starts_without_heavy_packages():
    heavy = {"torch", "pandas", "hydra", "lightning"}
    code = f"import sys, lkca_exp.report.__main__; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_where_the_address_space_is_limited_it_says_so_and_ends_nothing(compared):
    code = "import resource, sys; resource.setrlimit(resource.RLIMIT_AS, (2**33, 2**33))\n"
    code += f"from lkca_exp.cli.report import main; sys.exit(main([{str(compared)!r}]))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 2
    assert "`ulimit -v`" in done.stderr
    assert "Traceback" not in done.stderr
