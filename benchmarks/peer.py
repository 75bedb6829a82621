"""IAUnet and its training step, compared with a transcription of the paper in PyTorch, where that is installed."""

from functools import partial

import keras
import numpy as np

from benchmarks.step import BATCH, CLASSES, PRECISIONS, SHAPE, random_batch, training_step
from benchmarks.timing import interleaved
from iaunet_tf import IAUNet
from iaunet_tf.evaluation.extraction import embedding_function


def main(rounds: int = 3) -> None:
    """Prints images/s of inference and of a training step with all three losses, and ratios, in float32 and bfloat16,
    for batches of 16 at 256×128."""
    batch = random_batch()
    peers = _peers(batch)
    if not peers:
        print("PyTorch is not installed, and its rows are left out: pip install torch==2.13.0")
    for precision in PRECISIONS:
        keras.config.set_dtype_policy(precision)
        embed = embedding_function(IAUNet(CLASSES, SHAPE))
        actions = {
            f"inference, {precision}": lambda embed=embed: embed(batch["images"]).numpy(),
            f"training step, {precision}": training_step(IAUNet(CLASSES, SHAPE), batch),
        }
        for name, action in actions.items():
            pair = {"iaunet-tf": action}
            if name in peers:
                pair["PyTorch"] = peers[name]
            seconds = interleaved(pair, rounds)
            figures = ", ".join(f"{what} {BATCH / value:.1f} images/s" for what, value in seconds.items())
            ratio = f", ratio {seconds['PyTorch'] / seconds['iaunet-tf']:.2f}" if name in peers else ""
            print(f"{name:30}{figures}{ratio}", flush=True)
    keras.config.set_dtype_policy("float32")


def _peers(batch):
    """What does in PyTorch what ours do, by the same names; nothing where PyTorch is not installed."""
    try:
        import torch
    except ImportError:
        return {}
    from tests.weights.torch_reference import Network, fill

    torch.set_flush_denormal(True)  # as TensorFlow does
    names = ("images", "labels", "masks_1", "masks_2")
    images, labels, *masks = (torch.tensor(np.array(batch[name])) for name in names)
    actions = {}
    for precision in PRECISIONS:
        kind = partial(torch.autocast, "cpu", torch.bfloat16, enabled=precision != "float32")
        network = fill(Network(CLASSES))

        def embed(network=network, kind=kind):
            with torch.inference_mode(), kind():
                return network(images)["embedding"].float().numpy()

        actions[f"inference, {precision}"] = embed
        actions[f"training step, {precision}"] = _training_step(
            fill(Network(CLASSES)), images, labels.long(), masks, kind
        )
    return actions


def _training_step(network, images, labels, masks, kind):
    import torch
    from torch.nn import functional as F

    network.train()
    optimizer = torch.optim.Adam(network.parameters(), 3.5e-4, weight_decay=5e-4)
    same = labels[:, None] == labels

    def step():
        with kind():
            outputs = network(images)
            vectors = F.normalize(outputs["embedding"].float())
            distances = 1 - vectors @ vectors.T
            hardest = (distances * same).amax(1) - (distances + 9 * same).amin(1)
            loss = F.cross_entropy(outputs["logits"].float(), labels, label_smoothing=0.1)
            loss = loss + F.relu(hardest + 0.3).mean()
            for number, truth in enumerate(masks, 1):
                attention = outputs[f"part_attention_{number}"].float().clamp(1e-6, 1 - 1e-6)
                loss = loss - (truth * attention.log() + (1 - truth) * (1 - attention).log()).mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        return loss.item()

    return step
