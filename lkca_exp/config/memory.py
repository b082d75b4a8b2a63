"""Whether a run can fit into this machine's memory, estimated before anything is built."""

from __future__ import annotations

from lkca_exp.config.derived import VitDerived
from lkca_exp.config.errors import ConfigError
from lkca_exp.config.folder import facts_of
from lkca_exp.config.job import Job
from lkca_exp.config.machine import gpus, memory_bytes

BYTES_PER_PARAMETER = 16
"""A float32 each for the weight, its gradient and AdamW's two moments."""
GIB = 2**30


def least_bytes(job: Job) -> tuple[int, int]:
    """The least that training takes of a model of our own: bytes for its parameters, and for what the backward pass
    keeps of a batch. Counted are only the matrices of the MLPs, and the tokens between the layers; both 0 for models
    of other packages, whose parameters are counted when they are tried (lkca_exp/models/baselines.py)."""
    config, derived = job.config, job.derived
    if not isinstance(derived, VitDerived):
        return 0, 0
    hidden = derived.mlp_ratio * derived.width
    parameters = derived.depth * 2 * derived.width * hidden
    images = min(config.batch_size, facts_of(config.data).num_train) / config.trainer.devices
    tokens = images * derived.grid[0] * derived.grid[1]
    return int(BYTES_PER_PARAMETER * parameters), int(4 * tokens * derived.depth * (2 * derived.width + hidden))


def check_memory(job: Job) -> None:
    """Refuse what cannot fit. Where there is a GPU only the weights have to, which are made in the machine's memory.

    Raises:
        ConfigError: if it cannot.
    """
    parameters, activations = least_bytes(job)
    if job.config.trainer.accelerator != "cpu" and gpus():
        parameters, activations = parameters // 4, 0
    if isinstance(job.derived, VitDerived):
        larger = (
            ("batch_size", job.config.batch_size) if activations > parameters else ("model.width", job.derived.width)
        )
        refuse_too_large(*larger, parameters, activations)


def refuse_too_large(key: str, value: object, parameters: int, activations: int = 0) -> None:
    """Raises ConfigError for `key` and its value if the machine's memory has no room for so many bytes."""
    there = memory_bytes()
    if parameters + activations > there:
        rule = (
            f"Training takes at least {(parameters + activations) / GIB:,.0f} GiB ({parameters / GIB:,.0f} for the "
            f"parameters, {activations / GIB:,.0f} for a batch), and this machine has {there / GIB:,.0f}."
        )
        raise ConfigError(key, value, rule, "Choose a smaller model or batch.")
