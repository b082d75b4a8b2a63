"""Wrong commands get a short answer with the key, the value, the rule and the way out, and leave nothing behind.

They are tried in this process, by the functions that the command line calls; test_command_line.py tries some of them
from end to end."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator

import hydra
import pytest
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode
from omegaconf import read_write

from lkca_exp.config.errors import ConfigError
from lkca_exp.config.job import conf_dir, job_of_config
from lkca_exp.config.schema import register
from lkca_exp.config.words import MULTIRUN, flags_first
from lkca_exp.sweep.jobs import refusing, resolve
from lkca_exp.sweep.loader import SweepLoader
from tests.config.refused import BOUNDS, HINTS, RULES, SWEEPS, WORDS, check


@pytest.fixture(scope="module")
def answer() -> Iterator[Callable[[list[str]], str]]:
    """What is answered to `python -m lkca_exp <words>`, which are composed as jobs of a sweep are, for their speed."""
    register()
    with hydra.initialize_config_dir(str(conf_dir()), version_base="1.3"):
        hydras = GlobalHydra.instance().config_loader()
        loader, master = SweepLoader(hydras), hydras.load_configuration("config", [], RunMode.MULTIRUN)

        def start(typed: list[str]) -> None:
            words = [word for word in flags_first(typed) if word not in MULTIRUN]
            with refusing(words):
                if not {*typed} & {*MULTIRUN}:
                    job_of_config(loader.load_job(master, words)[0])
                elif any(word.startswith("hydra") for word in words):
                    resolve(hydras.load_configuration("config", words, RunMode.MULTIRUN), loader)
                else:
                    sweep = copy.deepcopy(master)
                    with read_write(sweep):
                        sweep.hydra.overrides.task = words
                    resolve(sweep, loader)

        def run(words: list[str]) -> str:
            with pytest.raises(ConfigError) as raised:
                start(words)
            return str(raised.value)

        yield run


@pytest.mark.parametrize("name", [*RULES, *WORDS, *SWEEPS])
def test_a_mistake_gets_a_short_answer(answer, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    words, expected = (RULES | WORDS | SWEEPS)[name]
    check(answer(words), expected)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("word", HINTS)
def test_a_key_of_another_name_is_answered_with_the_right_one(answer, word):
    check(answer([word]), [word, HINTS[word]])


@pytest.mark.parametrize("word", BOUNDS, ids=lambda word: word[:40])
def test_a_value_out_of_bounds_is_refused(answer, word):
    check(answer([word]), [word.partition("=")[0], BOUNDS[word]])
