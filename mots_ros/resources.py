"""Where the package's own files are: weights, configurations, launch files."""

from __future__ import annotations

import os
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]


def share(folder: str) -> Path:
    """The folder ``models``, ``config``, ``launch`` or ``rviz`` of this package.

    A source checkout comes first, then the installations in the order in which ROS 2 searches them.

    Raises:
        FileNotFoundError: the folder is in none of them; the message says where it was looked for.
    """
    places = [Path(prefix) / "share" / "mots_ros" / folder for prefix in _prefixes()]
    if (CHECKOUT / "package.xml").is_file():
        places.insert(0, CHECKOUT / folder)
    for place in places:
        if place.is_dir():
            return place
    raise FileNotFoundError(
        f"mots_ros has no folder '{folder}'; looked for {', '.join(map(str, places))}"
    )


def _prefixes() -> list[str]:
    overlays = os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep)
    return [prefix for prefix in [*overlays, sys.prefix] if prefix]
