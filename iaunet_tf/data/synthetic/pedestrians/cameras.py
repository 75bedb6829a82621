"""What a camera does to everybody, and what differs from picture to picture."""

import colorsys
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

HEIGHT, WIDTH = 128, 64  # pixels, the size of Market-1501's images
SUPERSAMPLING = 2


@dataclass(frozen=True)
class Camera:
    """What a camera does to everybody."""

    angle: float  # mean direction in which people face, radians; 0 looks into the camera
    spread: float
    gain: float
    gamma: float
    cast: tuple  # factor on each channel
    blur: float  # pixels
    noise: float
    quality: int  # of JPEG
    scale: float  # mean share of the picture's height that the person fills
    sun: float  # -1..1, light from the left or right
    scene: np.ndarray  # background, much larger than a picture

    @classmethod
    def random(cls, rng: np.random.Generator, angle: float) -> "Camera":
        cast = np.exp(rng.normal(0, 0.13, 3))
        return cls(
            angle=angle,
            spread=float(rng.uniform(0.35, 0.8)),
            gain=float(rng.uniform(0.6, 1.25)),
            gamma=float(rng.uniform(0.75, 1.35)),
            cast=tuple(cast / cast.mean()),
            blur=float(rng.uniform(0.2, 1.1)),
            noise=float(rng.uniform(1.5, 6)),
            quality=int(rng.integers(45, 92)),
            scale=float(rng.uniform(0.84, 0.93)),
            sun=float(rng.uniform(-1, 1)),
            scene=_scene(rng),
        )


@dataclass(frozen=True)
class Shot:
    """What differs between pictures of one person in one camera."""

    angle: float  # direction in which the person faces, radians
    phase: float  # of the gait, radians
    stride: float  # 0 stands, 1 walks
    x: float  # shift of the person's centre, share of the picture's width
    y: float  # shift of the soles, share of the picture's height
    scale: float  # share of the picture's height that the person fills
    light: float  # factor
    background: tuple[float, float]  # where in the scene, 0..1
    occluder: int | None  # seed of what stands in front, if anything does
    passer: int | None  # seed of somebody behind, if anybody is
    noise: int  # seed of the sensor's noise
    crossing: tuple[int, float] | None = None  # seed of who or what passes in front, and its distance from the person

    @classmethod
    def random(cls, rng: np.random.Generator, camera: Camera, angle: float | None = None) -> "Shot":
        """A random moment; `angle` is the direction of walk where it is already known."""
        if angle is None:
            angle = rng.normal(camera.angle, camera.spread)
        seed = int(rng.integers(2**31))
        return cls(
            angle=float(angle + rng.normal(0, 0.15)),
            phase=float(rng.uniform(0, 2 * np.pi)),
            stride=float(rng.choice([0.15, 0.8, 1.0])),
            x=float(rng.normal(0, 0.05)),
            y=float(rng.normal(0, 0.02)),
            scale=float(camera.scale * np.exp(rng.normal(0, 0.06))),
            light=float(np.exp(rng.normal(0, 0.1))),
            background=tuple(rng.random(2)),
            occluder=seed if rng.random() < 0.25 else None,
            passer=seed + 1 if rng.random() < 0.15 else None,
            noise=seed + 2,
        )


def background(camera: Camera, shot: Shot, size: tuple[int, int]) -> Image.Image:
    """The part of the scene behind the person, `size` canvas pixels."""
    height, width = camera.scene.shape[:2]
    x = int(shot.background[0] * (width - size[0]))
    y = int(shot.background[1] * (height - size[1]))
    return Image.fromarray(camera.scene[y : y + size[1], x : x + size[0]])


def sensor(picture: Image.Image, camera: Camera, shot: Shot) -> Image.Image:
    """Light, colour cast, blur and noise."""
    picture = picture.filter(ImageFilter.GaussianBlur(camera.blur))
    rgb = np.asarray(picture).astype("float32") / 255
    rgb = rgb**camera.gamma * camera.gain * shot.light * np.asarray(camera.cast, "float32")
    rgb = rgb * 255 + np.random.default_rng(shot.noise).normal(0, camera.noise, rgb.shape)
    return Image.fromarray(np.clip(rgb, 0, 255).round().astype("uint8"))


def _scene(rng: np.random.Generator) -> np.ndarray:
    """A wall above a floor with doors, posts and tiles; `(2·H, 6·W, 3)` canvas pixels of uint8."""
    width, height = 6 * WIDTH * SUPERSAMPLING, 2 * HEIGHT * SUPERSAMPLING

    def tone():
        colour = colorsys.hsv_to_rgb(rng.random(), rng.uniform(0, 0.25), rng.uniform(0.3, 0.85))
        return tuple(round(255 * channel) for channel in colour)

    scene = Image.new("RGB", (width, height), tone())
    draw = ImageDraw.Draw(scene)
    horizon = int(height * rng.uniform(0.35, 0.6))
    for _ in range(int(rng.integers(6, 14))):  # doors, windows, shelves
        x, y = rng.uniform(0, width), rng.uniform(-0.1, 0.9) * horizon
        draw.rectangle((x, y, x + rng.uniform(20, 160), y + rng.uniform(30, 200)), fill=tone())
    draw.rectangle((0, horizon, width, height), fill=tone())
    line = tone()
    gap = int(rng.integers(18, 60))
    for y in range(horizon, height, gap):  # tiles
        draw.line((0, y, width, y), fill=line, width=2)
    if rng.random() < 0.6:
        for x in range(0, width, 2 * gap):
            draw.line((x, horizon, x + (x - width / 2) * 0.4, height), fill=line, width=2)
    for _ in range(int(rng.integers(0, 4))):  # posts
        x = rng.uniform(0, width)
        draw.rectangle((x, 0, x + rng.uniform(6, 20), height * 0.8), fill=tone())
    grain = rng.normal(0, 6, (height, width, 1))
    return np.clip(np.asarray(scene) + grain, 0, 255).astype("uint8")
