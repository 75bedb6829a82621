"""A detector that errs, for those who want to measure with one."""

import numpy as np

from iaunet_tf.data.synthetic.world.scenes import Seen
from iaunet_tf.data.synthetic.world.views import ASPECT, HEIGHT, WIDTH

FALSE = 0.1  # false detections in a frame, on average


def noisy(seen: list[Seen], rng: np.random.Generator) -> np.ndarray:
    """Detections in a frame: left, top, width, height in pixels and a confidence 0..1, float64 `(N, 5)`.

    Of people in full view 2 % are missed, of those in half view every fifth, of those almost hidden nearly all. Boxes
    are off by about 4 % of their size, and in one frame in ten there is a box where nobody is.
    """
    found = []
    for person in seen:
        if rng.random() < min(0.98, 1.6 * person.visibility):
            left, top, width, height = person.box
            centre = np.array([left + width / 2, top + height / 2]) + rng.normal(0, 0.04, 2) * (width, height)
            size = (width, height) * np.exp(rng.normal(0, 0.05, 2))
            found.append((*centre, *size, rng.normal(0.45 + 0.45 * person.visibility, 0.07)))
    for _ in range(rng.poisson(FALSE)):
        height = rng.uniform(60, 160)
        size = ASPECT * height * rng.uniform(0.8, 1.2), height
        found.append((rng.uniform(0, WIDTH), rng.uniform(0.4, 0.7) * HEIGHT, *size, rng.normal(0.5, 0.1)))
    found = np.array(found).reshape(-1, 5)
    start = np.clip(found[:, :2] - found[:, 2:4] / 2, 0, (WIDTH, HEIGHT))
    end = np.clip(found[:, :2] + found[:, 2:4] / 2, 0, (WIDTH, HEIGHT))
    boxes = np.concatenate([start, end - start, np.clip(found[:, 4:], 0.05, 0.99)], axis=1)
    return boxes[(boxes[:, 2:4] >= 1).all(1)]
