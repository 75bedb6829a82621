"""Computes reference/: weights of small networks, and images with the networks' outputs, by torch_reference.py.

Needs PyTorch, of which 2.13.0 made the stored files, NumPy and safetensors, but no TensorFlow. By hand, from the
repository's root: `python tests/weights/make_reference.py`. Weights and images are seeded, the outputs float64.
"""

import numpy as np
import torch
from cases import CASES, CLASSES, REFERENCE, WIDTH, weights_of
from safetensors.torch import save_file
from torch_reference import Network, fill

REFERENCE.mkdir(exist_ok=True)
for case, (options, shape) in CASES.items():
    network = fill(Network(CLASSES, width=WIDTH, **options))
    save_file(network.state_dict(), weights_of(**options))
    # float16 halves the size of the files.
    images = np.random.default_rng(0).uniform(0, 255, shape).astype("float16")
    with torch.no_grad():
        outputs = network.double()(torch.tensor(images, dtype=torch.float64))
    arrays = {f"output/{name}": output.numpy() for name, output in outputs.items()}
    np.savez_compressed(REFERENCE / f"{case}.npz", images=images, **arrays)
