"""The small networks whose weights and outputs are in reference/, and ours of the same kind and size."""

import functools
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

REFERENCE = Path(__file__).parent / "reference"
CLASSES, WIDTH = 5, 1 / 32
# Options of the network and shape of its images.
CASES = {
    "iau_image": ({"block": "iau"}, (2, 64, 32, 3)),
    "iau_clip4": ({"block": "iau", "clip": True}, (2, 4, 64, 32, 3)),
    "iau_clip6": ({"block": "iau", "clip": True}, (1, 6, 64, 32, 3)),
    "ia_image": ({"block": "ia"}, (2, 64, 32, 3)),
}


def weights_of(block="iau", clip=False):
    """The file with a network's weights, in PyTorch's layout and with the authors' names."""
    return REFERENCE / f"{block}_{'clip' if clip else 'image'}.safetensors"


def tensors_of(block="iau", clip=False):
    return load_file(weights_of(block, clip))


def outputs_of(case):
    """Images, and the reference network's outputs for them by name."""
    with np.load(REFERENCE / f"{case}.npz") as arrays:
        outputs = {name.removeprefix("output/"): arrays[name] for name in arrays if name.startswith("output/")}
        return arrays["images"].astype("float32"), outputs


@functools.cache
def _built(classes, block, clip):
    from iaunet_tf import IAUNet

    model = IAUNet(classes, input_shape=(64, 32, 3), video=clip, block=block, width=WIDTH)
    return model, model.get_weights()


def build(classes=CLASSES, block="iau", clip=False):
    """Our network with the weights it was built with; every call returns the same one, for it takes time to build."""
    model, weights = _built(classes, block, clip)
    model.set_weights(weights)
    return model


def snapshot(model):
    return [np.array(variable) for variable in model.variables]


def unchanged(model, before):
    return all(np.array_equal(a, b) for a, b in zip(before, snapshot(model), strict=True))


def assert_outputs_equal(outputs, expected):
    import keras

    assert set(outputs) - {"before_neck"} == set(expected)  # which the reference has no name for
    for name in expected:
        error = np.abs(keras.ops.convert_to_numpy(outputs[name]) - expected[name]).max() / np.abs(expected[name]).max()
        assert error < 1e-4, (name, error)


def assert_same_tensors(path, original):
    """That the file holds the original's tensors bit by bit, but for the counters of PyTorch's batch norms."""
    written = load_file(path)
    original = {name: array for name, array in original.items() if not name.endswith("num_batches_tracked")}
    assert set(written) == set(original)
    for name, array in original.items():
        np.testing.assert_array_equal(written[name], array, err_msg=name)


def quiet(line):
    del line
