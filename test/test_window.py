"""Frames wait for their context, in order, and none is lost."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from mots_ros.core.letterbox import Letterbox
from mots_ros.core.types import Frame
from mots_ros.detection.window import Glance, Window
from mots_ros.nets.searchtrack import Features


class Digits:
    """Writes the frames that it sees as the digits of a number, and counts its calls."""

    signed = False

    def __init__(self, past: int, future: int) -> None:
        self.past, self.future = past, future

    def __call__(self, window: Tensor, memory: Any) -> tuple[Tensor, Any]:
        number = sum(10**i * part for i, part in enumerate(reversed(window)))
        calls = (memory or 0) + 1
        return torch.stack([number, torch.full_like(number, calls)])[None], calls


def glance(number: int, width: int = 1, letterbox: Letterbox | None = None) -> Glance:
    frame = Frame(number, "camera", np.zeros((4, 4, 3), np.uint8))
    shared = torch.full((1, 1, 1, width), float(number))
    letterbox = letterbox or Letterbox.contain((4, 4 * width), (4, 4 * width))
    return Glance(frame, letterbox, shared, Features(shared, None, ()))


def said(glances: list[Glance]) -> list[tuple[int, int, int]]:
    """Each frame's number, what its context saw, and the number of the call."""
    return [
        (g.frame.stamp_ns, *map(int, g.features.shared.flatten()[:: g.raw.numel()]))
        for g in glances
    ]


@pytest.mark.parametrize(
    ("past", "future", "seen"),
    [
        (0, 0, ["1", "2", "3", "4"]),
        (1, 1, ["012", "123", "234", "340"]),
        (2, 0, ["001", "012", "123", "234"]),
        (0, 2, ["123", "234", "340", "400"]),
    ],
)
def test_every_frame_gets_its_context(past: int, future: int, seen: list[str]) -> None:
    window = Window(Digits(past, future))
    answers = [said(window.push(glance(number))) for number in (1, 2, 3, 4)]
    assert [len(answer) for answer in answers] == [0] * future + [1] * (4 - future)
    answers.append(said(window.finish()))
    assert [one for answer in answers for one in answer] == [
        (number, int(digits), number) for number, digits in enumerate(seen, start=1)
    ]


def test_another_drive_sees_nothing_of_the_last() -> None:
    window = Window(Digits(1, 1))
    window.push(glance(1))
    window.push(glance(2))
    window.forget()
    assert window.finish() == []
    assert said(window.push(glance(3)) + window.push(glance(4))) == [(3, 34, 1)]


def test_frames_of_another_size_begin_a_drive() -> None:
    window = Window(Digits(1, 1))
    window.push(glance(1))
    window.push(glance(2))
    assert said(window.push(glance(3, width=2))) == [(2, 120, 2)]
    assert said(window.finish()) == [(3, 30, 1)]


def test_so_do_frames_that_lie_elsewhere_in_maps_of_the_same_size() -> None:
    window = Window(Digits(1, 1))
    window.push(glance(1))
    cut = Letterbox.longer_side((8, 4), (4, 4))
    assert said(window.push(glance(2, letterbox=cut))) == [(1, 10, 1)]


def test_only_what_is_needed_is_kept() -> None:
    window = Window(Digits(1, 1))
    for number in range(20):
        window.push(glance(number))
    assert len(window._glances) == 2
