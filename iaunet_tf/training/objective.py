"""What a training step minimises."""

import keras
import tensorflow as tf

from iaunet_tf.losses import batch_hard_triplet_loss, part_mask_loss
from iaunet_tf.training.config import LossConfig

PART_ATTENTIONS = ("part_attention_1", "part_attention_2")


def objective(outputs: dict, batch: dict, config: LossConfig, mining: str = "global") -> tuple[tf.Tensor, dict]:
    """The weighted sum of the recipe's losses for one replica's share of a batch.

    Every value is a mean, so that the mean over replicas is the value of the global batch.

    Args:
        outputs: of the network.
        batch: of `train_batches`; `"masks"` without `"has_masks"` are `(H, W, 4)` and everybody's.
        config: weights and kinds of the losses.
        mining: inside `strategy.run`, `"global"` shows the triplet loss the embeddings of all replicas, `"local"` the
            replica's own.

    Returns:
        The total, and the single values by name with it.
    """
    labels = batch["labels"]
    total = cross_entropy(labels, outputs["logits"], config.label_smoothing)
    values = {"id_loss": total}
    if config.triplet_weight:
        mined = labels, outputs["embedding"]
        if mining == "global":
            mined = map(_all_replicas, mined)
        values["triplet_loss"] = batch_hard_triplet_loss(*mined, config.margin, config.distance)
        total += config.triplet_weight * values["triplet_loss"]
    if config.mask_weight and "masks" in batch and PART_ATTENTIONS[0] in outputs:
        per_block = [
            part_mask_loss(outputs[name], batch["masks"], config.mask_mode, batch.get("has_masks"))
            for name in PART_ATTENTIONS
        ]
        values["mask_loss"] = tf.reduce_mean(per_block)
        total += config.mask_weight * values["mask_loss"]
    values["accuracy"] = accuracy(labels, outputs["logits"])
    return total, values


def cross_entropy(labels: tf.Tensor, logits: tf.Tensor, label_smoothing: float) -> tf.Tensor:
    """Mean cross entropy of `(B,)` labels and `(B, classes)` logits."""
    targets = tf.one_hot(labels, logits.shape[-1])
    losses = keras.losses.categorical_crossentropy(targets, logits, from_logits=True, label_smoothing=label_smoothing)
    return tf.reduce_mean(losses)


def accuracy(labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Share of the examples whose highest logit is their label's."""
    return tf.reduce_mean(tf.cast(tf.argmax(logits, axis=-1, output_type=labels.dtype) == labels, "float32"))


def _all_replicas(tensor):
    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return tensor
    return context.all_gather(tensor, axis=0)
