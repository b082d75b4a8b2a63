"""Compiling the training of a whole model with torch.compile: whether it pays, and how it is done.

Measured on quiet cores of a Xeon with AMX, in steps with AdamW: one core and 64 images up to 128 channels, two cores
and 128 images at 192. Times as fast as uncompiled:

    channels, blocks, tokens    fp32 LKCA  attention    bf16 LKCA  attention
    64,       6,      7 x 7          1.17       1.08         1.37       1.28
    128,      2,      8 x 8          1.03       1.00         1.28       1.31
    192,      9,      8 x 8          0.93       0.99         1.14       1.09

What compiling saves is the work between the matrix products, of which a wide model has little. It takes some 6 seconds
for each block. The models of timm have not been measured: there only compile=true compiles.

On a GPU, an H200, a training step in fp32 that is one CUDA graph takes LKCA-T 4.9 ms and compiled 3.4, ViT-Lite 6.4 and
5.1; in bfloat16 3.7 and 1.8, 3.9 and 2.6. Compiling takes half a minute.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from lkca_exp.config.derived import Derived, VitDerived
from lkca_exp.config.errors import ConfigError
from lkca_exp.models.large_kernel import direct

log = logging.getLogger(__name__)

MOST_CHANNELS = {torch.float32: 64, torch.bfloat16: 192}
"""Width up to which it gains."""
WORTH_COMPILING = 5e9
"""Numbers (images x tokens x channels) that a run passes through each block before compiling has paid for itself more
than twice. Each takes a block 3 to 8 ns less."""
STEPS_WORTH_COMPILING = 30_000
"""On a GPU, where a step takes 1.3 to 1.9 ms less: half a minute of compiling has paid after 16,000 to 23,000."""


@functools.cache
def works(device: str = "cpu") -> bool:
    """Whether torch.compile works on this kind of device; says so if not."""
    if device == "cpu" and not direct.works():
        return False
    problem = compile_problem(device)
    if problem:
        log.warning("torch.compile does not work here (%s): models are not compiled, which is slower.", problem)
    return problem is None


def check_compiler(compile: bool | str, device: str) -> None:
    """Raises ConfigError if compiling is asked for and there is nothing to do it with."""
    if compile is True:
        _require(compile_problem(device), device, "compile", compile, "or choose compile=auto, which does without")


def check_continues(run: str, model: Mapping[str, Any], device: str) -> None:
    """Raises ConfigError if a run, by `model` of its record, began with compiled code and there is nothing to compile
    with."""
    problem = (
        compile_problem(device) if model.get("compiled") else direct.problem() if model["backend"] == "direct" else None
    )
    _require(problem, device, "run", run, "which this run began with, or continue it elsewhere, or delete its folder")


def _require(problem: str | None, device: str, key: str, value: object, way_out: str) -> None:
    if problem:
        tool = "C++ compiler" if device == "cpu" else "Triton with a C compiler"
        raise ConfigError(key, value, f"Nothing compiles here ({problem}).", f"Install a {tool}, {way_out}.")


@functools.cache
def compile_problem(device: str) -> str | None:
    """Why torch.compile does not work on this device; None if it does."""
    if device == "cpu" and direct.problem():
        return direct.problem()
    try:
        torch.compile(torch.neg, fullgraph=True)(torch.ones(2, device=device))
    except Exception as error:
        return type(error).__name__
    return None


def choose_compiled(
    compile: bool | str,
    derived: Derived,
    dtype: torch.dtype,
    device: str,
    num_images: int,
    num_steps: int = 0,
    num_devices: int = 1,
) -> bool:
    """Whether a run that trains on `num_images`, repeats counted, is compiled. It keeps to that to its end: compiled
    code rounds differently."""
    if isinstance(compile, bool):
        return compile
    if not isinstance(derived, VitDerived):
        return False
    if device != "cpu":
        return num_devices == 1 and num_steps >= STEPS_WORTH_COMPILING and works(device)
    if derived.width > MOST_CHANNELS[dtype]:
        return False
    num_passed = num_images * derived.grid[0] * derived.grid[1] * derived.width
    return num_passed >= WORTH_COMPILING and works()


def compile_model(model: nn.Module) -> None:
    """Have calls of a model compiled, each for its size of batch, in place: names of weights stay as they are, and
    `model.forward` computes as before.

    Drop path and dropout draw what they would draw uncompiled, from torch's generator.
    """
    model.compile(dynamic=False, options={"fallback_random": True})
