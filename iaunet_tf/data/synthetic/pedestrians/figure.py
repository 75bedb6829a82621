"""Drawing of a person together with the labels of the body parts."""

import numpy as np
from PIL import Image

from iaunet_tf.data.synthetic.pedestrians.cameras import Shot
from iaunet_tf.data.synthetic.pedestrians.canvas import BACKGROUND, CARRIED, HEAD, LOWER, SHOES, UPPER, Canvas, shade
from iaunet_tf.data.synthetic.pedestrians.people import Person


class Figure:
    """A person on a canvas.

    `at` converts body coordinates to canvas pixels. Body coordinates are in units of the person's height, with x to the
    right of the spine and y downwards from the top of the head.
    """

    def __init__(self, canvas: Canvas, person: Person, shot: Shot, sun: float):
        width, height = canvas.rgb.size
        self.canvas, self.person, self.shot, self.sun = canvas, person, shot, sun
        self.unit = shot.scale * height
        self.centre = width * (0.5 + shot.x)
        self.top = height * (0.965 + shot.y) - self.unit
        self.front, self.side = np.cos(shot.angle), np.sin(shot.angle)
        # Seen from the side, a body is about half as wide as from the front.
        self.broad = person.build * np.sqrt(self.front**2 + (0.58 * self.side) ** 2)
        self.hip = 0.5 - 0.04 * (person.legs - 1) * 10
        self.swing = 0.42 * shot.stride * np.sin(shot.phase)
        self.fabrics = {}  # by garment

    def at(self, x, y):
        return np.array([self.centre + x * self.unit, self.top + y * self.unit])

    def draw(self):
        canvas, unit = self.canvas, self.unit
        canvas.ellipse(*self.at(0.02, 0.99), 0.2 * unit, 0.03 * unit, (58, 58, 60), BACKGROUND)
        before = np.asarray(canvas.labels).copy()
        far, near = (-1, 1) if self.side >= 0 else (1, -1)
        backpack, facing_away = self.person.bag == "backpack", self.front < 0
        if backpack and not facing_away:
            self._backpack()
        self._arm(far)
        self._leg(far)
        self._leg(near)
        self._skirt()
        self._torso()
        self._head()
        if self.person.bag == "shoulder":
            self._shoulder_bag()
        if backpack and facing_away:
            self._backpack()
        self._arm(near)
        self._light(np.asarray(canvas.labels) != before)

    def _joint(self, start, angle, length):
        """Returns the end of a limb at `angle` from the vertical, in the walking plane."""
        return start + length * np.array([np.sin(angle) * self.side, np.cos(angle)])

    def _leg(self, which):
        person = self.person
        swing = self.swing * which
        hip = np.array([0.045 * which * person.build * abs(self.front), self.hip])
        shin = (0.97 - self.hip) * 0.52
        knee = self._joint(hip, swing, 0.97 - self.hip - shin)
        # The rear leg bends.
        ankle = self._joint(knee, swing - max(0.0, -swing) * 0.9, shin)
        ankle[1] = min(ankle[1], 0.955)
        thigh, calf, foot = 0.095 * person.build, 0.062 * person.build, 0.045
        cut, fabric = person.lower.cut, self._fabric(person.lower)
        self._limb(hip, knee, thigh, calf * 1.15, person.skin if cut == "skirt" else fabric, LOWER)
        bare = cut in ("skirt", "shorts")
        self._limb(knee, ankle, calf, foot, person.skin if bare else fabric, LOWER)
        if cut == "shorts":
            self._limb(hip, hip + 0.8 * (knee - hip), thigh, thigh, fabric, LOWER)
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
            self._limb(hand, hand + (0, 0.05), 0.01, 0.01, shade(person.bag_colour, 0.6), CARRIED)
            self._box(hand + (0, 0.1), 0.05, 0.05, person.bag_colour, CARRIED)

    def _torso(self):
        person = self.person
        cut, broad = person.upper.cut, self.broad
        hem = {"coat": self.hip + 0.17, "hoodie": self.hip + 0.04}.get(cut, self.hip + 0.02)
        wide = 1.1 if cut in ("coat", "jacket", "hoodie") else 1.0
        shoulder, waist, bottom = 0.125 * broad * wide, 0.1 * broad * wide, 0.108 * broad * wide
        if cut == "coat":
            bottom *= 1.15
        self._limb((0, 0.12), (0, 0.17), 0.055, 0.06, person.skin, HEAD)
        outline = [(0.35 * shoulder, 0.152), (shoulder, 0.19), (waist, 0.37), (bottom, hem)]
        self._symmetric(outline, self._fabric(person.upper), UPPER)
        if cut == "hoodie":
            self._ellipse((0, 0.165), 0.062 * broad, 0.026, shade(person.upper.colour, 0.8), UPPER)
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
        self._symmetric([(hip, self.hip - 0.04), (hip, self.hip + 0.05)], fabric, LOWER)
        if cut in ("skirt", "longskirt"):
            hem = self.hip + (0.2 if cut == "skirt" else 0.38)
            flare = hip * 1.25 + 0.05 * abs(self.swing)
            self._symmetric([(hip, self.hip), (flare, hem)], fabric, LOWER)

    def _head(self):
        person = self.person
        broad = 0.9 + 0.1 * abs(self.side)
        rx, ry = 0.05 * broad, 0.066
        face = np.array([0.012 * self.side, 0.072])
        if person.hair_cut == "long":
            self._symmetric([(0.058, 0.05), (0.062, 0.19)], person.hair, HEAD)
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
                self._ellipse(brim, 0.045, 0.011, shade(person.hat_colour, 0.75), HEAD)
        elif person.hat == "brim":
            self._ellipse((0, 0.02), rx * 1.0, 0.036, person.hat_colour, HEAD)
            self._ellipse((0, 0.042), 0.088, 0.014, shade(person.hat_colour, 0.85), HEAD)

    def _backpack(self):
        colour = self.person.bag_colour
        x = -0.09 * self.side
        width = 0.09 * max(abs(self.front), 0.6)
        self._box((x, 0.29), width, 0.115, colour, CARRIED)
        if self.front < 0:
            self._box((x, 0.34), width * 0.7, 0.04, shade(colour, 0.75), CARRIED)

    def _shoulder_bag(self):
        colour = self.person.bag_colour
        out = 0.13 * self.broad * (1 if self.front >= 0 else -1)
        self._limb((-0.8 * out, 0.18), (out, 0.47), 0.016, 0.016, shade(colour, 0.7), CARRIED)
        self._box((out, 0.51), 0.06, 0.055, colour, CARRIED)

    def _logo(self, kind, at, radius):
        colour = self.person.logo_colour
        x, y = at
        if kind in ("disc", "ring"):
            self._ellipse(at, radius, radius, colour, UPPER)
            if kind == "ring":
                self._ellipse(at, radius * 0.55, radius * 0.55, self.person.upper.colour, UPPER)
        elif kind == "square":
            self._box(at, radius, radius, colour, UPPER)
        elif kind == "bar":
            self._box(at, radius * 1.8, radius * 0.5, colour, UPPER)
        elif kind == "triangle":
            self._polygon([(x, y - radius), (x + radius, y + radius), (x - radius, y + radius)], colour, UPPER)

    def _light(self, drawn):
        """Adds light from one side and folds in the clothes."""
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
        """The garment's fabric, an image as large as the canvas, or its colour if it is plain."""
        if garment.pattern == "plain":
            return garment.colour
        if garment not in self.fabrics:
            self.fabrics[garment] = self._woven(garment)
        return self.fabrics[garment]

    def _woven(self, garment):
        width, height = self.canvas.rgb.size
        y, x = (axis.astype("float32") for axis in np.ogrid[:height, :width])
        x, y, pitch = (x - self.centre) / self.unit, (y - self.top) / self.unit, garment.pitch
        # Positions within a period of the pattern, which turns with the body.
        across, down = ((x + 0.06 * self.side) / pitch) % 1, (y / pitch) % 1
        if garment.pattern == "rings":
            second = down < 0.45
        elif garment.pattern == "pinstripes":
            second = across < 0.35
        elif garment.pattern == "checks":
            second = (across < 0.5) ^ (down < 0.5)
        elif garment.pattern == "dots":
            second = (across - 0.5) ** 2 + (down - 0.5) ** 2 < 0.08
        elif garment.pattern == "block":
            second = y > 6 * pitch
        else:  # sides
            second = np.abs(x) > 0.055
        fabric = Image.new("RGB", (width, height), garment.colour)
        fabric.paste(garment.second, mask=Image.fromarray(np.broadcast_to(second, (height, width))))
        return fabric

    def _limb(self, start, end, start_width, end_width, fill, label):
        unit = self.unit
        self.canvas.limb(self.at(*start), self.at(*end), start_width * unit, end_width * unit, fill, label)

    def _polygon(self, points, fill, label):
        self.canvas.polygon([self.at(*p) for p in points], fill, label)

    def _symmetric(self, points, fill, label):
        """A polygon of points on the right, downwards, and their mirror images on the left."""
        left = [(-x, y) for x, y in points]
        self._polygon([left[0], *points, *left[:0:-1]], fill, label)

    def _ellipse(self, centre, rx, ry, fill, label):
        self.canvas.ellipse(*self.at(*centre), rx * self.unit, ry * self.unit, fill, label)

    def _box(self, centre, rx, ry, fill, label):
        x, y = centre
        self._polygon([(x - rx, y - ry), (x + rx, y - ry), (x + rx, y + ry), (x - rx, y + ry)], fill, label)
