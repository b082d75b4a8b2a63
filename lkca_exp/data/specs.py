"""The facts of each data set, once: what the loading code, the checks and the report need to know without reading it.

Imports neither torch nor numpy: the configuration is checked against these facts before anything heavy is loaded.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class DataSpec:
    """One data set.

    `mean` and `std` are of the training images, per channel, on pixel values scaled to [0, 1].
    `may_mirror`: whether an image mirrored left to right keeps its label.
    `patch_size`: side in pixels of the patch that the literature uses for images of this kind (Lee et al. 2021:
    8 x 8 tokens), or that suits a set too small for that.
    `auto_augment`: the data set whose AutoAugment policy suits this one: cifar10, svhn or imagenet.
    """

    name: str
    image_size: int
    channels: int
    class_names: tuple[str, ...]
    num_train: int
    num_test: int
    min_images_per_class: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    may_mirror: bool
    patch_size: int
    auto_augment: str = "cifar10"

    @property
    def num_classes(self) -> int:
        return len(self.class_names)


SPECS: dict[str, DataSpec] = {
    spec.name: spec
    for spec in (
        DataSpec(
            name="digits",
            image_size=8,
            channels=1,
            class_names=tuple("0123456789"),
            num_train=1_437,
            num_test=360,
            min_images_per_class=139,
            mean=(0.3051,),
            std=(0.3759,),
            may_mirror=False,
            patch_size=2,
        ),
        DataSpec(
            name="fashion_mnist",
            image_size=28,
            channels=1,
            class_names=(
                "T-shirt/top",
                "Trouser",
                "Pullover",
                "Dress",
                "Coat",
                "Sandal",
                "Shirt",
                "Sneaker",
                "Bag",
                "Ankle boot",
            ),
            num_train=60_000,
            num_test=10_000,
            min_images_per_class=6_000,
            mean=(0.2860,),
            std=(0.3530,),
            may_mirror=True,
            patch_size=4,
        ),
    )
}
