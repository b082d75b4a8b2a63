"""Keys of `augment`."""

from __future__ import annotations

from dataclasses import dataclass

from lkca_exp.config.schema.key import key


@dataclass
class AugmentConfig:
    """The defaults of what is switched off are those of Lee et al. 2021, arXiv 2112.13492, whose protocol asks for
    erasing and mixing, and of torchvision for RandAugment."""

    crop_padding_px: int | None = key(
        "random crop after padding by this many pixels; null: an eighth of the image side",
        None,
        at_least=0,
        at_most=1024,
    )
    mirror: bool | None = key("mirror half of the images left to right; null: where it keeps the label", None)
    policy: str = key(
        "operations on shape and colour: AutoAugment, RandAugment or TrivialAugment Wide",
        "none",
        choices=("none", "auto", "rand", "trivial"),
    )
    policy_pixels: str = key(
        "whose pixels the operations have: torchvision's for tensors, or PIL's, with bicubic shears, as in Li et al.",
        "torchvision",
        choices=("torchvision", "pil"),
    )
    policy_fill: int = key("grey level that moves in when a policy moves an image", 0, at_least=0, at_most=255)
    auto_policy: str | None = key(
        "AutoAugment's table, by the data set it was learned on; null: the one that suits the data",
        None,
        choices=("cifar10", "svhn", "imagenet"),
    )
    rand_num_ops: int = key("RandAugment's operations an image", 2, at_least=1, at_most=100)
    rand_magnitude: float = key("RandAugment's level of strength, of 30", 9.0, at_least=0, at_most=30)
    rand_magnitude_std: float = key("its standard deviation from operation to operation", 0.0, at_least=0, at_most=30)
    rand_probability: float = key("probability of each of RandAugment's operations", 1.0, above=0, at_most=1)
    erase_probability: float = key("share of the images with an erased rectangle; 0: off", 0.0, at_least=0, at_most=1)
    erase_min_area: float = key("smallest area erased, over the image's", 0.02, above=0, below=1)
    erase_max_area: float = key("largest area erased, over the image's", 0.4, above=0, below=1)
    erase_min_aspect: float = key("smallest height over width of the rectangle, and inversely", 0.3, above=0, at_most=1)
    erase_aspect: str = key(
        "what is drawn evenly, the aspect ratio or its logarithm", "uniform", choices=("uniform", "log_uniform")
    )
    erase_fill: str = key(
        "written after normalisation: 0, the figures of the channel means (as Lee et al. do), or normal noise",
        "mean",
        choices=("zero", "mean", "noise"),
    )
    cutout_px: int = key("side of a square blanked at a random place of every image; 0: off", 0, at_least=0)
    mix_probability: float = key("share of the batches mixed by CutMix or MixUp; 0: off", 0.0, at_least=0, at_most=1)
    cutmix_alpha: float = key("CutMix: parameter of the beta distribution; 0: MixUp only", 1.0, at_least=0, at_most=1e6)
    mixup_alpha: float = key("MixUp: parameter of the beta distribution; 0: CutMix only", 1.0, at_least=0, at_most=1e6)
    mix_per_image: bool = key("draw how to mix for every image, not once a batch", False)
    repeats: int = key(
        "copies of an image in a row, each augmented differently; an epoch is no longer", 1, at_least=1, at_most=1000
    )
    passes_per_epoch: int = key("passes over the training images that count as one epoch", 1, at_least=1, at_most=1000)
