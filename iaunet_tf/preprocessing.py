"""What is done to RGB pixels in 0..255 before a network sees them: `(pixel / 255 - mean) / std`, by names for both."""

import numpy as np

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
# Mean and standard deviation, RGB in 0..1; "none" leaves pixels in 0..255, "255" brings them to 0..1.
SCALES = {
    "none": ((0.0,) * 3, (1 / 255,) * 3),
    "255": ((0.0,) * 3, (1.0,) * 3),
    "half": ((0.5,) * 3, (0.5,) * 3),
    "imagenet": (IMAGENET_MEAN, IMAGENET_STD),
}
INTERPOLATIONS = ("bicubic", "bilinear")  # Pillow's, which average when they shrink
COLOURS = ("rgb", "bgr")


def normalise(pixels: np.ndarray, scale: str) -> np.ndarray:
    """Scales RGB pixels in 0..255 `(..., 3)`; those of scale `"none"` are returned as they are."""
    if scale == "none":
        return pixels
    result = np.empty(pixels.shape, "float32")
    # NumPy is slow along an axis of three.
    for channel, (mean, std) in enumerate(zip(*SCALES[scale], strict=True)):
        shares = pixels[..., channel].astype("float32") / np.float32(255)
        result[..., channel] = (shares.astype("float64") - mean) / std
    return result
