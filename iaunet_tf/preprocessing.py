"""Normalisation of RGB pixels in 0..255 with the ImageNet statistics: `(pixel / 255 - mean) / std` per channel."""

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
