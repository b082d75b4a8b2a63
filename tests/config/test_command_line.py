"""What the command line answers, as a user sees it: in words, in exit status, in what it leaves behind."""

from __future__ import annotations

import re

import pytest
import torch

from tests.conftest import TINY

REFUSED = {
    "unknown key": (["optim.lrr=1"], "lkca_exp", ["optim.lrr=1", "no such key", "optim.lr"]),
    "rule": (["model.mixer.kernel_size=4"], "lkca_exp", ["model.mixer.kernel_size=4", "odd", "3 or 5"]),
    "job of a sweep": (["seed=0", "-m", "optim.lr=1e-3,abc"], "lkca_exp", ["optim.lr=abc", "number", "job #1 of 2"]),
    "flag": (["--experiment", "digits_compare"], "lkca_exp", ["Write +experiment=digits_compare"]),
    "plan of nothing": (["plan", "-m", "seed=range(0)"], "lkca_exp.runs", ["seed=range(0)", "no job"]),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_mistake_gets_a_short_answer(cli, tmp_path, name):
    args, module, words = REFUSED[name]
    done = cli(*args, module=module, PYTHONPROFILEIMPORTTIME="1")
    imported = {line.split("|")[-1].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}
    answer = "\n".join(line for line in done.stderr.splitlines() if not line.startswith("import time:"))
    assert done.returncode == 2, answer
    for word in words:
        assert word in answer
    assert "hydra" in imported  # the list of imports is really one
    assert "torch" not in imported
    assert "Traceback" not in answer
    assert len(answer.splitlines()) <= 5, answer
    assert list(tmp_path.iterdir()) == []


def test_hydra_full_error_shows_the_traceback(cli):
    done = cli("optim.lr=-1", HYDRA_FULL_ERROR="1")
    assert done.returncode == 2
    assert "Traceback" in done.stderr
    assert "checks.py" in done.stderr


@pytest.mark.parametrize("args", [["--cfg", "job", "--resolve"], ["--help"]])
def test_questions_are_answered_without_torch(cli, tmp_path, args):
    done = cli(*args, PYTHONPROFILEIMPORTTIME="1")
    assert done.returncode == 0
    assert "kernel_size: null" in done.stdout
    assert not re.search(r"\|\s+torch$", done.stderr, re.MULTILINE)
    assert list(tmp_path.iterdir()) == []
    if args == ["--help"]:
        for words in (
            "+experiment=digits_compare",
            "model/mixer: attention, identity, lkca, lkca_depthwise, lkca_gated",
            "data: cifar10, cifar100, digits, fashion_mnist",
        ):
            assert words in done.stdout


def test_gpu_without_one(in_process, tmp_path):
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    done = in_process(*TINY, "trainer=gpu")
    assert done.returncode == 2
    assert "trainer.accelerator=gpu" in done.stderr
    assert "trainer=cpu" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("runs", ["file/runs", "/proc/nope"])
@pytest.mark.parametrize("sweep", [[], ["-m", "seed=0,1"]], ids=["run", "sweep"])
def test_a_folder_that_cannot_be_written(in_process, tmp_path, runs, sweep):
    (tmp_path / "file").write_text("in the way")
    done = in_process(*sweep, *TINY, f"paths.runs={runs}")
    assert done.returncode == 2
    assert f"paths.runs={runs}" in done.stderr
    assert "paths.runs=DIR" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["hydra.verbose=17"], "hydra.verbose=17"),
        (["--resolve"], "--cfg or --help"),
        (["hydra.job_logging.root.level=FOO"], "root logger"),
        (["--config-dir", "nope"], "nope"),
        (["--cfg", "job", "--package", "nope"], "not found in config"),
        (["-m", "hydra/launcher=joblib", "hydra.launcher.n_jobs=0"], "hydra.launcher.n_jobs=0"),
    ],
)
def test_what_hydra_itself_refuses(in_process, tmp_path, words, expected):
    done = in_process(*words, *TINY)
    assert (done.returncode, expected in done.stderr) == (2, True), done.stderr
    assert len(done.stderr.splitlines()) <= 4
    assert list(tmp_path.iterdir()) == []


def test_a_model_that_cannot_fit_is_refused_with_numbers(in_process, tmp_path):
    done = in_process(*TINY, "model.width=65536", "model.depth=1000")
    assert done.returncode == 2
    assert "model.width=65536" in done.stderr
    assert re.search(r"at least 2\d\d,\d{3} GiB .*, and this machine has \d+", done.stderr), done.stderr
    done = in_process(*TINY, "data=tiny_imagenet", "batch_size=1048576", "model.width=1024", "model.depth=100")
    assert done.returncode == 2
    assert "batch_size=1048576" in done.stderr
    assert list(tmp_path.iterdir()) == []
