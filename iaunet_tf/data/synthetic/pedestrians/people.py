"""Appearance of pedestrians, constant across cameras."""

import colorsys
from dataclasses import dataclass, replace

import numpy as np

CLOTHES = [  # hue, saturation, value, frequency
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
    red, green, blue = colorsys.hsv_to_rgb((hue + rng.normal(0, 0.01)) % 1, saturation, value)
    return round(255 * red), round(255 * green), round(255 * blue)


@dataclass(frozen=True)
class Garment:
    cut: str
    colour: tuple
    second: tuple  # colour of the pattern, the inner shirt and the trim
    pattern: str
    pitch: float  # period of the pattern


@dataclass(frozen=True)
class Person:
    """Appearance of a person."""

    build: float  # body width relative to the average
    legs: float  # leg length relative to the average
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
            cut, colour, second = pick(rng, cuts), clothes_colour(rng), clothes_colour(rng)
            return Garment(cut, colour, second, pick(rng, PATTERNS), rng.uniform(0.035, 0.07))

        return cls(
            build=rng.uniform(0.82, 1.25),
            legs=rng.uniform(0.93, 1.07),
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
        """Returns this person in another one's clothes; head, build, shoes, bag and logo still distinguish them."""
        return replace(self, upper=other.upper, lower=other.lower)
