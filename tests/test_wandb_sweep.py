"""The files for `wandb sweep`: an agent's commands are jobs. What the server does cannot be tested without it."""

from __future__ import annotations

import itertools
import re

import pytest
from omegaconf import OmegaConf
from wandb import wandb_agent
from wandb.sdk.launch.sweeps.utils import load_sweep_config

from lkca_exp.config.job import compose, conf_dir
from lkca_exp.engine.fit import SELECT
from lkca_exp.runs.run import selected_on

FILES = sorted((conf_dir() / "wandb_sweep").glob("*.yaml"))


@pytest.fixture(params=FILES, ids=lambda file: file.stem)
def sweep(request) -> dict:
    return load_sweep_config(str(request.param))


def points(sweep: dict) -> list[dict]:
    """Every combination of the values, or of the ends of the ranges."""
    ends = [p["values"] if "values" in p else [p["min"], p["max"]] for p in sweep["parameters"].values()]
    return [dict(zip(sweep["parameters"], values, strict=True)) for values in itertools.product(*ends)]


@pytest.fixture
def agent_command(sweep, monkeypatch, tmp_path):
    """What W&B's agent would start with some parameters."""
    started = []
    monkeypatch.setattr(wandb_agent, "AgentProcess", lambda command, **_: started.append(command) or FakeProcess())
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))
    for name in ("WANDB_RUN_ID", "WANDB_SWEEP_PARAM_PATH"):
        monkeypatch.setenv(name, "set by the agent")  # so that it is undone

    def command(parameters: dict) -> list[str]:
        agent = wandb_agent.Agent(api=None, queue=None)
        agent._sweep_command = list(sweep["command"])
        args = {name: {"value": value} for name, value in parameters.items()}
        agent._command_run({"run_id": "run", "program": sweep["program"], "args": args})
        return started.pop()

    return command


class FakeProcess:
    last_sigterm_time = None


def test_there_are_some():
    assert {"kernel_size", "learning_rate"} <= {file.stem for file in FILES}


def test_an_agent_s_commands_are_jobs(sweep, agent_command):
    for parameters in points(sweep):
        words = agent_command(parameters)
        assert words[:4] == ["/usr/bin/env", "python", "-m", "lkca_exp"]
        job = compose(words[4:])
        config = OmegaConf.create({"config": job.config}).config
        assert {name: OmegaConf.select(config, name) for name in parameters} == parameters
        assert job.config.logger.name == "wandb"
        assert sweep["metric"] == {"name": SELECT[selected_on(job.config)], "goal": "maximize"}
        assert sweep["metric"]["name"] == "val/top1"


def test_the_command_is_one_run(sweep, agent_command, in_process):
    """And not a sweep, as an experiment may be."""
    output = in_process(*agent_command(points(sweep)[0])[4:], "--cfg", "hydra")
    assert output.returncode == 0, output.stderr
    assert re.search(r"^  mode: (RUN|null)$", output.stdout, re.MULTILINE)


def test_w_and_b_takes_the_names(sweep):
    """From the schema of W&B's package `sweeps`: there is no slash, so that a group such as model/mixer has to stand in
    the command."""
    assert all(re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.-]*", name) for name in sweep["parameters"])
    assert sweep["method"] in ("grid", "bayes", "random")


def test_the_folder_is_no_choice_of_a_configuration(in_process):
    done = in_process("+wandb_sweep=kernel_size")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
