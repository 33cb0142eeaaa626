"""A car's bodywork: the faces of its body, cabin, ends and sides from its proportions."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from mots_ros.data.street.camera import Floats
from mots_ros.data.street.solid import FrozenSolid, Solid

Generator = np.random.Generator

GLASS = np.array([20.0, 24, 26])
DARK = np.array([20.0, 20, 21])
TYRE = np.array([24.0, 24, 25])
PLATE = np.array([226.0, 226, 222])


@dataclass(frozen=True)
class Shape:
    """The proportions of a kind of car, in metres.

    bonnet, boot: from the end to the foot of the glass; slant_front, slant_rear: how far the glass
    leans over; belt: height of the lower edge of the side windows; nose: height of the bonnet's
    front.
    """

    length: float
    width: float
    height: float
    bonnet: float
    boot: float
    slant_front: float
    slant_rear: float
    belt: float
    nose: float
    wheel: float = 0.31
    cargo: bool = False


def bodywork(shape: Shape, paint: Floats, rng: Generator) -> FrozenSolid:
    """A car of these proportions in this colour [3], its details drawn by ``rng``."""
    solid = Solid()
    _wheels_inside(solid, shape)
    _body(solid, shape, paint)
    _cabin(solid, shape, paint, rng)
    _front(solid, shape, paint, rng)
    _rear(solid, shape, paint, rng)
    _sides(solid, shape, paint, rng)
    return solid.freeze()


def _stations(shape: Shape) -> Floats:
    """Cross-sections along the car [K, 3]: z, share of the width, height of the upper edge."""
    half = shape.length / 2
    front_glass, rear_glass = half - shape.bonnet, -half + shape.boot
    deck = shape.belt + 0.02
    return np.array([
        (-half, 0.84, deck - 0.10), (-half + 0.10, 0.93, deck - 0.02),
        (-half + 0.45, 0.985, deck), (max(rear_glass, -half + 0.9), 1.0, shape.belt + 0.01),
        (0.0, 1.0, shape.belt), (front_glass - 0.1, 1.0, shape.belt - 0.01),
        (front_glass + (half - front_glass) * 0.55, 0.97, (shape.belt + shape.nose) / 2 + 0.03),
        (half - 0.12, 0.90, shape.nose), (half, 0.78, shape.nose - 0.12),
    ])  # fmt: skip


SECTION = np.array(
    [(0.90, 0.0), (0.965, 0.10), (0.995, 0.32), (1.0, 0.55), (0.99, 0.80), (0.955, 0.93), (0.90, 1)]
)
"""A cross-section from sill to shoulder: share of the width, share of the height."""
SILL = 0.21
CROWN = 0.6
"""The share of the width in which bonnet, boot and ends bulge."""
END_REAR, END_FRONT = -0.05, 0.09
"""Metres by which the ends bulge."""


def _body(solid: Solid, shape: Shape, paint: Floats) -> None:
    """Sides, ends and decks below the windows."""
    stations = _stations(shape)
    z, wide, top = (stations[:, k : k + 1] for k in range(3))
    x = wide * shape.width / 2 * SECTION[:, 0]
    y = SILL + (top - SILL) * SECTION[:, 1]
    side = np.stack([x, y, np.broadcast_to(z, x.shape)], axis=2)
    for i in range(len(side) - 1):
        for j in range(len(SECTION) - 1):
            face = np.array([side[i, j], side[i + 1, j], side[i + 1, j + 1], side[i, j + 1]])
            lower = j == 0
            solid.mirrored(face, DARK * 1.5 if lower else paint, 0.1 if lower else 0.55, 1)
        deck = np.array([side[i, -1], side[i + 1, -1], side[i + 1, -1], side[i, -1]])
        crown = deck * (CROWN, 1, 1)
        for k in (0, 1):
            at_end = {0: END_REAR, len(side) - 1: END_FRONT}.get(i + k)
            crown[[k, 3 - k]] += (0, 0.03, 0) if at_end is None else (0, 0, at_end)
        solid.mirrored(np.array([deck[0], deck[1], crown[1], crown[0]]), paint, 0.6, 1)
        middle = np.array([crown[0], crown[1], crown[1] * (-1, 1, 1), crown[0] * (-1, 1, 1)])
        solid.add(middle, paint, 0.6, 1)
    for end, out in ((side[0], END_REAR), (side[-1], END_FRONT)):
        for j in range(len(SECTION) - 1):
            inner_low = end[j] * (CROWN, 1, 1) + (0, 0, out)
            inner_high = end[j + 1] * (CROWN, 1, 1) + (0, 0, out)
            colour, gloss = (DARK * 1.5, 0.1) if j == 0 else (paint, 0.5)
            solid.mirrored(np.array([end[j], inner_low, inner_high, end[j + 1]]), colour, gloss, 1)
            left = (-1, 1, 1)
            whole = np.array([inner_low, inner_low * left, inner_high * left, inner_high])
            solid.add(whole, colour, gloss, 1)


def _cabin(solid: Solid, shape: Shape, paint: Floats, rng: Generator) -> None:
    """Roof, pillars and windows."""
    half = shape.length / 2
    low_wide, high_wide = shape.width / 2 * 0.92, shape.width / 2 * (0.88 if shape.cargo else 0.74)
    low, high = shape.belt - 0.01, shape.height - 0.07
    gloss = rng.uniform(0.3, 0.75)
    rear, front = -half + shape.boot, half - shape.bonnet
    rear_top, front_top = rear + shape.slant_rear, front - shape.slant_front

    def side(u: float, v: float) -> Floats:
        """A point of the right side, u from rear to front, v from belt to roof."""
        z = (rear + (front - rear) * u) * (1 - v) + (rear_top + (front_top - rear_top) * u) * v
        return np.array([low_wide + (high_wide - low_wide) * v, low + (high - low) * v, z])

    def pane(u0: float, u1: float, v0: float, v1: float) -> Floats:
        return np.array([side(u0, v0), side(u1, v0), side(u1, v1), side(u0, v1)])

    solid.mirrored(pane(0, 1, 0, 1), paint, 0.5, 2)
    cuts = [0.10, 0.48, 0.92]
    if shape.cargo:
        cuts = [0.58, 0.93]
    elif shape.boot < 0.5:
        cuts = [0.06, 0.27, 0.56, 0.92]
    for a, b in itertools.pairwise(cuts):
        solid.mirrored(pane(a, b - 0.025, 0.06, 0.87), GLASS * rng.uniform(0.7, 1.5), gloss, 3)
    left = (-1, 1, 1)
    for end in (0.0, 1.0):
        foot, head = side(end, 0), side(end, 1)
        solid.add(np.array([foot, foot * left, head * left, head]), paint, 0.5, 2)
        if shape.cargo and end == 0.0:
            continue
        inset_low, inset_high = foot * 0.93 + head * 0.07, foot * 0.1 + head * 0.9
        inset_low, inset_high = inset_low * (0.93, 1, 1), inset_high * (0.91, 1, 1)
        _screen(solid, inset_low, inset_high, gloss)
    behind, ahead = side(0, 1), side(1, 1)
    inner_behind = behind * (CROWN, 1, 1) + (0, 0.07, 0.12)
    inner_ahead = ahead * (CROWN, 1, 1) + (0, 0.07, -0.15)
    solid.mirrored(np.array([behind, ahead, inner_ahead, inner_behind]), paint, 0.6, 2)
    for outer, inner in ((behind, inner_behind), (ahead, inner_ahead)):
        solid.add(np.array([outer, outer * left, inner * left, inner]), paint, 0.5, 2)
    roof = np.array([inner_behind, inner_ahead, inner_ahead * left, inner_behind * left])
    solid.add(roof, paint, 0.6, 2)


def _screen(solid: Solid, low: Floats, high: Floats, gloss: float) -> None:
    """A bulging windscreen or rear window between its right lower and upper corners."""
    left, out = (-1, 1, 1), np.array([0, 0.02, 0.05 * np.sign(low[2])])
    rows = [low * (1 - v) + high * v for v in (0.0, 0.3, 0.65, 1.0)]
    for k, (a, b) in enumerate(itertools.pairwise(rows)):
        inner_a, inner_b = a * (0.55, 1, 1) + out, b * (0.55, 1, 1) + out
        tone = GLASS * (0.6 + 0.4 * k)
        solid.mirrored(np.array([a, inner_a, inner_b, b]), tone, gloss, 3)
        solid.add(np.array([inner_a, inner_a * left, inner_b * left, inner_b]), tone, gloss, 3)
    for x in (-0.36, 0.36):
        foot, top = low * 0.9 + high * 0.1 + out, low * 0.55 + high * 0.45 + out
        seat = np.array([[x - 0.17, *foot[1:]], [x + 0.17, *foot[1:]], [x + 0.12, *top[1:]],
                         [x - 0.12, *top[1:]]])  # fmt: skip
        solid.add(seat, GLASS * 0.3, gloss * 0.8, 4)


def _on_end(x0: float, x1: float, y0: float, y1: float, z: float) -> Floats:
    return np.array([[x0, y0, z], [x1, y0, z], [x1, y1, z], [x0, y1, z]])


def _front(solid: Solid, shape: Shape, paint: Floats, rng: Generator) -> None:
    """Head lamps, grille, bumper and number plate."""
    z, half, nose = shape.length / 2 + 0.10, shape.width / 2, shape.nose
    lamp = np.array([178.0, 184, 190]) * rng.uniform(0.8, 1.3)
    corner = np.array([
        [half * 0.42, nose - 0.20, z - 0.02], [half * 0.72, nose - 0.20, z - 0.08],
        [half * 0.86, nose - 0.08, z - 0.22], [half * 0.80, nose - 0.01, z - 0.22],
        [half * 0.44, nose - 0.07, z - 0.03],
    ])  # fmt: skip
    solid.mirrored(corner, lamp, 0.4, 3)
    grille = half * rng.uniform(0.25, 0.40)
    solid.add(_on_end(-grille, grille, nose - 0.22, nose - 0.09, z), DARK, 0.2, 3)
    if rng.random() < 0.6:
        solid.add(_on_end(-0.07, 0.07, nose - 0.20, nose - 0.10, z + 0.01), PLATE * 0.7, 0.5, 4)
    wide = half * rng.uniform(0.5, 0.68)
    solid.add(_on_end(-wide, wide, 0.25, 0.37, z), DARK, 0.1, 3)
    _plate(solid, 0.42, z + 0.01, 0.0)


def _plate(solid: Solid, y: float, z: float, tilt: float) -> None:
    """A number plate with its letters."""
    solid.add(_on_end(-0.26, 0.26, y, y + 0.115, z), PLATE, 0.1, 4)
    out = z + np.sign(z) * 0.005
    solid.add(_on_end(-0.26, -0.225, y, y + 0.115, out), np.array([30.0, 60, 150]), 0.1, 5)
    for x in (-0.19, -0.11, -0.01, 0.06, 0.14):
        solid.add(_on_end(x, x + 0.045, y + 0.025, y + 0.09, out), DARK * 2, 0.0, 5)


def _rear(solid: Solid, shape: Shape, paint: Floats, rng: Generator) -> None:
    """Tail lamps, the lid's edges, bumper and number plate."""
    z, half, deck = -shape.length / 2 - 0.06, shape.width / 2, shape.belt
    red = np.array([150.0, 18, 18]) * rng.uniform(0.6, 1.4)
    tall = rng.uniform(0.16, 0.32) if shape.height < 1.6 else rng.uniform(0.3, 0.6)
    inner, low = half * rng.uniform(0.58, 0.76), deck - 0.06 - tall
    lamp = np.array([
        [inner, low, z + 0.01], [half * 0.84, low + 0.02, z + 0.10],
        [half * 0.84, deck - 0.08, z + 0.12], [inner, deck - 0.06, z + 0.01],
    ])  # fmt: skip
    solid.mirrored(lamp, red, 0.3, 3)
    wrap = np.array([
        [half * 0.845, low + 0.03, z + 0.10], [half * 0.955, low + 0.06, z + 0.30],
        [half * 0.945, deck - 0.10, z + 0.32], [half * 0.84, deck - 0.08, z + 0.12],
    ])  # fmt: skip
    solid.mirrored(wrap, red * 0.9, 0.3, 3)
    strip = low + tall * rng.uniform(0.3, 0.6)
    white = np.array([[inner, strip - 0.04, z], [half * 0.82, strip - 0.03, z + 0.08],
                      [half * 0.82, strip + 0.03, z + 0.08], [inner, strip + 0.03, z]])  # fmt: skip
    solid.mirrored(white, np.array([215.0, 190, 170]), 0.3, 4)
    wide = half * 0.70
    solid.add(_on_end(-wide, wide, 0.48, 0.50, z), paint * 0.35, 0.0, 3)
    solid.add(_on_end(-wide * 0.8, wide * 0.8, 0.24, 0.34, z), DARK * 1.3, 0.1, 3)
    for x in (-wide * 0.86, wide * 0.86):
        if low > 0.62:
            solid.add(_on_end(x - 0.008, x + 0.008, 0.5, low, z), paint * 0.4, 0.0, 3)
    _plate(solid, rng.choice([0.37, 0.58, 0.66]), z - 0.01, 0.0)


def _sides(solid: Solid, shape: Shape, paint: Floats, rng: Generator) -> None:
    """Wheels and arches, door joints, handles and mirrors."""
    half, radius = shape.width / 2, shape.wheel
    rim = np.array([150.0, 152, 156]) * rng.uniform(0.5, 1.2)
    angles = np.linspace(0, 2 * np.pi, 15)[:-1]
    disc = np.stack([np.zeros(14), np.sin(angles), np.cos(angles)], axis=1)
    for z in _axles(shape):
        hub = np.array([half * 1.003, radius, z])
        solid.mirrored(disc[:8] * (radius + 0.06) + hub, DARK * 0.6, 0.0, 3)
        solid.mirrored(disc * radius + hub, TYRE, 0.05, 4)
        solid.mirrored(disc * radius * 0.67 + hub, rim, 0.3, 5)
        for k in range(0, 14, 3):
            spoke = np.array([disc[k], disc[(k + 1) % 14] * 0.95, disc[k] * 0.25])
            solid.mirrored(spoke * radius * 0.6 + hub, DARK * 1.2, 0.1, 6)
        solid.mirrored(disc[::2] * radius * 0.16 + hub, rim * 0.8, 0.2, 7)
    front = shape.length / 2 - shape.bonnet
    x, low, high = half * 1.004, 0.34, shape.belt - 0.02
    joints = [front - 0.25, front - 1.35] + ([front - 2.3] if rng.random() < 0.6 else [])
    for z in joints:
        line = np.array([[x, low, z], [x, low, z + 0.018], [x, high, z + 0.018], [x, high, z]])
        solid.mirrored(line, paint * 0.35, 0.0, 3)
    for z in joints[1:]:
        y = shape.belt - 0.14
        handle = np.array([[x, y, z + 0.06], [x, y, z + 0.26], [x, y + 0.04, z + 0.26],
                           [x, y + 0.04, z + 0.06]])  # fmt: skip
        solid.mirrored(handle, paint * 0.5, 0.2, 4)
    mirror = np.array([half * 0.96, shape.belt + 0.02, front - 0.55])
    out, up, deep = np.array([0.2, 0.0, -0.04]), np.array([0, 0.15, 0.0]), np.array([0, 0, 0.14])
    colour = paint if rng.random() < 0.7 else DARK
    solid.mirrored(mirror + np.array([0 * out, out, out + up, up]), colour * 0.6, 0.3, 8)
    solid.mirrored(mirror + deep + np.array([0 * out, out, out + up, up]), colour, 0.4, 8)
    solid.mirrored(mirror + out + np.array([0 * deep, deep, deep + up, up]), colour, 0.4, 8)


def _axles(shape: Shape) -> tuple[float, float]:
    half = shape.length / 2
    return -half + 0.19 * shape.length, half - 0.195 * shape.length


def _wheels_inside(solid: Solid, shape: Shape) -> None:
    """What shows of the wheels and the floor from in front and behind."""
    half = shape.width / 2
    for z, out in zip(_axles(shape), (-1, 1), strict=True):
        face = _on_end(half * 0.72, half * 0.985, 0.0, 0.45, z + out * shape.wheel * 0.75)
        solid.mirrored(face, TYRE, 0.0, 0)
    for z in (-shape.length * 0.42, shape.length * 0.42):
        solid.add(_on_end(-half * 0.9, half * 0.9, 0.14, 0.5, z), DARK * 0.5, 0.0, 0)
