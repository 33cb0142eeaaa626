"""A pedestrian's looks: clothes, hair and bags, drawn along the body's height."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mots_ros.data.replica.sheet import (
    Colour,
    Generator,
    Grain,
    Sheet,
    blotches,
    sideways,
    speckle,
)
from mots_ros.data.street.light import Light

_SKINS = ((224, 178, 148), (206, 156, 124), (186, 134, 104), (140, 94, 68), (92, 60, 44))
_HAIR = ((26, 22, 20), (54, 38, 28), (92, 66, 42), (168, 134, 86), (140, 138, 136), (122, 62, 34))
_TOPS = (
    (24, 24, 28),
    (24, 24, 28),
    (58, 60, 66),
    (110, 110, 112),
    (208, 206, 200),
    (208, 206, 200),
    (32, 42, 74),
    (62, 96, 150),
    (150, 30, 34),
    (176, 120, 128),
    (62, 84, 58),
    (136, 112, 82),
    (204, 178, 138),
    (206, 158, 44),
    (96, 62, 108),
    (56, 130, 132),
)
_BOTTOMS = (
    (30, 30, 34),
    (30, 30, 34),
    (44, 56, 88),
    (70, 88, 124),
    (96, 94, 92),
    (150, 134, 108),
    (196, 188, 172),
    (84, 66, 50),
)
_BAGS = ((28, 28, 30), (92, 58, 34), (150, 26, 30), (46, 62, 98), (180, 168, 148))

BODY_WIDTH = 0.3
"""What spans the sheet's unit from side to side, as a share of the body's height."""


@dataclass(frozen=True)
class PersonLooks:
    """One pedestrian; colours are lit RGB [3], lengths are shares of the height or BODY_WIDTH."""

    skin: Colour
    hair: Colour
    top: Colour
    sleeves: Colour
    inner: Colour
    bottom: Colour
    shoes: Colour
    bag: Colour
    facing: float
    hair_bottom: float
    hem: float
    trouser_end: float
    pattern: str
    pattern_colour: Colour
    stripes: int
    bag_kind: str
    bag_side: float
    grain: Grain

    @classmethod
    def sample(cls, rng: Generator, light: Light) -> PersonLooks:
        in_the_sun = rng.choice([1.0, rng.uniform(0.3, 1.0)], p=[0.6, 0.4])
        lit = in_the_sun * 0.85 * light.shade(np.array([0, 0.35, -0.94])) + light.skylight * 0.45

        def pick(colours: tuple[tuple[int, int, int], ...]) -> Colour:
            chosen = np.array(colours[rng.integers(len(colours))], float)
            worn: Colour = (chosen * rng.uniform(0.75, 1.2) + rng.normal(0, 6, 3)) * lit
            return worn

        top, coat = pick(_TOPS), rng.random() < 0.2
        bare_legs = rng.random() < 0.2
        skin = pick(_SKINS)
        pattern = (
            1
            + rng.uniform(0.06, 0.16) * blotches(rng, 14, 5)
            + rng.uniform(0.04, 0.12) * blotches(rng, 30, 12)
            + rng.uniform(0.02, 0.06) * speckle(rng)
            + float(np.sign(light.sun[0])) * rng.uniform(0.05, 0.3) * sideways()
        )
        return cls(
            skin=skin,
            hair=pick(_HAIR if rng.random() < 0.85 else _TOPS),
            top=top,
            sleeves=top * rng.uniform(0.75, 1.0) if rng.random() < 0.75 else skin,
            inner=pick(_TOPS),
            bottom=top * 0.9 if coat and rng.random() < 0.3 else pick(_BOTTOMS),
            shoes=pick(_BAGS),
            bag=pick(_BAGS),
            facing=float(rng.choice([-1.0, 0.0, 0.0, 1.0])) if rng.random() < 0.6 else 2.0,
            hair_bottom=rng.uniform(0.09, 0.2) if rng.random() < 0.4 else rng.uniform(0.06, 0.1),
            hem=rng.uniform(0.62, 0.75) if coat else rng.uniform(0.46, 0.54),
            trouser_end=rng.uniform(0.6, 0.75) if bare_legs else 0.94,
            pattern=str(rng.choice(["plain", "bars", "open", "block"], p=[0.45, 0.2, 0.2, 0.15])),
            pattern_colour=pick(_TOPS),
            stripes=int(rng.integers(3, 7)),
            bag_kind=str(
                rng.choice(["none", "backpack", "strap", "hand"], p=[0.5, 0.2, 0.15, 0.15])
            ),
            bag_side=float(rng.choice([-1.0, 1.0])),
            grain=Grain(pattern),
        )

    def paint(self, sheet: Sheet) -> None:
        """Draw the body where u = 0.5 is its middle and v runs from crown to sole."""
        sheet.fall(
            [
                (0.0, self.hair),
                (0.125, self.hair * 0.8),
                (0.13, self.top * 1.1),
                (self.hem - 0.12, self.top * 0.92),
                (self.hem, self.top * 0.8),
                (self.hem + 0.004, self.bottom * 0.85),
                (self.hem + 0.15, self.bottom),
                (self.trouser_end, self.bottom * 0.85),
                (self.trouser_end + 0.004, self.skin * 0.9),
                (0.945, self.skin * 0.8),
                (0.95, self.shoes),
                (1.0, self.shoes * 0.6),
            ]
        )
        self._paint_legs(sheet)
        self._paint_torso(sheet)
        self._paint_bag(sheet)
        self._paint_head(sheet)

    def _paint_legs(self, sheet: Sheet) -> None:
        crotch = max(self.hem, 0.52)
        sheet.rectangle(0.5, crotch, 3.0, self.trouser_end, self.bottom * 0.82)
        sheet.polygon(
            [(0.5, crotch), (0.58, self.trouser_end), (0.42, self.trouser_end)], self.bottom * 0.5
        )

    def _paint_torso(self, sheet: Sheet) -> None:
        shoulder, hem = 0.15, self.hem
        if self.pattern == "bars":
            step = (hem - shoulder) / (2 * self.stripes)
            for k in range(self.stripes):
                v = shoulder + 2 * k * step
                sheet.rectangle(-1.0, v, 2.0, v + step, self.pattern_colour)
        elif self.pattern == "open":
            sheet.polygon(
                [(0.36, shoulder), (0.64, shoulder), (0.56, hem), (0.44, hem)], self.inner
            )
        elif self.pattern == "block":
            sheet.rectangle(-1.0, shoulder + 0.06, 2.0, shoulder + 0.16, self.pattern_colour)
        for arm in (-1.0, 1.0):
            u = 0.5 + arm * 0.42
            sheet.polygon(
                [(u - 0.1, 0.19), (u + 0.1, 0.19), (u + 0.12, 0.46), (u - 0.08, 0.46)], self.sleeves
            )
            sheet.rectangle(
                u - arm * 0.11 - 0.012, 0.2, u - arm * 0.11 + 0.012, 0.46, self.top * 0.55
            )
            sheet.ellipse(u + 0.02, 0.485, 0.09, 0.03, self.skin)

    def _paint_bag(self, sheet: Sheet) -> None:
        if self.bag_kind == "backpack":
            sheet.ellipse(0.5, 0.29, 0.33, 0.14, self.bag)
            sheet.rectangle(0.26, 0.31, 0.74, 0.4, self.bag * 0.8)
        elif self.bag_kind == "strap":
            near, far = 0.5 - 0.3 * self.bag_side, 0.5 + 0.4 * self.bag_side
            sheet.polygon(
                [(near, 0.14), (near + 0.1, 0.14), (far + 0.1, 0.45), (far, 0.45)], self.bag
            )
            sheet.rectangle(far - 0.2, 0.42, far + 0.2, 0.55, self.bag)
        elif self.bag_kind == "hand":
            u = 0.5 + 0.55 * self.bag_side
            sheet.rectangle(u - 0.2, 0.5, u + 0.2, 0.64, self.bag)

    def _paint_head(self, sheet: Sheet) -> None:
        sheet.rectangle(0.4, 0.115, 0.6, 0.15, self.skin * 0.8)
        if self.facing > 1:
            sheet.ellipse(0.5, 0.06, 0.2, self.hair_bottom, self.hair)
            return
        middle = 0.5 + 0.1 * self.facing
        sheet.ellipse(middle, 0.082, 0.15, 0.05, self.skin)
        for eye in (-0.06, 0.06):
            sheet.ellipse(middle + eye, 0.075, 0.03, 0.006, self.skin * 0.5)
        sheet.ellipse(middle, 0.108, 0.05, 0.005, self.skin * 0.7)
