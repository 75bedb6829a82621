"""One step of a small network on a fixed global batch, under the strategy that the command line names; writes the
gradients, what evaluation gives, and the averaged moving statistics.

python replicas.py STRATEGY OUT.npz; `mirrored` takes two logical CPUs, `multi_worker` reads TF_CONFIG.
"""

import sys

import keras
import numpy as np
import tensorflow as tf

from iaunet_tf import IAUNet
from iaunet_tf.config.reid import ReIdLoss, ReIdTrain
from iaunet_tf.distribution.replicas import in_order
from iaunet_tf.distribution.strategy import make_strategy, statistics_averager, synchronize_batch_norms
from iaunet_tf.evaluation.extraction import embedding_function
from iaunet_tf.losses.objective import make_objective
from iaunet_tf.training.step import make_train_step

BATCH = 12


def main(name, out, *flags):
    if name == "mirrored":
        cpu = tf.config.list_physical_devices("CPU")[0]
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    strategy = make_strategy(name, patience=60)
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(1)
    data = {
        "images": rng.uniform(0, 255, (BATCH, 32, 16, 3)).astype("float32"),
        "labels": np.repeat(np.arange(6), 2).astype("int32"),
        "masks": rng.uniform(size=(BATCH, 8, 4, 4)).astype("float32"),
        "teacher": rng.normal(size=(BATCH, 5)).astype("float32"),
        "has_masks": rng.integers(0, 2, BATCH).astype("float32"),
    }
    with strategy.scope():
        model = IAUNet(6, (32, 16, 3), width=0.25, depths=(1, 1, 1, 1), centres="before_neck")
        for layer in model._flatten_layers():
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.trainable = "frozen" not in flags
                layer.gamma.assign(tf.maximum(layer.gamma, 0.2))  # new branches give nothing otherwise
        if "sync" in flags:
            synchronize_batch_norms(model)
        model.compile(optimizer=keras.optimizers.SGD(1.0))
        model.optimizer.build(model.trainable_variables)
        before = [variable.numpy() for variable in model.trainable_variables]
        options = ReIdTrain(batch_size=BATCH, weight_decay=0.0, clip_norm=1.0 if "clip" in flags else 0.0)
        options.accumulate = 2 if "accumulate" in flags else 1
        prototypes = tf.constant(rng.normal(size=(6, 5)).astype("float32"))
        loss = ReIdLoss(margin=2.0, features="before_neck", centre_weight=0.1, circle_weight=0.1, teacher="another")
        losses = make_objective(loss)
        step = make_train_step(
            model, lambda outputs, batch: losses(outputs, {**batch, "prototypes": prototypes}), options
        )

        def share(context):
            size = BATCH // context.num_input_pipelines
            mine = {key: value[context.input_pipeline_id * size :][:size] for key, value in data.items()}
            return tf.data.Dataset.from_tensor_slices(mine).batch(BATCH // strategy.num_replicas_in_sync)

        (batch,) = strategy.distribute_datasets_from_function(share)
        values = step(batch, stop="stop" in flags)
        gradients = [old - new.numpy() for old, new in zip(before, model.trainable_variables, strict=True)]
        statistics_averager(model)()
        embed = embedding_function(model)

        def batches(rows, size):
            return tf.data.Dataset.from_tensor_slices(data["images"][rows]).batch(size)

        embeddings = np.concatenate(list(in_order(embed, 7, 4, batches, "image")))
    arrays = {f"gradient/{v.path}": g for v, g in zip(model.trainable_variables, gradients, strict=True)}
    arrays |= {f"statistic/{v.path}": v.numpy() for v in model.non_trainable_variables if "moving" in v.path}
    np.savez(out, **arrays, **{f"value/{key}": value for key, value in values.items()}, embeddings=embeddings)


if __name__ == "__main__":
    main(*sys.argv[1:])
