"""What pedestrians look like: size, skin, hair, clothes and bags."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mots_ros.data.street.camera import Floats

Generator = np.random.Generator

SKIN = np.array([(224, 182, 154), (208, 160, 130), (186, 138, 108), (132, 92, 68), (84, 58, 44)])
HAIR = np.array([(36, 28, 24), (62, 44, 32), (96, 70, 44), (158, 128, 84), (140, 138, 136),
                 (22, 20, 20)])  # fmt: skip
CLOTH = np.array([
    (24, 25, 30), (40, 42, 50), (70, 72, 76), (120, 122, 124), (196, 196, 192), (228, 226, 220),
    (32, 42, 78), (52, 78, 124), (112, 140, 170), (128, 28, 32), (178, 60, 52), (84, 62, 46),
    (150, 122, 88), (196, 176, 138), (52, 74, 50), (98, 108, 72), (120, 60, 100), (204, 160, 60),
    (210, 120, 130),
], np.float64)  # fmt: skip
TROUSERS = np.array([
    (30, 36, 58), (46, 58, 86), (74, 92, 122), (26, 26, 28), (44, 44, 46), (92, 82, 68),
    (138, 124, 100), (66, 62, 58), (180, 172, 156),
], np.float64)  # fmt: skip


@dataclass(frozen=True)
class Look:
    """What somebody wears and is; colours RGB, lengths relative to the body's height."""

    height: float
    girth: float
    skin: Floats
    hair: Floats
    top: Floats
    bottom: Floats
    shoes: Floats
    bag_colour: Floats
    coat: float
    skirt: float
    bare_legs: bool
    bare_arms: bool
    hair_long: bool
    hat: Floats | None
    bag: str

    @classmethod
    def sample(cls, rng: Generator) -> Look:
        child = rng.random() < 0.1
        woman = rng.random() < 0.5
        height = rng.uniform(1.05, 1.45) if child else rng.normal(1.68 if woman else 1.79, 0.07)
        warm = rng.random() < 0.4

        def one_of(colours: Floats) -> Floats:
            mixed = colours[rng.integers(len(colours))] * rng.uniform(0.7, 1.15)
            mixed += (mixed.mean() - mixed) * rng.uniform(0, 0.5)
            return np.clip(mixed + rng.normal(0, 8, 3), 8, 240)

        skirt = rng.uniform(0.14, 0.34) if woman and rng.random() < 0.25 else 0.0
        return cls(
            height=float(height),
            girth=float(np.clip(rng.normal(1.0, 0.1), 0.82, 1.3)),
            skin=SKIN[rng.choice(5, p=(0.3, 0.3, 0.2, 0.12, 0.08))],
            hair=one_of(HAIR),
            top=one_of(CLOTH),
            bottom=one_of(CLOTH if skirt else TROUSERS),
            shoes=one_of(CLOTH[:6]) * 0.8,
            bag_colour=one_of(CLOTH),
            coat=float(rng.choice([0.02, 0.05, 0.12, 0.22], p=(0.35, 0.35, 0.2, 0.1))),
            skirt=float(skirt),
            bare_legs=bool(skirt or (warm and rng.random() < 0.4)),
            bare_arms=bool(warm and rng.random() < 0.7),
            hair_long=bool(woman and rng.random() < 0.7),
            hat=one_of(CLOTH) if rng.random() < 0.15 else None,
            bag=str(rng.choice(["", "back", "shoulder", "hand"], p=(0.5, 0.2, 0.2, 0.1))),
        )
