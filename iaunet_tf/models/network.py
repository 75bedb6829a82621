"""The class of all networks."""

import re

import keras

from iaunet_tf.errors import InputError
from iaunet_tf.layers.frames import FramesToBatch
from iaunet_tf.layers.ia_block import IABlock
from iaunet_tf.layers.iau_block import IAUBlock
from iaunet_tf.layers.preprocessing import Preprocessing


@keras.saving.register_keras_serializable("iaunet_tf")
class Network(keras.Model):
    """A functional model with named outputs, of which `fit` and `evaluate` need the truth only where there is a loss
    or a metric: `fit(x, {"logits": y})`. Keras alone asks for all of them."""

    # Names of the layers in front of the head; empty in a network that was read from a file.
    backbone: tuple[str, ...] = ()

    def note_backbone(self, features) -> None:
        """Notes which layers make the output `features` of the backbone."""
        self.backbone = tuple(layer.name for layer in keras.Model(self.inputs, features).layers)

    def backbone_layers(self) -> list[keras.Layer]:
        """The backbone's layers that have weights of their own, without blocks: what pretrained weights are of."""

        def leaves(layer):
            if isinstance(layer, (IAUBlock, IABlock)):
                return []
            if layer._layers:
                return [leaf for part in layer._layers for leaf in leaves(part)]
            return [layer] if layer.weights else []

        return [leaf for name in self.backbone for leaf in leaves(self.get_layer(name))]

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        outputs, losses = ", ".join(y_pred), getattr(self, "loss", None)
        if y is None and losses is not None:
            raise InputError(f'fit and evaluate need the truth, such as {{"logits": y}}; the network has {outputs}')
        if isinstance(losses, dict) and (unknown := [name for name in losses if name not in y_pred]):
            raise InputError(f"a loss is of {', '.join(unknown)}, which the network does not have; it has {outputs}")
        if isinstance(y, dict):
            if unknown := [name for name in y if name not in y_pred]:
                raise InputError(f"the network has no output {', '.join(unknown)} to train; it has {outputs}")
            losses = losses if isinstance(losses, dict) else dict.fromkeys(y_pred, losses)
            if missing := [name for name, loss in losses.items() if loss is not None and y.get(name) is None]:
                raise InputError(f"a loss is of {', '.join(missing)}, which y leaves out; y has {', '.join(y)}")
        elif y is not None and len(y_pred) > 1:  # Keras would pair losses and metrics with the wrong outputs
            raise InputError(f'y must say which output it is of, such as {{"logits": y}}; the network has {outputs}')
        return super().compute_loss(x, _completed(y, y_pred), y_pred, _completed(sample_weight, y_pred), training)

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        try:
            return super().compute_metrics(x, _completed(y, y_pred), y_pred, _completed(sample_weight, y_pred))
        except ValueError as error:
            if "key mismatch" in str(error):
                raise InputError(f"metrics are of other outputs than the network's {', '.join(y_pred)}") from error
            if isinstance(y, dict) and re.search("None values|NoneType|None is not", str(error)):
                raise InputError(f"a metric is of an output that y leaves out; y has {', '.join(y)}") from error
            raise


# Keras' older file format, .h5, looks a model up by its bare name.
keras.saving.get_custom_objects()["Network"] = Network


def _completed(values, outputs):
    """A dictionary with None for the outputs that it leaves out."""
    return {**dict.fromkeys(outputs), **values} if isinstance(values, dict) else values


def entrance(shape, video: bool, preprocessing: Preprocessing | None):
    """Where a network begins: its input, the clips of a video network or else None, and the images `(B, H, W, 3)`,
    all frames of clips among them, behind `preprocessing`."""
    inputs = keras.Input((None, *shape) if video else shape, name="images")
    x = preprocessing(inputs) if preprocessing else inputs
    return (inputs, inputs, FramesToBatch(name="frames_to_batch")(x)) if video else (inputs, None, x)


def set_weights(layer: keras.Layer, weights: list) -> None:
    """Sets the weights of a layer or a model, and what Keras' normalisation by fixed statistics derives from them."""
    layer.set_weights(weights)
    for part in layer._flatten_layers():
        if isinstance(part, keras.layers.Normalization):
            part.finalize_state()
