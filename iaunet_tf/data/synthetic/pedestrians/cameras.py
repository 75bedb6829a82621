"""Properties of cameras and of single shots."""

import colorsys
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

HEIGHT, WIDTH = 128, 64  # in pixels, the image size of Market-1501
SUPERSAMPLING = 2


@dataclass(frozen=True)
class Camera:
    """Properties of a camera, constant across people."""

    angle: float  # mean direction that people face, in radians; 0 is towards the camera
    spread: float  # standard deviation of that direction, in radians
    gain: float
    gamma: float
    cast: tuple  # colour cast, a factor per channel
    blur: float  # in pixels
    noise: float  # standard deviation in grey levels
    quality: int  # JPEG quality
    scale: float  # mean fraction of the image height that a person fills
    sun: float  # direction of the light, -1 (left) to 1 (right)
    scene: np.ndarray  # background, much larger than an image

    @classmethod
    def random(cls, rng: np.random.Generator, angle: float) -> "Camera":
        cast = np.exp(rng.normal(0, 0.13, 3))
        return cls(
            angle=angle,
            spread=rng.uniform(0.35, 0.8),
            gain=rng.uniform(0.6, 1.25),
            gamma=rng.uniform(0.75, 1.35),
            cast=tuple(cast / cast.mean()),
            blur=rng.uniform(0.2, 1.1),
            noise=rng.uniform(1.5, 6),
            quality=int(rng.integers(45, 92)),
            scale=rng.uniform(0.84, 0.93),
            sun=rng.uniform(-1, 1),
            scene=scenery(rng),
        )

    def at_dusk(self) -> "Camera":
        """The camera in bad light: dark, bluish and noisy, each camera in its own way."""
        cast = tuple(channel**2 * blue for channel, blue in zip(self.cast, (0.8, 0.95, 1.25), strict=True))
        darker = {"gain": 0.6 * self.gain, "gamma": 1.15 * self.gamma, "cast": cast}
        return replace(self, **darker, noise=self.noise + 4, blur=self.blur + 0.4, quality=self.quality - 10)


@dataclass(frozen=True)
class Shot:
    """Properties that vary between images of the same person in the same camera."""

    angle: float  # direction that the person faces, in radians
    phase: float  # phase of the gait, in radians
    stride: float  # 0 for standing, 1 for walking
    x: float  # horizontal shift of the person, as a fraction of the image width
    y: float  # vertical shift of the soles, as a fraction of the image height
    scale: float  # fraction of the image height that the person fills
    light: float  # brightness factor
    background: tuple[float, float]  # position in the scene, 0..1
    occluder: int | None  # seed of a static occluder, if any
    passer: int | None  # seed of another person in the background, if any
    noise: int  # seed of the sensor noise
    crossing: tuple[int, float] | None = None  # seed of a moving occluder, and its distance from the person

    @classmethod
    def random(cls, rng: np.random.Generator, camera: Camera, angle: float | None = None) -> "Shot":
        """A random shot; the person walks at `angle` in radians, by default a random one."""
        if angle is None:
            angle = rng.normal(camera.angle, camera.spread)
        seed = int(rng.integers(2**31))
        return cls(
            angle=float(angle + rng.normal(0, 0.15)),
            phase=rng.uniform(0, 2 * np.pi),
            stride=float(rng.choice([0.15, 0.8, 1.0])),
            x=rng.normal(0, 0.05),
            y=rng.normal(0, 0.02),
            scale=float(camera.scale * np.exp(rng.normal(0, 0.06))),
            light=float(np.exp(rng.normal(0, 0.1))),
            background=tuple(rng.random(2)),
            occluder=seed if rng.random() < 0.25 else None,
            passer=seed + 1 if rng.random() < 0.15 else None,
            noise=seed + 2,
        )


def background(camera: Camera, shot: Shot, size: tuple[int, int]) -> Image.Image:
    """Crops the part of the scene behind the person, of `size` (width, height) in canvas pixels."""
    height, width = camera.scene.shape[:2]
    x = int(shot.background[0] * (width - size[0]))
    y = int(shot.background[1] * (height - size[1]))
    return Image.fromarray(camera.scene[y : y + size[1], x : x + size[0]])


def sensor(picture: Image.Image, camera: Camera, shot: Shot) -> Image.Image:
    """Applies the lighting, colour cast, blur and noise of a camera to an image."""
    picture = picture.filter(ImageFilter.GaussianBlur(camera.blur))
    rgb = np.asarray(picture).astype("float32") / 255
    rgb = rgb**camera.gamma * camera.gain * shot.light * np.asarray(camera.cast, "float32")
    rgb = rgb * 255 + np.random.default_rng(shot.noise).normal(0, camera.noise, rgb.shape)
    return Image.fromarray(np.clip(rgb, 0, 255).round().astype("uint8"))


def scenery(rng: np.random.Generator, horizon: float | None = None) -> np.ndarray:
    """Draws a wall and a floor with doors, posts and tiles: uint8 `(4·H, 12·W, 3)` for images of `(H, W)`.

    The floor begins at `horizon`, a fraction of the height, by default a random one.
    """
    width, height = 6 * WIDTH * SUPERSAMPLING, 2 * HEIGHT * SUPERSAMPLING

    def tone():
        colour = colorsys.hsv_to_rgb(rng.random(), rng.uniform(0, 0.25), rng.uniform(0.3, 0.85))
        return tuple(round(255 * channel) for channel in colour)

    scene = Image.new("RGB", (width, height), tone())
    draw = ImageDraw.Draw(scene)
    drawn = rng.uniform(0.35, 0.6)  # always, so that what follows does not depend on `horizon`
    horizon = int(height * (drawn if horizon is None else horizon))
    for _ in range(int(rng.integers(6, 14))):  # doors, windows, shelves
        x, y = rng.uniform(0, width), rng.uniform(-0.1, 0.9) * horizon
        draw.rectangle((x, y, x + rng.uniform(20, 160), y + rng.uniform(30, 200)), fill=tone())
    draw.rectangle((0, horizon, width, height), fill=tone())
    line, gap = tone(), int(rng.integers(18, 60))
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
