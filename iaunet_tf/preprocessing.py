"""How pixels in 0..255 become the network's units: `(pixel / 255 - mean) / std`, per RGB channel."""

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
