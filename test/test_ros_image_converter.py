"""cv_bridge reads images where it works; where it does not, the node still does."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from rosbags.image import message_to_cvimage

from mots_ros.ros.image_converter import image_converter

WORKING = """
class CvBridge:
    def cv2_to_imgmsg(self, image, encoding):
        return image

    def imgmsg_to_cv2(self, message, encoding):
        return message
"""
# What a compiled part for another NumPy may do at its first use, after an import that went well.
CRASHING = WORKING.replace("return message", "import os; os.abort()")


class Logger:
    """Keeps what is logged."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def info(self, text: str) -> None:
        self.lines.append(f"info: {text}")

    def warning(self, text: str) -> None:
        self.lines.append(f"warning: {text}")


def install(monkeypatch: pytest.MonkeyPatch, folder: Path, source: str) -> None:
    (folder / "cv_bridge.py").write_text(source)
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setenv("PYTHONPATH", str(folder))
    monkeypatch.delitem(sys.modules, "cv_bridge", raising=False)


def chosen() -> tuple[Any, list[str]]:
    logger = Logger()
    return image_converter(logger), logger.lines  # type: ignore[arg-type]


def test_a_working_cv_bridge_is_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    install(monkeypatch, tmp_path, WORKING)
    convert, lines = chosen()
    assert type(convert.__self__).__name__ == "CvBridge"
    assert lines == []


def test_a_crashing_cv_bridge_is_left_alone_with_one_line_in_the_log(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    install(monkeypatch, tmp_path, CRASHING)
    convert, (line,) = chosen()
    assert convert is message_to_cvimage
    assert line.startswith("warning: ")
    assert "cv_bridge" in line


def test_without_cv_bridge_images_are_read_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    convert, (line,) = chosen()
    assert convert is message_to_cvimage
    assert line.startswith("info: ")
