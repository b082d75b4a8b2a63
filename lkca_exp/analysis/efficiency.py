"""What a model costs: parameters, operations, memory, images a second in training and in inference."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from statistics import median
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lkca_exp.config.job import Job
from lkca_exp.models.build import build_model, count_parameters, flops_per_image, no_weight_decay
from lkca_exp.training.device import set_up_device, uses_gpu
from lkca_exp.training.optim import build_optimizer

SECONDS_A_ROUND = 0.3


@dataclass(frozen=True)
class Efficiency:
    """`flops` are of one image's forward pass, as it is executed and with LKCA counted as a convolution; a
    multiplication with its addition counts as two. `activation_bytes` are what one image leaves for the backward pass;
    the rates are images a second by batch size, of steps that follow each other as in training; the latencies are
    milliseconds of a step that is waited for before the next begins. On a CPU these are two sides of one number."""

    parameters: int
    flops: int
    flops_as_convolution: int
    activation_bytes: int
    train_images_per_s: dict[int, float] = field(default_factory=dict)
    test_images_per_s: dict[int, float] = field(default_factory=dict)
    train_latency_ms: dict[int, float] = field(default_factory=dict)
    test_latency_ms: dict[int, float] = field(default_factory=dict)


def measure(jobs: Sequence[Job], batch_sizes: Sequence[int], rounds: int) -> list[Efficiency]:
    """The costs of the models of these jobs, on this machine; those that are times are measured turn by turn, `rounds`
    times, and are medians."""
    benches = [(number, size, Bench(job, size)) for number, job in enumerate(jobs) for size in batch_sizes]
    rates: dict[tuple[str, int, int, int], list[float]] = {}
    for turn in range(rounds + 1):
        for number, size, bench in benches:
            for name, step in (("train", bench.train_step), ("test", bench.test_step)):
                for at_a_time in bench.steps_at_a_time:
                    rate = steps_per_s(step, bench.wait, at_a_time)
                    if turn:  # the first one warms up
                        rates.setdefault((name, number, size, at_a_time), []).append(rate)

    def by_size(name: str, number: int) -> tuple[dict[int, float], dict[int, float]]:
        """Images a second, and milliseconds a step."""
        images, latency = {}, {}
        for _, size, bench in (each for each in benches if each[0] == number):
            one, many = bench.steps_at_a_time[0], bench.steps_at_a_time[-1]
            images[size] = size * median(rates[name, number, size, many])
            latency[size] = 1000 / median(rates[name, number, size, one])
        return images, latency

    costs = []
    for number, job in enumerate(jobs):
        (train, train_ms), (test, test_ms) = by_size("train", number), by_size("test", number)
        costs.append(
            replace(
                static(job),
                train_images_per_s=train,
                test_images_per_s=test,
                train_latency_ms=train_ms,
                test_latency_ms=test_ms,
            )
        )
    return costs


def static(job: Job) -> Efficiency:
    """The costs that need no clock."""
    model = build_model(job.config.model, job.derived)
    return Efficiency(
        parameters=count_parameters(model),
        flops=flops_per_image(model, job.derived),
        flops_as_convolution=flops_per_image(model, job.derived, backend="convolution"),
        activation_bytes=activation_bytes(model, random_images(job, 1)),
    )


def activation_bytes(model: nn.Module, images: Tensor) -> int:
    """What a forward pass in training keeps for the backward pass, parameters left out; each storage counted once."""
    kept: dict[int, int] = {}
    own = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        logits = model.train()(images)
    del logits  # kept until here, so that no two storages had one address
    return sum(kept.values())


def curves(cost: Efficiency) -> dict[str, object]:
    """For the report: the rates by batch size."""
    rates = {"training": cost.train_images_per_s, "inference": cost.test_images_per_s}
    return {
        "title": "Throughput by batch size",
        "x_label": "batch size",
        "y_label": "images/s",
        "x": list(cost.train_images_per_s),
        "series": {name: [round(rate, 1) for rate in by_size.values()] for name, by_size in rates.items()},
    }


class Bench:
    """One model at one batch size, with the job's optimiser and precision, on the job's device."""

    def __init__(self, job: Job, batch_size: int) -> None:
        self.device = torch.device("cuda" if uses_gpu(job.config.trainer) else "cpu")
        self.dtype = torch.bfloat16 if job.config.precision == "bf16" else torch.float32
        set_up_device(job.config)
        self.model = build_model(job.config.model, job.derived).to(self.device)
        self.optimizer = build_optimizer(self.model, job.config.optim, no_weight_decay(self.model))
        self.images = random_images(job, batch_size).to(self.device)
        self.labels = torch.randint(job.derived.num_classes, (batch_size,)).to(self.device)

    def train_step(self) -> None:
        self.model.train()
        loss = F.cross_entropy(self._forward(), self.labels)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()

    def test_step(self) -> None:
        self.model.eval()
        with torch.no_grad():
            self._forward()

    def _forward(self) -> Tensor:
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.dtype is torch.bfloat16):
            return self.model(self.images).float()

    @property
    def steps_at_a_time(self) -> tuple[int, ...]:
        """One, for the latency, and as many as hide the way from the host to a GPU; on a CPU there is no such way."""
        return (1,) if self.device.type == "cpu" else (1, 16)

    def wait(self) -> None:
        """For what the device still has to do."""
        if self.device.type == "cuda":
            torch.cuda.synchronize()


def steps_per_s(step: Callable[[], Any], wait: Callable[[], Any], at_a_time: int = 1) -> float:
    """The rate of a step, over as many as fill a round, of which so many at a time are waited for."""
    start, count = time.perf_counter(), 0
    while True:
        for _ in range(at_a_time):
            step()
        wait()
        count += at_a_time
        seconds = time.perf_counter() - start
        if seconds > SECONDS_A_ROUND:
            return count / seconds


def random_images(job: Job, batch_size: int) -> Tensor:
    """(batch_size, channels, height, width), of mean 0 and deviation 1 as normalised images are."""
    side = job.derived.image_size
    return torch.randn(batch_size, job.derived.channels, side, side)
