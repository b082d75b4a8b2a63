"""One file a kind of archive: from what a data set's authors ship to arrays."""

from lkca_exp.data.sources.base import Source
from lkca_exp.data.sources.cifar import Cifar
from lkca_exp.data.sources.digits import Digits
from lkca_exp.data.sources.fashion_mnist import FashionMnist
from lkca_exp.data.sources.svhn import Svhn
from lkca_exp.data.sources.tiny_imagenet import TinyImageNet
from lkca_exp.data.specs import SPECS

SOURCES: dict[str, Source] = {
    "digits": Digits(SPECS["digits"]),
    "fashion_mnist": FashionMnist(SPECS["fashion_mnist"]),
    "cifar10": Cifar(SPECS["cifar10"]),
    "cifar100": Cifar(SPECS["cifar100"]),
    "svhn": Svhn(SPECS["svhn"]),
    "tiny_imagenet": TinyImageNet(SPECS["tiny_imagenet"]),
}
