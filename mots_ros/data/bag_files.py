"""rosbag2 recordings on disk, read and written without ROS."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from rosbags.interfaces import (
    Connection,
    MessageDefinitionFormat,
    Qos,
    QosDurability,
    QosHistory,
    QosLiveliness,
    QosReliability,
    QosTime,
)
from rosbags.rosbag2 import Reader, StoragePlugin, Writer
from rosbags.typesys import get_types_from_msg
from rosbags.typesys.store import Typestore

from mots_ros.data.drives import DriveError
from mots_ros.data.message_types import standard_types

# 2^63 - 1 nanoseconds.
_FOREVER = QosTime(9223372036, 854775807)


@dataclass(frozen=True)
class Topic:
    """What a recording holds of one topic.

    type: such as ``sensor_msgs/msg/Image``.
    count: messages.
    latched: whether its last message is meant for whoever joins later (transient local).
    """

    name: str
    type: str
    count: int
    latched: bool


@dataclass(frozen=True)
class BagMessage:
    """A recorded message: when it was recorded (ns) and its serialized (CDR) bytes."""

    topic: str
    type: str
    stamp_ns: int
    data: bytes


class BagReader:
    """A recording, open for reading while in a ``with`` statement.

    Args:
        path: a rosbag2 folder, or a bare .mcap or .db3 file.

    Raises:
        DriveError: there is no bag, or it cannot be read; also while messages are read.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        if not self.path.exists():
            raise DriveError(f"{self.path}: expected a bag, found nothing")
        if self.path.is_dir() and not (self.path / "metadata.yaml").exists():
            raise DriveError(
                f"{self.path}: expected a rosbag2 folder with a metadata.yaml; where that is "
                "missing, name the .mcap file itself"
            )
        try:
            self._reader = Reader(self.path)
            self._reader.open()
        except Exception as error:  # Damaged files fail in many ways.
            raise self._unreadable(error) from error
        self._types = standard_types()

    def __enter__(self) -> BagReader:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._reader.close()

    @property
    def topics(self) -> Mapping[str, Topic]:
        """The recorded topics by name."""
        topics: dict[str, Topic] = {}
        for connection in self._reader.connections:
            name = connection.topic
            known = topics.get(name, Topic(name, connection.msgtype, 0, False))
            topics[name] = Topic(
                name,
                known.type,
                known.count + connection.msgcount,
                known.latched or _is_latched(connection),
            )
        return topics

    def messages(self, topics: Collection[str] | None = None) -> Iterator[BagMessage]:
        """The messages of all or some topics, in the order in which they were recorded."""
        connections = [
            connection
            for connection in self._reader.connections
            if topics is None or connection.topic in topics
        ]
        if not connections:
            return
        try:
            for connection, stamp_ns, data in self._reader.messages(connections):
                yield BagMessage(connection.topic, connection.msgtype, stamp_ns, data)
        except Exception as error:  # As above; what the caller does with a message is not in here.
            raise self._unreadable(error) from error

    def decode(self, message: BagMessage) -> Any:
        """The message with its fields as attributes; arrays are NumPy's."""
        try:
            if message.type not in self._types.fielddefs:
                self._types.register(self._recorded_definition(message.type))
            return self._types.deserialize_cdr(message.data, message.type)
        except Exception as error:
            raise DriveError(
                f"{self.path}: a message on {message.topic} is no {message.type}: {error}"
            ) from error

    def _recorded_definition(self, message_type: str) -> Any:
        for connection in self._reader.connections:
            definition = connection.msgdef
            if (
                connection.msgtype == message_type
                and definition.format == MessageDefinitionFormat.MSG
            ):
                return get_types_from_msg(definition.data, message_type)
        raise ValueError("the bag does not hold its definition")

    def _unreadable(self, error: Exception) -> DriveError:
        return DriveError(f"{self.path}: cannot be read as a rosbag2 recording: {error}")


class BagWriter:
    """A new recording in MCAP, finished at the end of its ``with`` statement.

    It is finished also where the statement ends with an error: what was written remains readable.

    Args:
        path: the folder to make.
        types: definitions of the types that are written.

    Raises:
        DriveError: the folder exists or cannot be made.
    """

    def __init__(self, path: Path | str, types: Typestore | None = None) -> None:
        self.path = Path(path)
        if self.path.exists():
            raise DriveError(f"{self.path} exists; it is not overwritten")
        self.types = types or standard_types()
        self._connections: dict[str, Connection] = {}
        # 9 is what Jazzy and later write.
        self._writer = Writer(self.path, version=9, storage_plugin=StoragePlugin.MCAP)
        try:
            self._writer.open()
        except OSError as error:
            raise DriveError(f"{self.path}: cannot make it: {error.strerror}") from error

    def __enter__(self) -> BagWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._writer.close()

    def add_topic(self, name: str, message_type: str, latched: bool = False) -> None:
        """Announce a topic; its type must be in ``types``.

        Args:
            latched: players keep its last message for whoever joins later (transient local).
        """
        self._connections[name] = self._writer.add_connection(
            name, message_type, typestore=self.types, offered_qos_profiles=[_qos(latched)]
        )

    def write(self, topic: str, stamp_ns: int, data: bytes | memoryview) -> None:
        """Add a serialized (CDR) message as recorded at ``stamp_ns``."""
        self._writer.write(self._connections[topic], stamp_ns, data)

    def write_message(self, topic: str, stamp_ns: int, message: Any) -> None:
        """Serialize and add a message of the classes in ``types.types``."""
        connection = self._connections[topic]
        self._writer.write(
            connection, stamp_ns, self.types.serialize_cdr(message, connection.msgtype)
        )


def _qos(latched: bool) -> Qos:
    durability = QosDurability.TRANSIENT_LOCAL if latched else QosDurability.VOLATILE
    return Qos(
        QosHistory.KEEP_LAST,
        1 if latched else 10,
        QosReliability.RELIABLE,
        durability,
        _FOREVER,
        _FOREVER,
        QosLiveliness.AUTOMATIC,
        _FOREVER,
        False,
    )


def _is_latched(connection: Connection) -> bool:
    profiles: list[Qos] = getattr(connection.ext, "offered_qos_profiles", [])
    return any(profile.durability == QosDurability.TRANSIENT_LOCAL for profile in profiles)
