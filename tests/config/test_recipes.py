"""A recipe is a paper's whole training; what stands beside it counts more."""

from __future__ import annotations

import pytest

from lkca_exp.config.job import compose, conf_dir
from lkca_exp.config.schema import BestOnTestConfig, FinalConfig, HoldoutConfig
from lkca_exp.training.schedule import warmup_cosine

PAPERS = ("cifar10", "cifar100", "svhn", "tiny_imagenet")
NUM_TRAIN = {"cifar10": 50_000, "cifar100": 50_000, "svhn": 73_257, "tiny_imagenet": 100_000}
STEPS = {"cifar10": 1_171, "cifar100": 1_171, "svhn": 1_716, "tiny_imagenet": 2_343}
"""Steps of an epoch in the code of Li et al.: three passes in batches of 128, the last one dropped."""


def test_there_are_recipes():
    assert {path.stem for path in (conf_dir() / "recipe").glob("*.yaml")} == {"li2024", "lee2021", "cct"}


@pytest.mark.parametrize("data", PAPERS)
def test_li2024_is_their_main_py(data):
    job = compose([f"data={data}", "model=vit_small", "recipe=li2024"])
    config, derived = job.config, job.derived
    optim, augment = config.optim, config.augment
    assert (config.epochs, config.batch_size, config.precision) == (100, 128, "fp32")
    assert (optim.name, optim.lr, optim.weight_decay, optim.weight_decay_on) == ("adamw", 1e-3, 0.05, "all")
    assert (optim.beta1, optim.beta2, optim.clip_norm, optim.ema_decay) == (0.9, 0.999, None, None)
    assert (optim.label_smoothing, derived.warmup_epochs) == (0.1, 10)
    assert (config.model.drop_path, config.model.drop_path_schedule) == (0.1, "constant")
    assert isinstance(config.protocol, BestOnTestConfig)

    assert (derived.crop_padding_px, derived.mirror) == (4, True)
    policies = {"svhn": "svhn", "tiny_imagenet": "imagenet"}
    assert (augment.policy, augment.policy_pixels, augment.policy_fill) == ("auto", "pil", 128)
    assert derived.auto_policy == policies.get(data, "cifar10")
    assert (augment.erase_probability, augment.erase_min_area, augment.erase_max_area) == (0.25, 0.02, 0.4)
    assert (augment.erase_min_aspect, augment.erase_aspect, augment.erase_fill) == (0.3, "uniform", "mean")
    assert (augment.mix_probability, augment.cutmix_alpha, augment.mixup_alpha) == (0.5, 1, 1)
    assert not augment.mix_per_image
    assert (augment.repeats, augment.passes_per_epoch) == (1, 3)
    assert NUM_TRAIN[data] * augment.passes_per_epoch // config.batch_size == STEPS[data]

    num_steps, num_warmup = 100 * STEPS[data], 10 * STEPS[data]
    rates = [
        optim.lr * warmup_cosine(step, num_steps, num_warmup, optim.initial_lr_ratio, optim.final_lr_ratio)
        for step in (0, num_warmup // 2, num_warmup, (num_steps + num_warmup) // 2, num_steps)
    ]
    assert rates == pytest.approx([1e-6, 5.005e-4, 1e-3, 5.005e-4, 1e-6], rel=1e-3)


def test_what_is_chosen_beside_a_recipe_counts_more():
    config = compose(["recipe=li2024", "protocol=final", "epochs=3", "augment=light", "optim.lr=0.01"]).config
    assert isinstance(config.protocol, FinalConfig)
    assert (config.epochs, config.augment.policy, config.optim.lr) == (3, "none", 0.01)
    assert (config.batch_size, config.optim.weight_decay_on) == (128, "all")
    other = compose(["+experiment=cifar100_lkca", "recipe=lee2021", "protocol=holdout"]).config
    assert isinstance(other.protocol, HoldoutConfig)
    assert (other.augment.policy_pixels, other.optim.weight_decay_on) == ("torchvision", "weights")
    assert other.model.preset == "lkca_b"


@pytest.mark.parametrize("data", PAPERS)
@pytest.mark.parametrize(("mixer", "preset"), [("lkca", "lkca_b"), ("attention", "vit_small")])
def test_the_papers_experiments_are_data_model_and_recipe(data, mixer, preset):
    named = compose([f"+experiment={data}_{mixer}"]).config
    written_out = compose([f"data={data}", f"model={preset}", "recipe=li2024", f"study={data}"]).config
    assert named == written_out
