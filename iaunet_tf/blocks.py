"""Kinds of blocks, and where they stand, in words; without Keras, so that configurations can list them."""

from collections.abc import Sequence

from iaunet_tf.arguments import check_number
from iaunet_tf.errors import InputError
from iaunet_tf.wording import either

WITH_PARTS = ("iau", "spatial_temporal", "spatial", "temporal")  # with part attention
# Stages of IAUnet, and how many pixels lie between positions of their maps; how many residual blocks they have in a
# ResNet-50; and where the paper has blocks of its own.
IAUNET_PLACES = {"layer1": 4, "layer2": 8, "layer3": 16, "layer4": 16}
RESNET50_DEPTHS = (3, 4, 6, 3)
IAUNET_BLOCKS = ("layer2", "layer3")
KINDS = ("iau", "ia", "channel", "spatial_temporal", "spatial", "temporal")


def check_places(kinds: dict[str, str]) -> None:
    """Refuses places that IAUnet does not have."""
    for place in kinds:
        if place not in IAUNET_PLACES:
            raise InputError(f"iaunet has no place {place!r} for a block; it has {', '.join(IAUNET_PLACES)}")


def check_depths(name: str, depths: object) -> None:
    """Refuses what is not a number of residual blocks for each stage of a ResNet."""
    if not isinstance(depths, Sequence) or len(depths) != len(RESNET50_DEPTHS):
        raise InputError(f"{name}: give four, one for each stage; received {depths!r:.80}")
    for depth in depths:
        check_number(f"each of {name}", depth, 1, 100, whole=True)


def placed(blocks: Sequence[str], kind: str) -> dict[str, str]:
    """The kind of block by the place that it stands behind, of a list of places, or of `PLACE=KIND` where it is not
    `kind`.

    >>> placed(["layer2", "layer3=channel"], "iau")
    {'layer2': 'iau', 'layer3': 'channel'}
    """
    found = {}
    for entry in blocks:
        place, equals, own = entry.partition("=")
        if equals and own not in KINDS:
            raise InputError(f"{entry}: there is no block {own!r}; there are {either(KINDS)}")
        if place in found:
            raise InputError(f"{place} has two blocks; one stands in a place")
        found[place] = own if equals else kind
    return found
