"""What somebody may have meant who wrote a key that does not exist."""

from __future__ import annotations

import difflib
from collections.abc import Collection

from lkca_exp.config.errors import near_names
from lkca_exp.config.schema import GROUP_SCHEMAS

MOST_SHOWN = 3

ALIASES = {
    **dict.fromkeys(("max_epochs", "num_epochs", "n_epochs", "num_train_epochs", "iterations", "max_steps"), "epochs"),
    **dict.fromkeys(("learning_rate", "base_lr", "max_lr"), "optim.lr"),
    **dict.fromkeys(("wd", "decay"), "optim.weight_decay"),
    **dict.fromkeys(("optimizer", "optimiser"), "optim.name"),
    **dict.fromkeys(("momentum", "betas"), "optim.beta1"),
    **dict.fromkeys(("bs", "batch", "batchsize", "train_batch_size", "per_device_batch_size"), "batch_size"),
    **dict.fromkeys(("warmup", "warmup_steps", "warmup_ratio"), "optim.warmup_epochs"),
    **dict.fromkeys(("clip", "grad_clip", "clip_grad", "gradient_clip_val", "max_grad_norm"), "optim.clip_norm"),
    **dict.fromkeys(("ema", "model_ema", "ema_rate"), "optim.ema_decay"),
    **dict.fromkeys(("smoothing", "loss"), "optim.label_smoothing"),
    **dict.fromkeys(("heads", "n_heads", "nhead"), "model.mixer.num_heads"),
    **dict.fromkeys(("kernel", "k"), "model.mixer.kernel_size"),
    **dict.fromkeys(("dim", "hidden_size", "embed_dim", "hidden_dim", "channels"), "model.width"),
    **dict.fromkeys(("layers", "num_layers", "blocks", "num_blocks"), "model.depth"),
    **dict.fromkeys(("patch", "patches_per_side"), "model.patch_size"),
    **dict.fromkeys(("drop_path_rate", "stochastic_depth"), "model.drop_path"),
    **dict.fromkeys(("arch", "architecture", "backbone"), "model"),
    **dict.fromkeys(("dataset", "data_set"), "data"),
    **dict.fromkeys(("dir", "data_dir", "data_path", "data_root", "datadir"), "data.root"),
    **dict.fromkeys(("output_dir", "out", "run_dir", "runs_dir", "save_dir", "log_dir", "results"), "paths.runs"),
    **dict.fromkeys(("gpus", "num_gpus", "ngpus", "world_size", "n_gpu"), "trainer.devices"),
    **dict.fromkeys(("device", "cuda", "gpu", "cpu"), "trainer.accelerator"),
    **dict.fromkeys(("amp", "fp16", "bf16", "mixed_precision", "half"), "precision"),
    **dict.fromkeys(("mixup", "mixup_prob"), "augment.mixup_alpha"),
    **dict.fromkeys(("cutmix", "cutmix_prob"), "augment.cutmix_alpha"),
    **dict.fromkeys(("cutout", "random_crop"), "augment.cutout_px"),
    **dict.fromkeys(("randaugment", "rand_augment", "autoaugment", "auto_augment", "aa"), "augment.policy"),
    **dict.fromkeys(("n_seeds", "num_seeds"), "seeds"),
    "random_seed": "seed",
    **dict.fromkeys(("run_name", "experiment_name", "exp_name", "tag", "group"), "study"),
    **dict.fromkeys(("wandb", "wandb_project"), "logger.project"),
    "tensorboard": "logger",
    "overwrite": "force",
}
"""The last part of what the key is called elsewhere -> the key here."""

REMARKS = {
    **dict.fromkeys(
        ("resume", "resume_from", "checkpoint", "ckpt", "ckpt_path"), "The same command continues a run by itself."
    ),
    **dict.fromkeys(("num_workers", "workers", "pin_memory"), "The data are in memory: there are no loader workers."),
    **dict.fromkeys(("validation_split", "val_split"), "Choose protocol=holdout protocol.validation_fraction=SHARE."),
}
"""The same for what has no key here -> what there is instead."""


def hint(name: str, value: str, keys: Collection[str]) -> str:
    """A sentence about the keys, or groups, that are near `name`: with the same last part, of another name elsewhere,
    or spelt nearly so."""
    last = name.replace("/", ".").rpartition(".")[2]
    if last in REMARKS:
        return REMARKS[last]
    for group in GROUP_SCHEMAS:
        if last == group.rpartition("/")[2] and "/" in group:
            return f"Write {group}={value if value in GROUP_SCHEMAS[group] else 'OPTION'}."
    same = [key for key in keys if key.rpartition(".")[2] == last]
    if 0 < len(same) <= MOST_SHOWN:
        return f"Did you mean {' or '.join(same)}?"
    if last in ALIASES:
        return f"Did you mean {ALIASES[last]}?"
    by_last_part = {key.rpartition(".")[2]: key for key in keys}
    near = [by_last_part[part] for part in difflib.get_close_matches(last, by_last_part, n=1, cutoff=0.8)]
    return near_names(name, [*keys], first=near) or "`python -m lkca_exp --cfg job` shows them all."
