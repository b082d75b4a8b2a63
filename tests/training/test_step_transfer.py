"""A training step neither waits for its device nor copies to or from it; seen without a GPU, on tensors that are shapes
only, and take the same ways as those of one. The optimiser's step, fused, is torch's own."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace

import pytest
import torch

from lkca_exp.engine.fit import build_module
from lkca_exp.models.build import build_model, choose_backend, use_backend
from tests.copies import CountCopies


class Trainer(SimpleNamespace):
    """What a step asks of Lightning's trainer."""


@pytest.mark.parametrize(
    "overrides",
    [
        ["model/mixer=attention"],
        ["model/mixer=lkca"],
        ["model/mixer=lkca_depthwise", "optim.clip_norm=1"],
        ["model/mixer=lkca", "optim.ema_decay=0.9", "optim.label_smoothing=0.1"],
        ["model/mixer=lkca", "model.mixer.view=convolution", "model.drop_path=0.2"],
    ],
)
def test_a_step_copies_nothing_and_reads_nothing(job, overrides):
    made = job("batch_size=8", *overrides)
    config, derived = made.config, made.derived
    model = build_model(config.model, derived)
    use_backend(model, choose_backend(config.model, derived, 8, torch.float32, "cuda"))
    module = build_module(made, model, "validation").to("meta").train()
    trainer = Trainer(num_training_batches=3, current_epoch=0, global_step=0)
    module.trainer = trainer
    module.clipped = list(model.parameters())
    module.on_train_epoch_start()
    images = torch.zeros(8, derived.channels, derived.image_size, derived.image_size, device="meta")
    labels = torch.zeros(8, dtype=torch.long, device="meta")
    counted = CountCopies()
    with counted:
        for index in range(3):
            loss = module.training_step((images, labels), index)
            module.zero_grad()
            loss.backward()
            module.configure_gradient_clipping()
            trainer.global_step += 1
            module.on_train_batch_end(loss, (images, labels), index)
            if index == 0:
                counted.taken()  # what is made once for a device
    assert counted.taken() == Counter()


def test_what_would_be_copied_or_read_is_counted():
    with CountCopies() as counted:
        numbers = torch.arange(3.0).to("meta")
        numbers.copy_(torch.zeros(3))
        torch.zeros(3, device="meta").copy_(numbers)
        with pytest.raises(RuntimeError):
            numbers.sum().item()
    assert counted.taken() == Counter(to_device=2, read=1)
