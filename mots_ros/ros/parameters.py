"""The configuration as ROS parameters: declared with its meaning, changed while running."""

from __future__ import annotations

import dataclasses
import traceback
from collections.abc import Callable, Sequence
from typing import Any

from rcl_interfaces.msg import (
    FloatingPointRange,
    IntegerRange,
    ParameterDescriptor,
    SetParametersResult,
)
from rclpy.node import Node
from rclpy.parameter import Parameter

from mots_ros.config import Config, owned_by_ros, parameters


def declare(node: Node) -> Config:
    """Declare every field of the configuration on ``node`` and return what is set.

    The node must have been created with ``automatically_declare_parameters_from_overrides``:
    only so are keys of a parameter file that nobody knows to be seen at all.

    Raises:
        ConfigError: a key is unknown, or a value has the wrong type or range.
    """
    given = {
        name: parameter.value
        for name, parameter in node.get_parameters_by_prefix("").items()
        if not owned_by_ros(name)
    }
    config = Config().with_values(given)
    for name in given:
        node.undeclare_parameter(name)
    known = parameters()
    for name, value in config.values().items():
        node.declare_parameter(name, value, describe(known[name]), ignore_override=True)
    return config


def describe(entry: dataclasses.Field[Any]) -> ParameterDescriptor:
    """What ``ros2 param describe`` and rqt show of a configuration field."""
    about = entry.metadata
    descriptor = ParameterDescriptor(
        description=about["description"],
        read_only=about["restart"],
    )
    if about["choices"]:
        descriptor.additional_constraints = f"one of {', '.join(about['choices'])}"
    if about["low"] is not None:
        # Every number has both ends.
        if isinstance(entry.default, tuple):
            descriptor.additional_constraints = f"each in [{about['low']}, {about['high']}]"
        elif isinstance(entry.default, float):
            limits = FloatingPointRange(from_value=about["low"], to_value=about["high"])
            descriptor.floating_point_range = [limits]
        else:
            descriptor.integer_range = [
                IntegerRange(
                    from_value=int(about["low"]), to_value=int(about["high"]), step=about["step"]
                )
            ]
    return descriptor


class LiveConfig:
    """Follows a node's parameters as they are set.

    ``current`` is replaced as a whole, and only by configurations that have been checked, so
    another thread may read it at any time. Several parameters set atomically arrive together or
    not at all. ``check`` raises an error against what is in range and still cannot be.
    """

    def __init__(
        self,
        node: Node,
        config: Config,
        check: Callable[[Config], None],
        on_change: Callable[[], None],
    ) -> None:
        self._node = node
        self.current = config
        self._check_whole = check
        self._on_change = on_change
        node.add_pre_set_parameters_callback(_whole_numbers_as_doubles)
        node.add_on_set_parameters_callback(self._check)
        node.add_post_set_parameters_callback(self._apply)

    def _check(self, changes: Sequence[Parameter[Any]]) -> SetParametersResult:
        try:
            self._check_whole(self._changed(changes))
        except Exception as error:
            # What escapes from here ends the executor, and with it the node.
            if not isinstance(error, ValueError):
                self._node.get_logger().error("".join(traceback.format_exception(error)))
            return SetParametersResult(successful=False, reason=str(error) or type(error).__name__)
        return SetParametersResult(successful=True)

    def _apply(self, changes: Sequence[Parameter[Any]]) -> None:
        changed = self._changed(changes)
        if changed != self.current:
            self.current = changed
            self._on_change()

    def _changed(self, changes: Sequence[Parameter[Any]]) -> Config:
        return self.current.with_values(
            {change.name: change.value for change in changes if not owned_by_ros(change.name)}
        )


def _whole_numbers_as_doubles(changes: list[Parameter[Any]]) -> list[Parameter[Any]]:
    """What was meant by ``ros2 param set ... 1`` where a double is declared."""
    known = parameters()

    def meant(change: Parameter[Any]) -> Parameter[Any]:
        default = known[change.name].default if change.name in known else None
        if change.type_ == Parameter.Type.INTEGER and isinstance(default, float):
            return Parameter(change.name, Parameter.Type.DOUBLE, float(change.value))
        if change.type_ == Parameter.Type.INTEGER_ARRAY and isinstance(default, tuple):
            numbers = [float(number) for number in change.value]
            return Parameter(change.name, Parameter.Type.DOUBLE_ARRAY, numbers)
        return change

    return [meant(change) for change in changes]
