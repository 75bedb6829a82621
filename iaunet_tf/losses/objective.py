"""What a training step of re-identification minimises: a table of weighted losses."""

import functools
import operator
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from iaunet_tf.distribution.replicas import all_replicas
from iaunet_tf.losses.centre import centre_loss
from iaunet_tf.losses.circle import circle_loss
from iaunet_tf.losses.cross_entropy import accuracy, cross_entropy
from iaunet_tf.losses.distillation import relational_loss, soft_label_loss
from iaunet_tf.losses.margin_softmax import margin_softmax_loss
from iaunet_tf.losses.part_masks import part_mask_loss
from iaunet_tf.losses.triplet import batch_hard_triplet_loss
from iaunet_tf.losses.weighted_triplet import weighted_triplet_loss


def part_attentions(outputs: Iterable[str]) -> list[str]:
    """The names of the part attentions among those of a network's outputs, in the order of the blocks."""
    return sorted(name for name in outputs if name.startswith("part_attention_"))


@dataclass(frozen=True)
class Term:
    """A weighted loss.

    It maps labels `(B,)`, outputs, batch and the configuration's `loss` section to a scalar, a
    mean, or to None where the network or the batch has nothing to compute it from.
    """

    loss: Callable
    weight: Callable[[Any], float]  # from the `loss` section; 0 leaves it out
    mined: bool = False  # sees all replicas' labels, features and teacher if `train.mining` is global


def _identity(labels, outputs, batch, options):
    if options.softmax == "plain":
        return cross_entropy(labels, outputs["logits"], options.label_smoothing)
    margin = options.softmax_margin, options.softmax_scale, options.label_smoothing
    return margin_softmax_loss(labels, outputs["logits"], options.softmax, *margin)


def _triplet(labels, outputs, batch, options):
    if options.triplet == "weighted":
        return weighted_triplet_loss(labels, outputs["features"], options.distance)
    return batch_hard_triplet_loss(labels, outputs["features"], options.margin, options.distance)


def _circle(labels, outputs, batch, options):
    return circle_loss(labels, outputs["features"], options.circle_margin, options.circle_scale)


def _centre(labels, outputs, batch, options):
    return centre_loss(labels, outputs["centre_distances"])


def _relational(labels, outputs, batch, options):
    return relational_loss(outputs["teacher"], outputs["embedding"])


def _soft_labels(labels, outputs, batch, options):
    """The teacher's logits are cosines with its mean embedding of each identity."""
    cosines = tf.matmul(batch["teacher"], batch["prototypes"], transpose_b=True)
    scale = 1.0 if options.softmax == "plain" else options.softmax_scale
    return soft_label_loss(cosines / options.teacher_temperature, scale * outputs["logits"])


def _part_masks(labels, outputs, batch, options):
    weights, each = batch.get("has_masks"), []
    for number, name in enumerate(part_attentions(outputs), 1):
        masks = batch.get(f"masks_{number}", batch.get("masks"))
        if masks is not None:
            each.append(part_mask_loss(masks, outputs[name], options.mask_mode, weights))
    return tf.reduce_mean(each) if each else None


LOSSES: dict[str, Term] = {
    "id_loss": Term(_identity, lambda options: 1.0),
    "triplet_loss": Term(_triplet, lambda options: options.triplet_weight, mined=True),
    "circle_loss": Term(_circle, lambda options: options.circle_weight, mined=True),
    "centre_loss": Term(_centre, lambda options: options.centre_weight),
    "relational_loss": Term(_relational, lambda options: options.teacher and options.teacher_distances, mined=True),
    "soft_label_loss": Term(_soft_labels, lambda options: options.teacher and options.teacher_labels),
    "mask_loss": Term(_part_masks, lambda options: options.mask_weight),
}


# What mined losses see of the outputs and the teacher.
SEEN = {_triplet: ("features",), _circle: ("features",), _relational: ("embedding", "teacher")}


def make_objective(options, mining: str = "global") -> Callable[[dict, dict], tuple[tf.Tensor, dict]]:
    """Makes the weighted sum of the losses, under the configuration's `loss` section as `options`.

    The function takes the network's outputs and one replica's share of a batch (`"masks_1"` are those of the first
    block; `"masks"` are everybody's and every block's, `(H, W, 4)` without `"has_masks"`; of a teacher, `"teacher"`
    `(B, D)` are its embeddings of length 1, `"prototypes"` `(K, D)` those of the identities) to the sum, and to its
    terms and the accuracy by name. Every value is a mean, so that the mean over replicas is that of the global batch.
    Inside `strategy.run`, mined losses see all replicas' embeddings, with `mining` local their own.
    """

    def objective(outputs, batch):
        values, weighted = {}, []
        own = {**outputs, "features": outputs[options.features]}
        if "teacher" in batch:
            own["teacher"] = batch["teacher"]
        for name, term in LOSSES.items():
            weight, labels, given = term.weight(options), batch["labels"], own
            if not weight:
                continue
            if term.mined and mining == "global":
                labels = all_replicas(labels)
                given = {name: all_replicas(own[name]) for name in SEEN[term.loss]}
            value = term.loss(labels, given, batch, options)
            if value is not None:
                values[name] = value
                # A product with 1 would let TensorFlow add in another order.
                weighted.append(value if weight == 1 else weight * value)
        total = functools.reduce(operator.add, weighted)
        return total, {**values, "accuracy": accuracy(batch["labels"], outputs["logits"])}

    return objective
