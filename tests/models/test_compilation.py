"""Compiling changes the rounding and nothing else."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lkca_exp.config.derive import derive
from lkca_exp.config.derived import Derived
from lkca_exp.config.errors import ConfigError
from lkca_exp.config.schema import Config, DataConfig, TimmConfig
from lkca_exp.config.specs import SPECS
from lkca_exp.models import compilation
from lkca_exp.models.build import build_model, flops_per_image, use_backend
from lkca_exp.models.compilation import check_compiler, choose_compiled, compile_model
from tests.conftest import environment


@pytest.fixture
def compiler(monkeypatch: pytest.MonkeyPatch) -> Callable[[str | None], None]:
    """compiler("InductorError") -> this machine has a compiler that raises so; compiler(None): one that works."""

    def have(problem: str | None) -> None:
        compilation.works.cache_clear()
        monkeypatch.setattr(compilation, "compile_problem", lambda device: problem)

    yield have
    compilation.works.cache_clear()


def timm_model(name: str = "convmixer", **options: Any) -> tuple[TimmConfig, Derived]:
    config = Config(data=DataConfig(name="digits"))
    config.model = TimmConfig(name=name, patches_per_side=4, drop_path=0.0, options=options)
    return config.model, derive(config, SPECS["digits"])


def step(model: nn.Module, batch: int = 5) -> list[Tensor]:
    """Logits and all gradients of a training step, on draws that are the same for each call."""
    torch.manual_seed(0)
    model.zero_grad()
    logits = model.train()(torch.randn(batch, 1, 8, 8))
    F.cross_entropy(logits, torch.arange(batch)).backward()
    return [logits.detach(), *(p.grad for p in model.parameters() if p.grad is not None)]


def assert_close(ours: list[Tensor], theirs: list[Tensor], tolerance: float) -> None:
    for mine, other in zip(ours, theirs, strict=True):
        assert (mine - other).abs().max() <= tolerance * other.abs().max().clamp(min=1)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("mixer", "backend"),
    [("attention", None), ("lkca", "direct"), ("lkca", "toeplitz"), ("lkca", "convolution"), ("timm", None)],
)
def test_a_compiled_model_computes_the_same_with_the_same_draws(mixer: str, backend: str | None, describe: Any) -> None:
    """In one graph for training, whatever computes the kernel; the model itself is as it was."""
    options = {"dropout": 0.2} if mixer == "attention" else {}
    made = timm_model(dim=16, depth=2) if mixer == "timm" else describe(mixer, options, drop_path=0.4)
    model = build_model(*made)
    use_backend(model, backend)
    names, flops, expected = list(model.state_dict()), flops_per_image(model, made[1]), step(model)
    torch.compiler.reset()
    torch._dynamo.utils.counters.clear()
    compile_model(model)
    assert_close(step(model), expected, tolerance=1e-5)
    assert not torch._dynamo.utils.counters["graph_break"]
    assert list(model.state_dict()) == names
    assert flops_per_image(model, made[1]) == flops
    images = torch.randn(3, 1, 8, 8)
    exported = torch.export.export(model.eval(), (images,)).module()
    torch.testing.assert_close(exported(images), model.forward(images), rtol=1e-5, atol=1e-5)


@pytest.mark.slow
def test_autocast_compiles_too(describe: Any) -> None:
    model = build_model(*describe("lkca"))
    use_backend(model, "toeplitz")
    with torch.autocast("cpu", torch.bfloat16):
        expected = step(model)
        compile_model(model)
        assert_close(step(model), expected, tolerance=2e-2)


@pytest.mark.slow
def test_a_machine_with_a_compiler_is_known_for_one() -> None:
    assert compilation.compile_problem("cpu") is None


@pytest.mark.parametrize(
    ("width", "dtype", "device", "auto"),
    [
        (24, torch.float32, "cpu", True),
        (24, torch.float32, "cuda", False),
        (64, torch.float32, "cpu", True),
        (128, torch.float32, "cpu", False),
        (192, torch.bfloat16, "cpu", True),
        (384, torch.bfloat16, "cpu", False),
    ],
)
def test_auto_compiles_narrow_models_of_ours_in_long_runs_on_a_cpu(
    width: int, dtype: torch.dtype, device: str, auto: bool, compiler: Any, describe: Any
) -> None:
    """20 million images are 20 million x 16 tokens x at least 24 channels = 7.7e9 numbers."""
    compiler(None)
    for mixer in ("attention", "lkca"):
        _, derived = describe(mixer, width=width)
        assert choose_compiled("auto", derived, dtype, device, 2 * 10**7) is auto
        assert choose_compiled("auto", derived, dtype, device, 10**5) is False
        assert choose_compiled(True, derived, dtype, device, 0) is True
        assert choose_compiled(False, derived, dtype, device, 2 * 10**7) is False
    assert choose_compiled("auto", timm_model()[1], dtype, device, 2 * 10**7) is False


def test_auto_compiles_long_runs_on_one_gpu(compiler: Any, describe: Any) -> None:
    compiler(None)
    _, derived = describe("lkca", width=192)

    def compiled(num_steps: int, num_devices: int = 1, made: Derived = derived) -> bool:
        return choose_compiled("auto", made, torch.float32, "cuda", 0, num_steps, num_devices)

    assert compiled(30_000)
    assert not compiled(29_999)
    assert not compiled(30_000, num_devices=2)
    assert not compiled(30_000, made=timm_model()[1])
    compiler("TritonMissing")
    assert not compiled(30_000)


def test_true_needs_a_compiler_and_auto_says_once_that_there_is_none(
    compiler: Any, caplog: pytest.LogCaptureFixture, describe: Any
) -> None:
    compiler("InductorError")
    with pytest.raises(ConfigError, match=r"compile=true\n  Nothing compiles here \(InductorError\)"):
        check_compiler(True, "cpu")
    with caplog.at_level(logging.WARNING):
        check_compiler("auto", "cpu")
        _, derived = describe("attention")
        for _ in range(2):
            assert not choose_compiled("auto", derived, torch.float32, "cpu", 10**9)
    assert caplog.text.count("torch.compile does not work here (InductorError)") == 1
    compiler(None)
    check_compiler(True, "cpu")


NO_COMPILER = """
import logging, torch
from lkca_exp.models.compilation import works
logging.basicConfig(format="%(message)s")
print(works(), works())
"""


@pytest.mark.slow
def test_a_machine_without_a_compiler_is_reported_once(tmp_path: Path) -> None:
    hidden = environment(CXX="/nonexistent/c++", TORCHINDUCTOR_CACHE_DIR=str(tmp_path))
    done = subprocess.run([sys.executable, "-c", NO_COMPILER], env=hidden, capture_output=True, text=True, timeout=120)
    assert done.stdout.split() == ["False", "False"], done.stderr
    assert done.stderr.count("No C++ compiler works here") == 1
