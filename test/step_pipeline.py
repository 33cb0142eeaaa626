"""A pipeline that is made of a function."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

from mots_ros.core.types import Frame, TrackedFrame


class StepPipeline:
    """Answers every frame at once, with what ``step`` gives."""

    def __init__(self, step: Callable[[Frame], TrackedFrame], class_name: str = "car") -> None:
        self.detector = SimpleNamespace(class_names=(class_name,))
        self._step = step

    def step(self, frame: Frame) -> list[TrackedFrame]:
        return [self._step(frame)]

    def finish(self) -> list[TrackedFrame]:
        return []
