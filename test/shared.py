"""Where reference data lies that is no part of the package; tests that need it skip without."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

SHARED = Path(os.environ.get("MOTS_SHARED", Path(__file__).resolve().parents[2] / "shared"))


def parity(name: str) -> Path:
    """A file of the reference program's recorded numbers; skips the test where it is missing."""
    path = SHARED / "parity" / name
    if not path.exists():
        pytest.skip(f"reference numbers are missing: {path}; MOTS_SHARED names their folder")
    return path


def data(name: str) -> Path:
    """A set of recorded images or annotations; skips the test where it is missing."""
    path = SHARED / "data" / name
    if not path.exists():
        pytest.skip(f"recorded data are missing: {path}; MOTS_SHARED names their folder")
    return path
