"""The package as others get it: a wheel, used from a folder that is not this one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import TINY, environment

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Path:
    """A folder with nothing but the wheel's contents."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "wheel", str(ROOT), "--no-deps", "--no-build-isolation", "-w", str(folder)], check=True)
    (wheel,) = folder.glob("lkca_exp-*.whl")
    subprocess.run([*pip, "install", str(wheel), "--no-deps", "--target", str(folder / "site")], check=True)
    return folder / "site"


@pytest.fixture
def script(installed, tmp_path):
    """Runs the console script `lkca-exp` of the wheel in an empty folder."""

    def run(*args: str, **env: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(installed / "bin" / "lkca-exp"), *args]
        env = environment(PYTHONPATH=str(installed), **env)
        return subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=240)

    return run


def test_the_wheel_is_what_runs(installed, tmp_path):
    code = "import lkca_exp, lkca_exp.config.job as job; print(lkca_exp.__file__, job.conf_dir())"
    env = environment(PYTHONPATH=str(installed))
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=env, capture_output=True, text=True)
    assert done.stdout.split() == [str(installed / "lkca_exp" / "__init__.py"), str(installed / "lkca_exp" / "conf")]


def test_it_trains_from_anywhere(script, tmp_path):
    done = script(*TINY)
    assert done.returncode == 0, done.stderr
    assert list(tmp_path.glob("runs/default/*/weights.safetensors"))


def test_it_refuses_as_the_module_does(script):
    done = script("+experiment=digits_compair")
    assert done.returncode == 2
    assert "digits_compare" in done.stderr


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("lkca-exp data=", {"data=digits", "data=fashion_mnist"}),
        ("lkca-exp +experiment=digits", {"+experiment=digits_compare"}),
        ("lkca-exp model.mixer.k", {"model.mixer.kernel_size="}),
    ],
)
def test_the_shell_completes(script, typed, offered):
    done = script("-sc", "query=bash", COMP_LINE=typed, COMP_POINT=str(len(typed)))
    assert offered <= set(done.stdout.split()), done.stderr
