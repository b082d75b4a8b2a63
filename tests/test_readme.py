"""Every command of the README and of the reference in docs/ works. Training is cut to two batches; CI runs `make run`
and `make test` as they are."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from lkca_exp.config.schema import GROUP_SCHEMAS
from lkca_exp.data.sources import SOURCES

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
REFERENCE = README + "".join((ROOT / "docs" / f"{name}.md").read_text() for name in ("running", "sweeps", "models"))
FAST = ["trainer=debug", "logger=none"]


def commands() -> list[list[str]]:
    """The words of every `python -m lkca_exp` in a shell block, without the comments."""
    blocks = re.findall(r"```sh\n(.*?)```", REFERENCE, re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines() if line.startswith("python -m lkca_exp")]
    return [shlex.split(line, comments=True)[2:] for line in lines]


def test_there_are_commands():
    assert len(commands()) >= 10


@pytest.mark.slow
def test_the_commands_work_one_after_the_other(in_process, tmp_path):
    if SOURCES["fashion_mnist"].find(tmp_path) is None:
        pytest.skip("needs Debian's package dataset-fashion-mnist")
    for module, *args in commands():
        trains = module == "lkca_exp" and "--cfg" not in args
        searches = "hydra/sweeper=optuna" in args
        more = [*FAST * trains, *["hydra.sweeper.n_trials=1"] * searches]
        done = in_process(*args, *more, module=module)
        needs_server = "--wandb-workspace" in args  # and there is none
        assert done.returncode == 2 * needs_server, f"{module} {args}: {done.stderr}"
    assert (tmp_path / "runs" / "kernel_size" / "report" / "index.html").exists()


def test_the_refusal_shown_is_the_one_given(in_process):
    shown = re.search(r"\$ python -m lkca_exp (\S+)\n(lkca_exp: .*?)```", README, re.DOTALL)
    done = in_process(shown[1])
    assert done.stderr == shown[2]


@pytest.mark.parametrize("override", ["trainer=debug", "trainer=debug_overfit", "trainer=cpu", "trainer=gpu",
    "trainer=ddp", "precision=bf16", "optim.ema_decay=0.999", "protocol=holdout", "protocol=final",
    "protocol=best_on_test", "augment=none", "augment=light", "augment=lee2021", "augment=li2024", "augment=cct",
    "augment=trivial", "recipe=li2024", "recipe=lee2021", "recipe=cct",
    *(f"model/mixer={mixer}" for mixer in GROUP_SCHEMAS["model/mixer"]),
    *(f"model/embedding={embedding}" for embedding in GROUP_SCHEMAS["model/embedding"]),
    "model.pooling=mean", "model.pooling=sequence", "model.size=xs", "model.size=lee2021", "model.size=tiny",
    "model.size=small", "model.size=base",
    "logger=wandb", "logger=tensorboard", "logger=none", "paths.runs=elsewhere", "data.root=elsewhere",
    "force=true"])  # fmt: skip
def test_the_overrides_of_the_tables_exist(job, override):
    key, _, value = override.partition("=")
    assert key in REFERENCE
    assert value in REFERENCE or value == "elsewhere"
    job(override, *["epochs=30"] * override.startswith("recipe="))


def test_the_commands_of_the_table_exist(in_process):
    listed = set(re.findall(r"^\| `(?!python)(\w+) [^`]*(?:RUN|STUDY)", REFERENCE, re.MULTILINE))
    done = in_process("--help", module="lkca_exp.runs")
    assert {"status", "show", "rerun", "prune"} <= listed
    assert all(re.search(rf"^ +{command} ", done.stdout, re.MULTILINE) for command in listed)
