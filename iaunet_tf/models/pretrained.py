"""Networks that others have trained, ready for use."""

from os import PathLike

import keras

from iaunet_tf.errors import InputError
from iaunet_tf.models.networks import NETWORKS, build_network
from iaunet_tf.weights import find_weights
from iaunet_tf.weights.pretrained import PRETRAINED
from iaunet_tf.wording import did_you_mean


def from_pretrained(
    name: str,
    file: str | PathLike | None = None,
    input_shape: tuple[int, int, int] | None = None,
    include_preprocessing: bool = True,
    num_classes: int | None = None,
    video: bool = False,
) -> keras.Model:
    """Builds a published network with its trained weights, numerically its authors'.

    Input and output are as for `build_network`. The way in which images are resized for the network travels with it:
    `Embedder`, `iaunet evaluate` and exports keep to it.

    Args:
        name: a name that `iaunet weights list` prints; with `file` also a network's, such as `"osnet_x0_25"`.
        file: the weights: `.pth`, `.pt`, `.safetensors` with the authors' names, or `.keras`. None takes the published
            file, downloaded on first use.
        input_shape: `(height, width, 3)`; None takes the size it was trained at.
        include_preprocessing: False leaves normalisation to the caller.
        num_classes: number of identities of a classifier; None builds none.
        video: take clips; the embedding of a clip is the mean of its frames'.

    Raises:
        InputError: there is no such network, or its weights cannot be had or do not fit.

    Examples:
        >>> model = from_pretrained("osnet_x0_25_msmt17")
        >>> Embedder(model)(["a.jpg", "b.jpg"]).shape
        (2, 512)
    """
    entry = PRETRAINED.get(name)
    if entry is None and name not in NETWORKS:
        hint = did_you_mean(str(name), [*PRETRAINED, *NETWORKS]) or f"; there are {', '.join(PRETRAINED)}"
        raise InputError(f"there is no pretrained network {name!r}{hint}")
    if entry is None and file is None:
        trained = [each for each, other in PRETRAINED.items() if other.network == name]
        raise InputError(
            f"{name} is a network; name its weights by file" + (f", or take {' or '.join(trained)}" if trained else "")
        )
    path = find_weights(name if file is None else file)
    network = entry.network if entry else name
    return build_network(network, num_classes, input_shape, video, include_preprocessing, weights=path)
