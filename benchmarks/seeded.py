"""Networks with weights that are not as new, and images to run them on."""

import json
import re
import zlib
from pathlib import Path

import keras
import numpy as np

from iaunet_tf import build_network, from_pretrained
from iaunet_tf.exporting.samples import drawn_images
from iaunet_tf.inference.inputs import picture_pixels
from iaunet_tf.inference.keras_files import interpolation_of
from iaunet_tf.models.networks import NETWORKS, network_of
from iaunet_tf.weights.names import named_entries

SHARED = Path(__file__).parents[2] / "shared"
PEERS = SHARED / "oracle" / "peers"
STREET = SHARED / "data" / "street" / "market"
REAL = "osnet_x0_25_msmt17"
COUNT = 16
# Norms at the end of residual branches. With scales of 1 there, a network that is not trained amplifies rounding.
LAST = re.compile(r"(conv3\.bn|bn3|IN|W\.1|channel/norm|update_norm|add|project_bn)/gamma$")


def images_to_compare() -> tuple[list, list]:
    """Images to calibrate on and to compare on: photographs if they are there, else drawn pedestrians."""
    if not STREET.is_dir():
        drawn = drawn_images(2 * COUNT)
        return drawn[:COUNT], drawn[COUNT:]
    calibration, compared = (
        sorted((STREET / folder).glob("*.jpg")) for folder in ("bounding_box_train", "bounding_box_test")
    )
    return calibration[:: len(calibration) // (4 * COUNT)], compared[:: len(compared) // COUNT][:COUNT]


def seeded_network(name: str) -> keras.Model:
    """A network at its usual size: with trained weights for `REAL`, with those of the peers' results where they are
    there, else with random ones whose batch norms have seen drawn pedestrians."""
    if name == REAL:
        return from_pretrained("osnet_x0_25", file=SHARED / "networks" / f"{REAL}.safetensors")
    keras.utils.set_random_seed(0)
    base, _, block = name.partition("+")
    blocks = network_of(base).places[:2] if block else ()
    model = build_network(base, blocks=blocks)
    if name in NETWORKS and (PEERS / f"{name}.npz").is_file():
        set_state(model, peers_state(name)[2])
    else:
        _set_random_weights(model)
    return model


def peers_state(name: str) -> tuple[dict, dict[str, np.ndarray], dict[str, np.ndarray]]:
    """The description of a network by its toolbox's results, the results, and the state that they were computed with,
    by the rule in the README there."""
    description = json.loads((PEERS / f"{name}.json").read_text())
    with np.load(PEERS / f"{name}.npz") as arrays:
        results = dict(arrays)
    state, place = {}, 0
    for key, shape, _ in description["parameters"]:
        count = int(np.prod(shape))
        if key.endswith(("running_mean", "running_var")):
            state[key] = results["running"][place : place + count].reshape(shape)
            place += count
            continue
        values = np.random.default_rng(zlib.crc32(key.encode())).normal(size=shape)
        if key.endswith("pool_layer.p"):
            values = 3 + 0.1 * values
        elif len(shape) == 1:
            values = 0.1 * values + key.endswith("weight")
        else:
            values = values * np.sqrt(2 / np.prod(shape[1:]))
        state[key] = (values * description["scaled"].get(key, 1)).astype("float32")
    return description, results, state


def set_state(model: keras.Model, state: dict[str, np.ndarray]) -> None:
    """Sets all variables of a network, by their toolbox's names and in PyTorch's layout."""
    entries = named_entries(model)
    assert set(entries) == set(state)
    for key, entry in entries.items():
        entry.variable.assign(entry.to_keras(state[key]))


def _set_random_weights(model):
    """Scales and offsets of norms are drawn, and their statistics are those of a batch of drawn pedestrians."""
    rng = np.random.default_rng(0)
    for weight in model.weights:
        if weight.path.endswith("gamma"):
            scale = 0.2 if LAST.search(weight.path) else 1
            weight.assign(scale * rng.normal(1, 0.1, weight.shape))
        elif weight.path.endswith(("beta", "bias")):
            weight.assign(rng.normal(0, 0.1, weight.shape))
    norms = [layer for layer in model._flatten_layers() if isinstance(layer, keras.layers.BatchNormalization)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
    size, interpolation = model.inputs[0].shape[-3:-1], interpolation_of(model)
    pixels = [picture_pixels(image, size, interpolation) for image in drawn_images()]
    model(np.stack(pixels).astype("float32"), training=True)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
