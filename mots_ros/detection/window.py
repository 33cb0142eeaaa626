"""Frames on their way through a tracker's context: some must wait for those after them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from mots_ros.core.letterbox import Letterbox
from mots_ros.core.types import Frame
from mots_ros.nets.searchtrack import Features
from mots_ros.nets.tracker_head import Context


@dataclass(frozen=True)
class Glance:
    """A frame, and what the network made of it before any head.

    ``raw`` is what the shared features were before a context changed them.
    """

    frame: Frame
    letterbox: Letterbox
    raw: Tensor
    features: Features


class Window:
    """The latest frames of one drive, as far as a context looks."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self.forget()

    def forget(self) -> None:
        """Another drive begins; what waits is lost."""
        self._glances: list[Glance] = []
        self._waiting = 0
        self._memory: Any = None

    def push(self, glance: Glance) -> list[Glance]:
        """Take in the next frame; returns those whose context is complete, with it."""
        finished = []
        if self._glances and self._glances[-1].letterbox != glance.letterbox:
            finished = self.finish()
        self._glances.append(glance)
        self._waiting += 1
        if self._waiting > self._context.future:
            finished.append(self._next())
        return finished

    def finish(self) -> list[Glance]:
        """Those that waited for frames that will not come; the next frame begins a drive."""
        finished = [self._next() for _ in range(self._waiting)]
        self.forget()
        return finished

    def _next(self) -> Glance:
        """The oldest frame that waits, with its context."""
        now = len(self._glances) - self._waiting
        around = range(now - self._context.past, now + self._context.future + 1)
        here = self._glances[now]
        nothing = torch.zeros_like(here.raw)
        window = [self._glances[i].raw if 0 <= i < len(self._glances) else nothing for i in around]
        shared, self._memory = self._context(torch.cat(window), self._memory)
        self._waiting -= 1
        del self._glances[: max(0, now + 1 - self._context.past)]
        return replace(here, features=replace(here.features, shared=shared))
