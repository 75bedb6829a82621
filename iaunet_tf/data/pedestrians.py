"""Drawn pedestrians: who they are, what a camera does to them, and a picture with its exact part masks.

A `Person` holds what stays the same across cameras, a `Camera` what stays the same across people, a `Shot`
what differs from picture to picture. `render` puts the three together. All lengths are fractions of the
person's height unless they are said to be pixels; all colours are RGB in 0..255.
"""

import colorsys
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

HEIGHT, WIDTH = 128, 64  # pixels, the size of Market-1501's images
SUPERSAMPLING = 2

# Labels of the drawing; the parts are those of the authors' masks, in the network's order.
PARTS = ("head", "upper_clothes", "lower_clothes", "shoes")
BACKGROUND, HEAD, UPPER, LOWER, SHOES, CARRIED = range(6)

CLOTHES = [  # hue, saturation, value, how often
    (0.00, 0.00, 0.10, 5),  # black
    (0.00, 0.00, 0.42, 4),  # grey
    (0.00, 0.00, 0.92, 4),  # white
    (0.62, 0.70, 0.28, 4),  # navy
    (0.59, 0.55, 0.55, 3),  # denim
    (0.58, 0.60, 0.85, 2),  # light blue
    (0.99, 0.80, 0.70, 3),  # red
    (0.97, 0.45, 0.85, 1),  # pink
    (0.07, 0.85, 0.88, 1),  # orange
    (0.14, 0.75, 0.90, 1),  # yellow
    (0.33, 0.55, 0.40, 2),  # green
    (0.22, 0.45, 0.35, 2),  # olive
    (0.09, 0.40, 0.72, 2),  # beige
    (0.06, 0.60, 0.35, 2),  # brown
    (0.78, 0.50, 0.50, 1),  # purple
    (0.48, 0.65, 0.55, 1),  # teal
]
SKIN = [(245, 208, 182), (226, 178, 146), (196, 142, 106), (143, 96, 66), (92, 60, 42)]
HAIR = [(24, 20, 18), (58, 38, 26), (104, 70, 42), (190, 156, 98), (140, 62, 36), (150, 150, 150)]

PATTERNS = ("plain", "plain", "plain", "rings", "pinstripes", "checks", "dots", "block", "sides")
UPPER_CUTS = ("tshirt", "longsleeve", "longsleeve", "jacket", "coat", "hoodie")
LOWER_CUTS = ("trousers", "trousers", "trousers", "shorts", "skirt", "longskirt")
HAIR_CUTS = ("short", "short", "bald", "long", "bun", "ponytail")
HATS = ("none", "none", "none", "cap", "beanie", "brim")
BAGS = ("none", "none", "backpack", "backpack", "shoulder", "handbag")
LOGOS = ("none", "disc", "square", "bar", "triangle", "ring")


def pick(rng: np.random.Generator, options):
    return options[int(rng.integers(len(options)))]


def clothes_colour(rng: np.random.Generator) -> tuple[int, int, int]:
    weights = np.array([entry[3] for entry in CLOTHES], float)
    hue, saturation, value, _ = CLOTHES[rng.choice(len(CLOTHES), p=weights / weights.sum())]
    saturation = np.clip(saturation + rng.normal(0, 0.04), 0, 1)
    value = np.clip(value + rng.normal(0, 0.04), 0.04, 0.97)
    rgb = colorsys.hsv_to_rgb((hue + rng.normal(0, 0.01)) % 1, saturation, value)
    return tuple(round(255 * channel) for channel in rgb)


@dataclass(frozen=True)
class Garment:
    cut: str
    colour: tuple
    second: tuple  # of the pattern, the inner shirt, the trim
    pattern: str
    pitch: float  # of the pattern


@dataclass(frozen=True)
class Person:
    """What makes somebody recognisable."""

    build: float  # width relative to the average
    legs: float  # length of the legs relative to the average
    skin: tuple
    hair_cut: str
    hair: tuple
    hat: str
    hat_colour: tuple
    upper: Garment
    lower: Garment
    shoes: tuple
    soles: tuple
    boots: bool
    bag: str
    bag_colour: tuple
    front_logo: str
    back_logo: str
    logo_colour: tuple

    @classmethod
    def random(cls, rng: np.random.Generator) -> "Person":
        def garment(cuts):
            return Garment(
                pick(rng, cuts),
                clothes_colour(rng),
                clothes_colour(rng),
                pick(rng, PATTERNS),
                rng.uniform(0.035, 0.07),
            )

        return cls(
            build=float(rng.uniform(0.82, 1.25)),
            legs=float(rng.uniform(0.93, 1.07)),
            skin=pick(rng, SKIN),
            hair_cut=pick(rng, HAIR_CUTS),
            hair=pick(rng, HAIR),
            hat=pick(rng, HATS),
            hat_colour=clothes_colour(rng),
            upper=garment(UPPER_CUTS),
            lower=garment(LOWER_CUTS),
            shoes=clothes_colour(rng),
            soles=pick(rng, [(235, 235, 235), (40, 40, 40), (150, 110, 70)]),
            boots=bool(rng.random() < 0.2),
            bag=pick(rng, BAGS),
            bag_colour=clothes_colour(rng),
            front_logo=pick(rng, LOGOS),
            back_logo=pick(rng, LOGOS),
            logo_colour=clothes_colour(rng),
        )

    def dressed_like(self, other: "Person") -> "Person":
        """The same person in somebody else's clothes: head, build, shoes, bag and logo tell them apart."""
        return replace(self, upper=other.upper, lower=other.lower)


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


def render(person: Person, camera: Camera, shot: Shot) -> tuple[Image.Image, np.ndarray]:
    """Takes the picture.

    Returns:
        The picture, RGB, 64×128 pixels, before JPEG; and its labels, uint8 `(128, 64)`, see `PARTS`.
    """
    size = (WIDTH * SUPERSAMPLING, HEIGHT * SUPERSAMPLING)
    canvas = _Canvas(_background(camera, shot, size))
    if shot.passer is not None:
        _draw_passer(canvas, camera, shot)
    figure = _Figure(canvas, person, shot, camera.sun)
    figure.draw()
    if shot.occluder is not None:
        _draw_occluder(canvas, np.random.default_rng(shot.occluder))

    labels = _reduce_labels(np.asarray(canvas.labels))
    picture = canvas.rgb.resize((WIDTH, HEIGHT), Image.Resampling.BOX)
    return _sensor(picture, camera, shot), labels


# --- drawing ----------------------------------------------------------------------------------------


class _Canvas:
    """A picture and its label map, drawn together."""

    def __init__(self, background: Image.Image):
        self.rgb = background
        self.labels = Image.new("L", background.size, BACKGROUND)
        self._rgb = ImageDraw.Draw(self.rgb)
        self._labels = ImageDraw.Draw(self.labels)

    def _both(self, shape, fill, label, draw):
        if isinstance(fill, Image.Image):  # a texture of the canvas' size
            mask = Image.new("1", self.rgb.size)
            draw(ImageDraw.Draw(mask), shape, 1)
            self.rgb.paste(fill, mask=mask)
        else:
            draw(self._rgb, shape, tuple(fill))
        draw(self._labels, shape, label)

    def polygon(self, points, fill, label):
        self._both([tuple(p) for p in points], fill, label, lambda d, s, f: d.polygon(s, fill=f))

    def ellipse(self, x, y, rx, ry, fill, label):
        box = (x - rx, y - ry, x + rx, y + ry)
        self._both(box, fill, label, lambda d, s, f: d.ellipse(s, fill=f))

    def limb(self, start, end, start_width, end_width, fill, label):
        """A tapered stroke with round ends; widths are diameters."""
        start, end = np.asarray(start, float), np.asarray(end, float)
        along = end - start
        normal = np.array([-along[1], along[0]]) / max(float(np.hypot(*along)), 1e-6) / 2
        a, b = normal * start_width, normal * end_width
        self.polygon([start + a, end + b, end - b, start - a], fill, label)
        self.ellipse(*start, start_width / 2, start_width / 2, fill, label)
        self.ellipse(*end, end_width / 2, end_width / 2, fill, label)


def _shade(colour, factor):
    return tuple(int(np.clip(channel * factor, 0, 255)) for channel in colour)


def _texture(garment: Garment, size, centre: float, top: float, unit: float, turn: float):
    """The garment's fabric over the whole canvas; a plain one is just its colour."""
    if garment.pattern == "plain":
        return garment.colour
    y, x = np.mgrid[: size[1], : size[0]].astype("float32")
    u, v = (x - centre) / unit + 0.06 * turn, (y - top) / unit
    pitch = garment.pitch
    if garment.pattern == "rings":
        second = (v / pitch) % 1 < 0.45
    elif garment.pattern == "pinstripes":
        second = (u / pitch) % 1 < 0.35
    elif garment.pattern == "checks":
        second = ((u / pitch) % 1 < 0.5) ^ ((v / pitch) % 1 < 0.5)
    elif garment.pattern == "dots":
        second = ((u / pitch) % 1 - 0.5) ** 2 + ((v / pitch) % 1 - 0.5) ** 2 < 0.08
    elif garment.pattern == "block":
        second = v > 6 * pitch
    else:  # sides
        second = np.abs((x - centre) / unit) > 0.055
    fabric = np.where(second[..., None], garment.second, garment.colour)
    return Image.fromarray(fabric.astype("uint8"))


class _Figure:
    """One person on a canvas. `self.at` turns body coordinates, x to the right of the spine and y down from
    the crown in units of the person's height, into canvas pixels."""

    def __init__(self, canvas: _Canvas, person: Person, shot: Shot, sun: float):
        width, height = canvas.rgb.size
        self.canvas, self.person, self.shot, self.sun = canvas, person, shot, sun
        self.unit = shot.scale * height
        self.centre = width * (0.5 + shot.x)
        self.top = height * (0.965 + shot.y) - self.unit
        self.front, self.side = np.cos(shot.angle), np.sin(shot.angle)
        # A body is deeper than it is flat: half as wide from the side.
        self.broad = person.build * np.sqrt(self.front**2 + (0.58 * self.side) ** 2)
        self.hip = 0.5 - 0.04 * (person.legs - 1) * 10
        self.swing = 0.42 * shot.stride * np.sin(shot.phase)

    def at(self, x, y):
        return np.array([self.centre + x * self.unit, self.top + y * self.unit])

    def draw(self):
        canvas, unit = self.canvas, self.unit
        canvas.ellipse(*self.at(0.02, 0.99), 0.2 * unit, 0.03 * unit, (58, 58, 60), BACKGROUND)
        before = np.asarray(canvas.labels).copy()
        far, near = (-1, 1) if self.side >= 0 else (1, -1)
        facing_away = self.front < 0
        if self.person.bag == "backpack" and not facing_away:
            self._backpack()
        self._arm(far)
        self._leg(far)
        self._leg(near)
        self._skirt()
        self._torso()
        self._head()
        if self.person.bag == "shoulder":
            self._shoulder_bag()
        if self.person.bag == "backpack" and facing_away:
            self._backpack()
        self._arm(near)
        self._light(np.asarray(canvas.labels) != before)

    def _joint(self, start, angle, length):
        """Where a limb ends that hangs at `angle` from the vertical, in the plane of the walk."""
        return start + length * np.array([np.sin(angle) * self.side, np.cos(angle)])

    def _leg(self, which):
        person = self.person
        swing = self.swing * which
        hip = np.array([0.045 * which * person.build * abs(self.front), self.hip])
        shin = (0.97 - self.hip) * 0.52
        knee = self._joint(hip, swing, 0.97 - self.hip - shin)
        # The leg behind bends.
        ankle = self._joint(knee, swing - max(0.0, -swing) * 0.9, shin)
        ankle[1] = min(ankle[1], 0.955)
        thigh, calf, foot = 0.095 * person.build, 0.062 * person.build, 0.045

        cut = person.lower.cut
        fabric = self._fabric(person.lower)
        bare = cut in ("skirt", "shorts")
        self._limb(hip, knee, thigh, calf * 1.15, person.skin if cut == "skirt" else fabric, LOWER)
        if cut == "shorts":
            middle = hip + 0.8 * (knee - hip)
            self._limb(knee, ankle, calf, foot, person.skin, LOWER)
            self._limb(hip, middle, thigh, thigh, fabric, LOWER)
        else:
            self._limb(knee, ankle, calf, foot, person.skin if bare else fabric, LOWER)

        toe = ankle + np.array([0.05 * self.side, 0.018 + 0.012 * max(self.front, 0)])
        if person.boots:
            self._limb(ankle - 0.35 * (ankle - knee), ankle, 0.058, 0.05, person.shoes, SHOES)
        self._limb(ankle + (0, 0.018), toe + (0, 0.012), 0.042, 0.03, person.soles, SHOES)
        self._limb(ankle, toe, 0.05, 0.034, person.shoes, SHOES)

    def _arm(self, which):
        person = self.person
        swing = -0.75 * self.swing * which
        shoulder = np.array([0.105 * which * person.build * abs(self.front), 0.205])
        outward = np.array([0.035 * which * abs(self.front), 0.0])
        elbow = self._joint(shoulder, swing, 0.15) + outward
        wrist = self._joint(elbow, swing + 0.25 * self.shot.stride, 0.14) + 0.3 * outward
        bulk = (1.3 if person.upper.cut in ("coat", "jacket", "hoodie") else 1.0) * person.build
        sleeve = self._fabric(person.upper)
        if person.upper.cut == "tshirt":
            self._limb(shoulder, elbow, 0.052 * person.build, 0.042, person.skin, UPPER)
            self._limb(elbow, wrist, 0.042, 0.034, person.skin, UPPER)
            self._limb(shoulder, 0.45 * shoulder + 0.55 * elbow, 0.062 * bulk, 0.058 * bulk, sleeve, UPPER)
        else:
            self._limb(shoulder, elbow, 0.06 * bulk, 0.052 * bulk, sleeve, UPPER)
            self._limb(elbow, wrist, 0.052 * bulk, 0.042 * bulk, sleeve, UPPER)
        hand = wrist + (0.0, 0.02)
        self._ellipse(hand, 0.019, 0.024, person.skin, UPPER)
        if person.bag == "handbag" and which == 1:
            self._limb(hand, hand + (0, 0.05), 0.01, 0.01, _shade(person.bag_colour, 0.6), CARRIED)
            self._box(hand + (0, 0.1), 0.05, 0.05, person.bag_colour, CARRIED)

    def _torso(self):
        person = self.person
        cut, broad = person.upper.cut, self.broad
        hem = {"coat": self.hip + 0.17, "hoodie": self.hip + 0.04}.get(cut, self.hip + 0.02)
        wide = 1.1 if cut in ("coat", "jacket", "hoodie") else 1.0
        shoulder, waist, bottom = 0.125 * broad * wide, 0.1 * broad * wide, 0.108 * broad * wide
        if cut == "coat":
            bottom *= 1.15
        fabric = self._fabric(person.upper)
        self._limb((0, 0.12), (0, 0.17), 0.055, 0.06, person.skin, HEAD)
        self._polygon(
            [
                (-0.35 * shoulder, 0.152),
                (0.35 * shoulder, 0.152),
                (shoulder, 0.19),
                (waist, 0.37),
                (bottom, hem),
                (-bottom, hem),
                (-waist, 0.37),
                (-shoulder, 0.19),
            ],
            fabric,
            UPPER,
        )
        if cut == "hoodie":
            hood = _shade(person.upper.colour, 0.8)
            self._ellipse((0, 0.165), 0.062 * broad, 0.026, hood, UPPER)
        looks_here = self.front > 0.25
        shift = 0.05 * self.side
        if cut in ("jacket", "coat") and looks_here:
            inner = [(shift - 0.022, 0.155), (shift + 0.022, 0.155), (shift + 0.03, hem), (shift - 0.03, hem)]
            self._polygon(inner, person.upper.second, UPPER)
        elif looks_here:
            self._logo(person.front_logo, (shift + 0.03 * self.front, 0.25), 0.024)
        if self.front < -0.25 and person.bag != "backpack":
            self._logo(person.back_logo, (-shift, 0.28), 0.045)
        if person.bag == "backpack" and looks_here:
            for which in (-1, 1):
                x = shift + which * 0.06 * broad
                self._limb((x, 0.165), (x, 0.33), 0.018, 0.018, person.bag_colour, CARRIED)

    def _skirt(self):
        cut = self.person.lower.cut
        fabric = self._fabric(self.person.lower)
        hip = 0.105 * self.broad
        self._polygon(
            [
                (-hip, self.hip - 0.04),
                (hip, self.hip - 0.04),
                (hip, self.hip + 0.05),
                (-hip, self.hip + 0.05),
            ],
            fabric,
            LOWER,
        )
        if cut in ("skirt", "longskirt"):
            hem = self.hip + (0.2 if cut == "skirt" else 0.38)
            flare = hip * 1.25 + 0.05 * abs(self.swing)
            self._polygon([(-hip, self.hip), (hip, self.hip), (flare, hem), (-flare, hem)], fabric, LOWER)

    def _head(self):
        person = self.person
        broad = 0.9 + 0.1 * abs(self.side)
        rx, ry = 0.05 * broad, 0.066
        face = np.array([0.012 * self.side, 0.072])
        if person.hair_cut == "long":
            self._polygon([(-0.058, 0.05), (0.058, 0.05), (0.062, 0.19), (-0.062, 0.19)], person.hair, HEAD)
        if person.hair_cut == "ponytail":
            back = np.array([-0.05 * self.side, 0.07])
            self._limb(back, back + (-0.015 * self.side, 0.1), 0.03, 0.016, person.hair, HEAD)
        self._ellipse(face, rx, ry, person.skin, HEAD)
        if self.front < -0.2 and person.hair_cut != "bald":
            self._ellipse(face - (0, 0.005), rx * 1.04, ry * 0.95, person.hair, HEAD)
        elif person.hair_cut != "bald":
            self._ellipse((-0.018 * self.side, 0.04), rx * 1.06, 0.042, person.hair, HEAD)
            if abs(self.side) > 0.6:
                self._ellipse((-0.03 * self.side, 0.07), 0.032, 0.05, person.hair, HEAD)
        if person.hair_cut == "bun":
            self._ellipse((-0.045 * self.side, 0.005), 0.026, 0.024, person.hair, HEAD)
        if self.front > 0.2:
            for which in (-1, 1):
                self._ellipse((0.03 * self.side + 0.018 * which, 0.07), 0.006, 0.005, (35, 25, 25), HEAD)
        if person.hat == "beanie":
            self._ellipse((0, 0.03), rx * 1.12, 0.043, person.hat_colour, HEAD)
        elif person.hat == "cap":
            self._ellipse((0, 0.026), rx * 1.08, 0.034, person.hat_colour, HEAD)
            if self.front > -0.4:
                brim = (0.05 * self.side, 0.044)
                self._ellipse(brim, 0.045, 0.011, _shade(person.hat_colour, 0.75), HEAD)
        elif person.hat == "brim":
            self._ellipse((0, 0.02), rx * 1.0, 0.036, person.hat_colour, HEAD)
            self._ellipse((0, 0.042), 0.088, 0.014, _shade(person.hat_colour, 0.85), HEAD)

    def _backpack(self):
        colour = self.person.bag_colour
        x = -0.09 * self.side
        width = 0.09 * max(abs(self.front), 0.6)
        self._box((x, 0.29), width, 0.115, colour, CARRIED)
        if self.front < 0:
            self._box((x, 0.34), width * 0.7, 0.04, _shade(colour, 0.75), CARRIED)

    def _shoulder_bag(self):
        colour = self.person.bag_colour
        out = 0.13 * self.broad * (1 if self.front >= 0 else -1)
        self._limb((-0.8 * out, 0.18), (out, 0.47), 0.016, 0.016, _shade(colour, 0.7), CARRIED)
        self._box((out, 0.51), 0.06, 0.055, colour, CARRIED)

    def _logo(self, kind, at, radius):
        colour = self.person.logo_colour
        x, y = at
        if kind == "disc":
            self._ellipse(at, radius, radius, colour, UPPER)
        elif kind == "ring":
            self._ellipse(at, radius, radius, colour, UPPER)
            self._ellipse(at, radius * 0.55, radius * 0.55, self.person.upper.colour, UPPER)
        elif kind == "square":
            self._box(at, radius, radius, colour, UPPER)
        elif kind == "bar":
            self._box(at, radius * 1.8, radius * 0.5, colour, UPPER)
        elif kind == "triangle":
            self._polygon([(x, y - radius), (x + radius, y + radius), (x - radius, y + radius)], colour, UPPER)

    def _light(self, drawn):
        """Light from one side, and the folds of the clothes."""
        width, height = self.canvas.rgb.size
        rng = np.random.default_rng(self.shot.noise)
        folds = Image.fromarray(rng.normal(0, 1, (16, 8)).astype("float32"))
        folds = np.asarray(folds.resize((width, height), Image.Resampling.BICUBIC))
        across = (np.arange(width) - self.centre) / (0.15 * self.unit)
        shade = 1 + 0.22 * self.sun * np.clip(across, -1.2, 1.2)[None, :] + 0.07 * folds
        rgb = np.asarray(self.canvas.rgb).astype("float32")
        rgb[drawn] *= shade[drawn][:, None]
        self.canvas.rgb.paste(Image.fromarray(np.clip(rgb, 0, 255).astype("uint8")))

    # Shapes in body coordinates.

    def _fabric(self, garment):
        return _texture(garment, self.canvas.rgb.size, self.centre, self.top, self.unit, self.side)

    def _limb(self, start, end, start_width, end_width, fill, label):
        unit = self.unit
        self.canvas.limb(self.at(*start), self.at(*end), start_width * unit, end_width * unit, fill, label)

    def _polygon(self, points, fill, label):
        self.canvas.polygon([self.at(*p) for p in points], fill, label)

    def _ellipse(self, centre, rx, ry, fill, label):
        self.canvas.ellipse(*self.at(*centre), rx * self.unit, ry * self.unit, fill, label)

    def _box(self, centre, rx, ry, fill, label):
        x, y = centre
        self._polygon([(x - rx, y - ry), (x + rx, y - ry), (x + rx, y + ry), (x - rx, y + ry)], fill, label)


def _draw_passer(canvas, camera, shot):
    """Somebody behind, at the edge of the picture; not part of the person."""
    rng = np.random.default_rng(shot.passer)
    away = replace(
        Shot.random(rng, camera),
        x=shot.x + float(rng.choice([-1, 1])) * rng.uniform(0.38, 0.6),
        y=-0.05,
        scale=shot.scale * rng.uniform(0.7, 0.95),
    )
    behind = _Canvas(canvas.rgb)
    _Figure(behind, Person.random(rng), away, camera.sun).draw()


def _draw_occluder(canvas, rng):
    """A post, a bin, a hedge or a car's edge in front of the person."""
    width, height = canvas.rgb.size
    colour = _shade(clothes_colour(rng), rng.uniform(0.5, 1))
    kind = pick(rng, ("post", "low", "side"))
    if kind == "post":
        x, half = rng.uniform(0.15, 0.85) * width, rng.uniform(0.03, 0.09) * width
        box = [(x - half, 0), (x + half, 0), (x + half, height), (x - half, height)]
    elif kind == "low":
        y, slope = rng.uniform(0.62, 0.88) * height, rng.uniform(-0.05, 0.05) * height
        box = [(0, y - slope), (width, y + slope), (width, height), (0, height)]
    else:
        left, x = rng.random() < 0.5, rng.uniform(0.18, 0.38) * width
        top = rng.uniform(0, 0.4) * height
        edge = (0, x) if left else (width - x, width)
        box = [(edge[0], top), (edge[1], top), (edge[1], height), (edge[0], height)]
    canvas.polygon(box, colour, BACKGROUND)


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


def _background(camera, shot, size):
    height, width = camera.scene.shape[:2]
    x = int(shot.background[0] * (width - size[0]))
    y = int(shot.background[1] * (height - size[1]))
    return Image.fromarray(camera.scene[y : y + size[1], x : x + size[0]])


def _reduce_labels(labels: np.ndarray) -> np.ndarray:
    """The label that fills most of every pixel."""
    height, width = labels.shape[0] // SUPERSAMPLING, labels.shape[1] // SUPERSAMPLING
    blocks = labels.reshape(height, SUPERSAMPLING, width, SUPERSAMPLING)
    counts = [(blocks == label).sum(axis=(1, 3)) for label in range(CARRIED + 1)]
    return np.argmax(counts, axis=0).astype("uint8")


def _sensor(picture: Image.Image, camera: Camera, shot: Shot) -> Image.Image:
    """Light, colour cast, blur and noise."""
    picture = picture.filter(ImageFilter.GaussianBlur(camera.blur))
    rgb = np.asarray(picture).astype("float32") / 255
    rgb = rgb**camera.gamma * camera.gain * shot.light * np.asarray(camera.cast, "float32")
    rgb = rgb * 255 + np.random.default_rng(shot.noise).normal(0, camera.noise, rgb.shape)
    return Image.fromarray(np.clip(rgb, 0, 255).round().astype("uint8"))
