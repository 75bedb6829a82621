"""What `load_weights` and `save_weights` are given by mistake."""

import keras
import numpy as np
import pytest

from iaunet_tf import IAUNet
from iaunet_tf.commands import main
from iaunet_tf.errors import InputError
from iaunet_tf.weights import load_weights, save_weights


def test_mistakes(tmp_path):
    network = IAUNet(input_shape=(64, 32, 3), width=0.125, block=None)
    (tmp_path / "folder.keras").mkdir()
    inputs = keras.Input((64, 32, 3))
    within = keras.Model(inputs, network(inputs)["embedding"], name="within")  # more weights than PyTorch names
    (tmp_path / "a.keras").touch()
    for call, message in (
        (lambda: load_weights(tmp_path / "a.keras", network), "weights must be a file; received Network"),
        (lambda: load_weights(network, None), "weights must be a file; received NoneType"),
        (lambda: load_weights(3, tmp_path / "a.keras"), "takes a keras.Model first; received int"),
        (lambda: save_weights(network, None), "must be a file; received NoneType"),
        (lambda: save_weights(network, tmp_path / "folder.keras"), "folder.keras: is a folder"),
        (lambda: save_weights(tmp_path / "a.keras", tmp_path / "b.keras"), "that is built; received PosixPath"),
        (lambda: save_weights(keras.Sequential([keras.layers.Dense(2)]), tmp_path / "b.weights.h5"), "that is built"),
        (lambda: save_weights(within, tmp_path / "b.safetensors"), "not a network of IAUNet; use Keras"),
    ):
        with pytest.raises(InputError, match=message):
            call()
    assert not list(tmp_path.glob("b.*"))


def test_parts_of_keras_weights_are_counted(tmp_path):
    size = {"input_shape": (64, 32, 3), "block": None, "depths": (1, 1, 1, 1)}
    path = tmp_path / "a.weights.h5"
    network = IAUNet(3, width=0.125, **size)
    save_weights(network, path)
    assert len(load_weights(IAUNet(3, width=0.125, **size), path).loaded) == len(network.weights)
    report = load_weights(IAUNet(4, width=0.125, **size), path, partial=True)
    assert "layers of other shapes are unchanged" in str(report)
    assert 0 < len(report.loaded) < len(network.weights)
    with pytest.raises(InputError, match="nothing in it fits"):
        load_weights(IAUNet(4, width=0.25, **size), path, partial=True)


@pytest.mark.parametrize("block", ["ia", None])
def test_the_command_builds_networks_as_deep_as_they_are_in_the_file(tmp_path, capsys, block):
    network = IAUNet(3, (64, 32, 3), width=0.125, depths=(1, 2, 1, 7), block=block)
    network.save(tmp_path / "a.keras")
    assert main(["weights", str(tmp_path / "a.keras"), str(tmp_path / "b.safetensors")]) == 0
    size = ["--height", "64", "--width", "32"]
    assert main(["weights", str(tmp_path / "b.safetensors"), str(tmp_path / "c.keras"), *size]) == 0
    assert not {"unexpected", "missing"} & set(capsys.readouterr().out.replace(":", " ").split())
    again = keras.models.load_model(tmp_path / "c.keras")
    for ours, theirs in zip(again.get_weights(), network.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
