"""Networks in Keras' own `compile`, `fit`, `evaluate` and `predict`."""

import keras
import numpy as np
import pytest

from iaunet_tf import IAUNet
from iaunet_tf.errors import InputError
from iaunet_tf.losses import BatchHardTripletLoss, PartMaskLoss, batch_hard_triplet_loss, part_mask_loss
from iaunet_tf.models.classifier import ImageClassifier

Y = np.array([0, 0, 1, 1])
RNG = np.random.default_rng(0)
NETWORKS = {
    "images": (lambda: IAUNet(3, (32, 16, 3), width=0.125, depths=(1, 1, 1, 1)), (4, 32, 16, 3)),
    "clips": (lambda: IAUNet(3, (32, 16, 3), video=True, width=0.125, depths=(1, 1, 1, 1)), (4, 2, 32, 16, 3)),
    "classifier": (lambda: ImageClassifier(3, "MobileNetV2", (32, 32, 3), None), (4, 32, 32, 3)),
}


def compiled(model, run_eagerly=True, **options):
    model.compile(keras.optimizers.SGD(0.01), jit_compile=False, run_eagerly=run_eagerly, **options)
    return model


def identity_loss():
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_metrics_of_one_output(name, tmp_path):
    keras.utils.set_random_seed(0)
    build, shape = NETWORKS[name]
    x = RNG.integers(0, 256, shape).astype("uint8")
    losses = {"logits": identity_loss(), "embedding": BatchHardTripletLoss(2.5)}
    model = compiled(build(), run_eagerly=name != "images", loss=losses, metrics={"logits": "accuracy"})
    history = model.fit(x, {"logits": Y, "embedding": Y[:, None]}, epochs=1, verbose=0).history
    assert set(history) == {"loss", "logits_loss", "embedding_loss", "logits_accuracy"}

    found = model.evaluate(x, {"embedding": Y, "logits": Y}, verbose=0, return_dict=True)
    outputs = model(x, training=False)
    assert found["logits_accuracy"] == (np.argmax(outputs["logits"], axis=1) == Y).mean()
    triplet = float(batch_hard_triplet_loss(Y, outputs["embedding"], 2.5))
    assert found["embedding_loss"] == pytest.approx(triplet, rel=1e-3)
    assert found["loss"] == pytest.approx(found["logits_loss"] + found["embedding_loss"], rel=1e-4)

    model.save(tmp_path / "a.keras")
    again = keras.models.load_model(tmp_path / "a.keras")
    again.run_eagerly = True
    assert again.evaluate(x, {"logits": Y, "embedding": Y}, verbose=0, return_dict=True) == pytest.approx(found)


def test_truth_of_some_outputs():
    build, shape = NETWORKS["images"]
    x, model = RNG.integers(0, 256, shape).astype("uint8"), build()
    masks = RNG.random((4, 32, 16, 4)) > 0.5
    attention = model.predict(x, verbose=0)["part_attention_2"]
    # The truth of an output without a loss, weights, part masks.
    compiled(model, loss={"logits": identity_loss()}, metrics={"logits": ["accuracy"]})
    for truth in ({"logits": Y}, {"logits": Y, "embedding": Y}):
        weights = {name: np.ones(4) for name in truth}
        found = [model.evaluate(x, truth, verbose=0, return_dict=True, sample_weight=w) for w in (None, weights)]
        assert set(found[0]) == {"loss", "logits_accuracy"} and found[0] == pytest.approx(found[1])
    compiled(model, loss={"part_attention_2": PartMaskLoss()}, metrics={"part_attention_2": "mae"})
    small = masks[:, :2, :1]
    found = model.evaluate(x, {"part_attention_2": small}, verbose=0, return_dict=True)
    assert found["loss"] == pytest.approx(float(part_mask_loss(small, attention)), rel=1e-3)
    assert found["part_attention_2_mae"] == pytest.approx(abs(small - attention).mean(), rel=1e-3)


@pytest.mark.parametrize(
    ("metrics", "truth", "message"),
    [
        (None, {"logit": Y}, "no output logit to train; it has .*logits"),
        (None, Y, "y must say which output it is of"),
        (None, [Y, Y], "y must say which output it is of"),
        (None, {"embedding": Y}, "a loss is of logits, which y leaves out; y has embedding"),
        ({"embedding": "mse"}, {"logits": Y}, "a metric is of an output that y leaves out; y has logits"),
    ],
)
def test_truth_of_other_outputs(metrics, truth, message):
    build, shape = NETWORKS["classifier"]
    model = compiled(build(), loss={"logits": identity_loss()}, metrics=metrics)
    with pytest.raises(InputError, match=message):
        model.fit(np.zeros(shape), truth, verbose=0)


def test_losses_and_metrics_of_outputs_that_there_are_not():
    images = np.zeros((2, 64, 32, 3), "float32")
    for compiled, truth, message in (
        ({"loss": {"logit": "mse"}}, {"logits": np.zeros((2, 3))}, "a loss is of logit, which the network does not"),
        ({"loss": {"logits": "mse"}}, None, "need the truth, such as"),
        (
            {"loss": {"logits": "mse"}, "metrics": {"accuracy": "accuracy"}},
            {"logits": np.zeros((2, 3))},
            "metrics are of other outputs than the network's .*logits|'accuracy' does not correspond",  # Keras 3.12
        ),
    ):
        network = IAUNet(3, input_shape=(64, 32, 3), width=0.125, depths=(1, 1, 1, 1), block=None)
        network.compile("sgd", **compiled, run_eagerly=True)
        with pytest.raises((InputError, ValueError), match=message):
            network.train_on_batch(images, truth)
