"""Definitions of ROS messages, for reading and writing them without ROS."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rosbags.interfaces import Nodetype
from rosbags.interfaces.typing import Fielddefs
from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from rosbags.typesys.store import Typestore

_NAME = re.compile(r"(?P<package>\w+)/msg/(?P<message>\w+)")


class UnknownTypeError(ValueError):
    """No definition of a message type was found; the message says where it was looked for."""


def standard_types() -> Typestore:
    """The messages that every ROS 2 installation has; there is no vision_msgs among them."""
    return get_typestore(Stores.LATEST)


def define(types: Typestore, message_type: str, shares: Sequence[Path] | None = None) -> None:
    """Add a type such as ``vision_msgs/msg/Detection2DArray`` and all it consists of to ``types``.

    Args:
        shares: folders that hold ``vision_msgs/msg/Detection2DArray.msg``; the share folders of
            the ROS installation (AMENT_PREFIX_PATH) when not given.

    Raises:
        UnknownTypeError: a definition is neither known already nor found.
    """
    if shares is None:
        prefixes = os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep)
        shares = [Path(prefix) / "share" for prefix in prefixes if prefix]
    missing = [message_type]
    while missing:
        name = missing.pop()
        if name in types.fielddefs:
            continue
        parsed = get_types_from_msg(_definition(name, shares), name)
        types.register(parsed)
        missing += [part for _, fields in parsed.values() for part in _parts(fields)]


def _definition(name: str, shares: Sequence[Path]) -> str:
    match = _NAME.fullmatch(name)
    if match is None:
        raise UnknownTypeError(f"expected a type like sensor_msgs/msg/Image, found {name!r}")
    relative = Path(match["package"], "msg", f"{match['message']}.msg")
    for share in shares:
        if (share / relative).is_file():
            return (share / relative).read_text(encoding="utf-8")
    places = ", ".join(map(str, shares)) or "AMENT_PREFIX_PATH, which is empty"
    raise UnknownTypeError(f"{name}: expected its definition {relative} in {places}")


def _parts(fields: Fielddefs) -> list[str]:
    """The message types of the fields."""
    parts = []
    for _, field in fields:
        # The nodes of an array hold the node of its elements and its size.
        element: Any = field[1][0] if field[0] in (Nodetype.ARRAY, Nodetype.SEQUENCE) else field
        if element[0] == Nodetype.NAME:
            parts.append(element[1])
    return parts
