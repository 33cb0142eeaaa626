"""A car's looks: what it keeps over a drive, and how that is drawn from where it is seen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mots_ros.data.replica.sheet import (
    Colour,
    Floats,
    Generator,
    Grain,
    Sheet,
    blotches,
    sideways,
    speckle,
)
from mots_ros.data.street.light import Light

_PAINTS = (
    (0.20, (24, 26, 31)),
    (0.16, (96, 101, 109)),
    (0.18, (158, 161, 166)),
    (0.20, (226, 227, 225)),
    (0.07, (30, 44, 82)),
    (0.05, (44, 74, 128)),
    (0.06, (142, 24, 26)),
    (0.02, (98, 18, 30)),
    (0.03, (38, 62, 48)),
    (0.02, (150, 134, 104)),
    (0.01, (196, 160, 40)),
)
"""Share of the cars and body colour."""

_END_ASPECT, _SIDE_ASPECT = 1.25, 2.75
_NARROWEST_END = 0.06
_LENGTH = 4.2
_CREST_AT = 0.2

Place = Callable[[float, float], tuple[float, float]]


@dataclass(frozen=True)
class CarLooks:
    """One car; colours are lit RGB [3], positions are shares of its box's height or width.

    end_on_left: its rear or front is the left part of what is seen, its side the right part.
    """

    end_on_left: bool
    seen_from_behind: bool
    top: Colour
    end: Colour
    side: Colour
    glass: Colour
    sheen: Colour
    mirror: float
    polish: float
    trim: Colour
    rim: Colour
    plate: Colour
    lamps: Colour
    belt: float
    roof: float
    lamp_top: float
    lamp_bottom: float
    lamp_width: float
    pillars: tuple[float, ...]
    wheels: tuple[float, float]
    wheel_radius: float
    plain_bumper: bool
    high_lamps: bool
    grain: Grain

    @classmethod
    def sample(
        cls, rng: Generator, light: Light, end_on_left: bool, from_behind: float = 0.65
    ) -> CarLooks:
        """Make up a car whose visible end is its rear with probability ``from_behind``."""
        shares = np.array([share for share, _ in _PAINTS])
        base = np.array(_PAINTS[rng.choice(len(_PAINTS), p=shares / shares.sum())][1], float)
        paint = base * rng.uniform(0.85, 1.4) + rng.normal(0, 6, 3)
        shade = light.shade(
            np.array([[0, 1.0, 0], [0, 0, -1.0], [1.0 if end_on_left else -1.0, 0, 0]])
        )
        in_the_sun = rng.choice([1.0, rng.uniform(0.3, 1.0)], p=[0.6, 0.4])
        top, end, side = paint * (shade * in_the_sun + light.skylight * (0.8 - 0.45 * in_the_sun))
        sky = light.haze * rng.uniform(0.3, 1.0)
        gloss = rng.uniform(0.15, 0.55)
        rear = rng.random() < from_behind
        lamps = np.array([168, 26, 22]) if rear else np.array([206, 210, 208])
        lamp_top = rng.uniform(0.42, 0.52) if rear else rng.uniform(0.47, 0.55)
        plate = np.array([216, 216, 206]) if rng.random() < 0.85 else np.array([222, 190, 70])
        ambient = light.skylight * 0.9 + 0.25 * in_the_sun * light.sunlight
        pattern = (
            1
            + rng.uniform(0.03, 0.10) * blotches(rng, 5, 3)
            + rng.uniform(0.02, 0.10) * blotches(rng, 12, 16)
            + rng.uniform(0.01, 0.05) * speckle(rng)
            + rng.uniform(-0.15, 0.15) * sideways()
        )
        door = rng.uniform(0.36, 0.5)
        return cls(
            end_on_left=end_on_left,
            seen_from_behind=rear,
            top=top * (1 - gloss) + sky * gloss,
            end=end,
            side=side,
            glass=np.array([24, 30, 37]) * rng.uniform(0.5, 1.7) * ambient,
            sheen=sky,
            mirror=rng.uniform(0.05, 0.7),
            polish=rng.uniform(0.1, 0.7),
            trim=np.array([24, 24, 26]) * rng.uniform(0.5, 1.5) * ambient,
            rim=np.array([128, 130, 134]) * rng.uniform(0.3, 1.3) * ambient,
            plate=plate * rng.uniform(0.7, 1.0) * ambient,
            lamps=lamps * rng.uniform(0.7, 1.2) * (0.6 + 0.4 * ambient),
            belt=rng.uniform(0.38, 0.48),
            roof=rng.uniform(0.06, 0.12),
            lamp_top=lamp_top,
            lamp_bottom=lamp_top + rng.uniform(0.06, 0.18),
            lamp_width=rng.uniform(0.1, 0.24),
            pillars=(door,) if rng.random() < 0.4 else (door, door + rng.uniform(0.18, 0.26)),
            wheels=(rng.uniform(0.16, 0.22), rng.uniform(0.77, 0.83)),
            wheel_radius=rng.uniform(0.19, 0.24),
            plain_bumper=rng.random() < 0.6,
            high_lamps=rear and rng.random() < 0.12,
            grain=Grain(pattern),
        )

    def paint(self, sheet: Sheet, aspect: float, crest: Floats, distance: float) -> None:
        """Draw the car where the unit square is its box.

        aspect: the box's width over its height. crest: [2] the ends of its roof as shares of the
        width. distance: metres from the camera.
        """
        body = (self.end + self.side) / 2
        sheet.fall(
            [
                (0.0, self.top),
                (self.roof, self.top),
                (self.belt, body * 0.9 + self.sheen * 0.1),
                (self.belt + 0.06, body * 1.08 + self.sheen * 0.12),
                (0.62, body * 0.95),
                (0.8, body * 0.7),
                (0.86, self.trim * 0.8),
                (1.0, self.trim * 0.3),
            ]
        )
        share = float(np.clip((_SIDE_ASPECT - aspect) / (_SIDE_ASPECT - _END_ASPECT), 0, 1))
        narrowed = self._narrowed(crest)
        if share < 1 - _NARROWEST_END:
            away = _LENGTH * min(1.0, 1.6 * share) / distance
            self._paint_side(sheet, share, aspect, away, narrowed)
        if share > _NARROWEST_END:
            self._paint_end(sheet, share, narrowed)

    def _narrowed(self, crest: Floats) -> Place:
        """Bends the roof of a full-width car onto the roof that is seen."""
        left, right = float(crest[0]), float(crest[1])
        if right - left < 0.2:
            left, right = 0.12, 0.88

        def place(along: float, v: float) -> tuple[float, float]:
            u = along if self.end_on_left else 1 - along
            bend = min(max((self.belt - v) / (self.belt - _CREST_AT), 0.0), 1.4)
            return u + bend * (left + (right - left) * u - u), v

        return place

    def _paint_end(self, sheet: Sheet, share: float, place: Place) -> None:
        def at(p: float, v: float) -> tuple[float, float]:
            return place(p * share, v)

        def box(p1: float, v1: float, p2: float, v2: float, colour: Colour) -> None:
            sheet.polygon([at(p1, v1), at(p2, v1), at(p2, v2), at(p1, v2)], colour)

        belt, end = self.belt, self.end
        box(0.0, belt, 1.0, 0.84, end)
        box(0.0, belt, 1.0, belt + 0.05, end * 0.75 + self.sheen * self.polish)
        box(0.02, 0.70, 0.98, 0.84, self.trim if self.plain_bumper else end * 0.82)
        box(0.03, 0.69, 0.97, 0.705, end * 0.45)
        glass_top, glass_bottom = self.roof + 0.02, belt - 0.02
        middle = (glass_top + glass_bottom) / 2
        box(0.06, glass_top, 0.94, glass_bottom, self.glass)
        box(0.08, glass_top, 0.92, middle, self.glass * 0.7 + self.sheen * self.mirror)
        if self.seen_from_behind:
            for seat in (0.24, 0.64):
                box(seat, middle - 0.02, seat + 0.13, glass_bottom, self.glass * 0.4)
        lamp = self.lamps
        top, bottom, width = self.lamp_top, self.lamp_bottom, self.lamp_width
        for near, far in ((0.03, 0.03 + width), (0.97 - width, 0.97)):
            box(near, top, far, bottom, lamp)
            box(near, (top + bottom) / 2, far, bottom, lamp * 0.72)
            if self.high_lamps:
                box(near, glass_top, near + 0.05, top, lamp * 0.9)
        if not self.seen_from_behind:
            box(0.06 + width, top + 0.02, 0.94 - width, bottom + 0.02, self.trim)
            box(0.2, 0.74, 0.8, 0.82, self.trim * 0.7)
        plate = 0.62 if self.seen_from_behind else 0.70
        box(0.34, plate, 0.66, plate + 0.075, self.plate)
        box(0.38, plate + 0.02, 0.62, plate + 0.055, self.plate * 0.45)
        box(0.0, 0.86, 1.0, 1.1, self.trim * 0.3)
        for wheel in (0.04, 0.80):
            box(wheel, 0.84, wheel + 0.16, 1.05, self.trim * 0.65)

    def _paint_side(
        self, sheet: Sheet, share: float, aspect: float, away: float, place: Place
    ) -> None:
        """Draw the side, whose far end is ``away`` times the near end's distance behind it."""
        length = 1 - share

        def at(q: float, v: float) -> tuple[float, float]:
            # The camera is as high as the roof, so that what is farther shrinks towards the top.
            nearness = 1 / (1 + q * away)
            u, _ = place(share + q * (1 + away) * nearness * length, v)
            return u, v * nearness

        def box(q1: float, v1: float, q2: float, v2: float, colour: Colour) -> None:
            sheet.polygon([at(q1, v1), at(q2, v1), at(q2, v2), at(q1, v2)], colour)

        belt, side = self.belt, self.side
        box(0.0, belt, 1.0, 0.86, side)
        box(0.0, belt + 0.02, 1.0, belt + 0.06, side * 0.8 + self.sheen * self.polish)
        box(0.0, 0.58, 1.0, 0.70, side * 0.9)
        box(0.0, 0.70, 1.0, 0.86, side * 0.7)
        glass_top, glass_bottom = self.roof + 0.03, belt
        front = 0.74
        sheet.polygon(
            [at(0.1, glass_top), at(front + 0.08, glass_top), at(front, glass_bottom)]
            + [at(0.06, glass_bottom)],
            self.glass,
        )
        middle = (glass_top + glass_bottom) / 2
        box(
            0.1,
            middle,
            front,
            glass_bottom - 0.02,
            self.glass * 0.75 + self.sheen * 0.4 * self.mirror,
        )
        for pillar in self.pillars:
            box(pillar, glass_top, pillar + 0.025, glass_bottom, self.trim)
            box(pillar, belt, pillar + 0.008, 0.84, side * 0.5)
            box(pillar - 0.1, belt + 0.08, pillar - 0.04, belt + 0.1, side * 0.55)
        box(front - 0.02, belt - 0.06, front + 0.04, belt + 0.02, side * 0.8)
        box(0.0, 0.86, 1.0, 1.1, self.trim * 0.35)
        turned = float(np.clip(length * aspect / 2.4, 0.35, 1))
        radii = self.wheel_radius / aspect * turned, self.wheel_radius
        for wheel in self.wheels:
            u, v = at(wheel, 1 - self.wheel_radius)
            half_u, half_v = (radius / (1 + wheel * away) for radius in radii)
            sheet.ellipse(u, v - 0.03, half_u * 1.12, half_v * 1.1, self.trim * 0.4)
            sheet.ellipse(u, v, half_u, half_v, self.trim * 0.8)
            sheet.ellipse(u, v, half_u * 0.64, half_v * 0.64, self.rim)
            sheet.ellipse(u, v, half_u * 0.5, half_v * 0.5, self.rim * 0.62)
            sheet.ellipse(u, v, half_u * 0.2, half_v * 0.2, self.rim)
