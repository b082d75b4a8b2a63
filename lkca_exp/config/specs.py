"""The facts of each data set, once: what the loading code, the checks and the report need to know without reading it.

Imports neither torch nor numpy: the configuration is checked against these facts before anything heavy is loaded.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class DataSpec:
    """One data set.

    `source`: the class that reads its files, as "package.module:Class".
    `class_names` is empty where the files name the classes (Tiny-ImageNet's words.txt).
    `min_images_per_class` counts training images of the rarest class.
    `mean` and `std` are of the training images, per channel, on pixel values scaled to [0, 1]; those of the colour sets
    are the ones of Lee et al. 2021 (code aanna0701/SPT_LSA_ViT).
    `may_mirror`: whether an image mirrored left to right keeps its label.
    `patch_size`: side in pixels of the patch that the literature uses for images of this kind (Lee et al. 2021:
    8 x 8 tokens), or that suits a set too small for that.
    `part_of`: the library that the data set comes with, so that it has no files of its own; empty for the others.
    `checksums`: which of its files `data.verify` compares with published checksums: "all"; "archive", but not what was
    unpacked from it; or "none". Files without one count by their content in a run's id.
    `auto_augment`: the data set whose AutoAugment policy suits this one: cifar10, svhn or imagenet.
    """

    name: str
    source: str
    image_size: int
    channels: int
    num_classes: int
    class_names: tuple[str, ...]
    num_train: int
    num_test: int
    min_images_per_class: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    may_mirror: bool
    patch_size: int
    part_of: str = ""
    checksums: str = "none"
    auto_augment: str = "cifar10"


FOLDER = "folder"
"""The name of anyone's own images, whose facts follow from their files: see `lkca_exp.config.folder`."""

DIGITS = tuple("0123456789")
FASHION = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
CIFAR10 = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
# fmt: off
CIFAR100 = (
    "apple", "aquarium_fish", "baby", "bear", "beaver", "bed", "bee", "beetle", "bicycle", "bottle", "bowl", "boy",
    "bridge", "bus", "butterfly", "camel", "can", "castle", "caterpillar", "cattle", "chair", "chimpanzee", "clock",
    "cloud", "cockroach", "couch", "crab", "crocodile", "cup", "dinosaur", "dolphin", "elephant", "flatfish", "forest",
    "fox", "girl", "hamster", "house", "kangaroo", "keyboard", "lamp", "lawn_mower", "leopard", "lion", "lizard",
    "lobster", "man", "maple_tree", "motorcycle", "mountain", "mouse", "mushroom", "oak_tree", "orange", "orchid",
    "otter", "palm_tree", "pear", "pickup_truck", "pine_tree", "plain", "plate", "poppy", "porcupine", "possum",
    "rabbit", "raccoon", "ray", "road", "rocket", "rose", "sea", "seal", "shark", "shrew", "skunk", "skyscraper",
    "snail", "snake", "spider", "squirrel", "streetcar", "sunflower", "sweet_pepper", "table", "tank", "telephone",
    "television", "tiger", "tractor", "train", "trout", "tulip", "turtle", "wardrobe", "whale", "willow_tree", "wolf",
    "woman", "worm",
)
# fmt: on

SPECS: dict[str, DataSpec] = {
    spec.name: spec
    for spec in (
        DataSpec(
            name="digits",
            source="lkca_exp.data.sources.digits:Digits",
            image_size=8,
            channels=1,
            num_classes=10,
            class_names=DIGITS,
            num_train=1_437,
            num_test=360,
            min_images_per_class=139,
            mean=(0.3051,),
            std=(0.3759,),
            may_mirror=False,
            patch_size=2,
            part_of="scikit-learn",
        ),
        DataSpec(
            name="fashion_mnist",
            source="lkca_exp.data.sources.fashion_mnist:FashionMnist",
            image_size=28,
            channels=1,
            num_classes=10,
            class_names=FASHION,
            num_train=60_000,
            num_test=10_000,
            min_images_per_class=6_000,
            mean=(0.2860,),
            std=(0.3530,),
            may_mirror=True,
            patch_size=4,
            checksums="all",
        ),
        DataSpec(
            name="cifar10",
            source="lkca_exp.data.sources.cifar:Cifar",
            image_size=32,
            channels=3,
            num_classes=10,
            class_names=CIFAR10,
            num_train=50_000,
            num_test=10_000,
            min_images_per_class=5_000,
            mean=(0.4914, 0.4822, 0.4465),
            std=(0.2470, 0.2435, 0.2616),
            may_mirror=True,
            patch_size=4,
            checksums="all",
        ),
        DataSpec(
            name="cifar100",
            source="lkca_exp.data.sources.cifar:Cifar",
            image_size=32,
            channels=3,
            num_classes=100,
            class_names=CIFAR100,
            num_train=50_000,
            num_test=10_000,
            min_images_per_class=500,
            mean=(0.5070, 0.4865, 0.4409),
            std=(0.2673, 0.2564, 0.2762),
            may_mirror=True,
            patch_size=4,
            checksums="all",
        ),
        DataSpec(
            name="svhn",
            source="lkca_exp.data.sources.svhn:Svhn",
            image_size=32,
            channels=3,
            num_classes=10,
            class_names=DIGITS,
            num_train=73_257,
            num_test=26_032,
            # of 4948, 13861, 10585, 8497, 7458, 6882, 5727, 5595, 5045 and 4659, as many papers' code counts them
            min_images_per_class=4_659,
            mean=(0.4377, 0.4438, 0.4728),
            std=(0.1980, 0.2010, 0.1970),
            may_mirror=False,
            patch_size=4,
            checksums="all",
            auto_augment="svhn",
        ),
        DataSpec(
            name="tiny_imagenet",
            source="lkca_exp.data.sources.tiny_imagenet:TinyImageNet",
            image_size=64,
            channels=3,
            num_classes=200,
            class_names=(),
            num_train=100_000,
            num_test=10_000,
            min_images_per_class=500,
            mean=(0.4802, 0.4481, 0.3975),
            std=(0.2770, 0.2691, 0.2821),
            may_mirror=True,
            patch_size=8,
            checksums="archive",
            auto_augment="imagenet",
        ),
    )
}
