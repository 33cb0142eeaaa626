"""The tracker as a lifecycle node."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from traceback import format_exception

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from std_srvs.srv import Trigger
from vision_msgs.msg import LabelInfo, VisionClass

from mots_ros.build import build_head, build_pipeline, head_path, reconfigure
from mots_ros.config import Config
from mots_ros.parameter import ConfigError
from mots_ros.pipeline import Pipeline
from mots_ros.ros import parameters
from mots_ros.ros.diagnostics import Health
from mots_ros.ros.image_converter import image_converter
from mots_ros.ros.interface import LATCHED, QUEUE, TRACKER, publisher
from mots_ros.ros.worker import Worker

_PATIENCE_S = 1.0
SUCCESS, FAILURE = TransitionCallbackReturn.SUCCESS, TransitionCallbackReturn.FAILURE


class TrackerNode(LifecycleNode):
    """Tracks the objects in the images of one camera, while it is active.

    Configuring loads the weights; while inactive the network keeps no memory of a GPU.
    """

    def __init__(
        self,
        build: Callable[[Config], Pipeline] = build_pipeline,
        namespace: str | None = None,
    ) -> None:
        """Declare the parameters; ``build`` will make the pipeline.

        Raises:
            ConfigError: a parameter is wrong; the message says which and why.
        """
        # First, for destroy_node comes also where what follows raises.
        self._pipeline: Pipeline | None = None
        self._worker: Worker | None = None
        self.abandoned = False
        super().__init__(
            TRACKER, namespace=namespace, automatically_declare_parameters_from_overrides=True
        )
        self._build = build
        self._live = parameters.LiveConfig(
            self,
            parameters.declare(self),
            self._check,
            self._publish_label_info,
        )
        self._health = Health()
        self._label_info = publisher(self, LabelInfo, "~/label_info", LATCHED)
        self._diagnostics = publisher(self, DiagnosticArray, "/diagnostics", QUEUE)
        self.create_service(Trigger, "~/reset", self._reset)
        # Diagnostics keep coming while simulated time stands still.
        self.create_timer(1.0, self._report, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def start(self) -> bool:
        """Configure and activate, where ``node.autostart`` says so; whether nothing failed."""
        if not self._live.current.node.autostart:
            return True
        return self.trigger_configure() == SUCCESS and self.trigger_activate() == SUCCESS

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Load the weights; a wrong parameter or file fails, and the log says why."""
        return self._attempt(self._load)

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Listen to the camera, and track; where that fails the log says why."""
        assert self._pipeline is not None, "configuring comes first"
        done = self._attempt(partial(self._begin, self._pipeline))
        if done != SUCCESS:
            self._pipeline.sleep()
        return done

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Finish the frame in work, forget the tracks, and give the GPU's memory back."""
        self._stop()
        return SUCCESS

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Forget the network."""
        self._pipeline = None
        return SUCCESS

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """End, from whatever state."""
        self._stop()
        self._pipeline = None
        return SUCCESS

    def destroy_node(self) -> None:
        """Let the frame in work finish, if that does not take long, and end.

        ``abandoned`` says afterwards whether it took too long: a thread is still in it.
        """
        self._stop(_PATIENCE_S)
        super().destroy_node()

    def _attempt(self, work: Callable[[], None]) -> TransitionCallbackReturn:
        """Do the work of a transition; rclpy would swallow what it raises."""
        try:
            work()
        except Exception as error:
            self._health.rests(f"{type(error).__name__}: {error}")
            known = isinstance(error, ValueError)
            text = f"{error}{origin(error)}" if known else "".join(format_exception(error))
            self.get_logger().fatal(text)
            return FAILURE
        self._health.rests()
        return SUCCESS

    def _load(self) -> None:
        self._pipeline = self._build(self._live.current)
        self._to_rgb = image_converter(self.get_logger())
        self._health.device = self._pipeline.detector.device
        self._publish_label_info()

    def _begin(self, pipeline: Pipeline) -> None:
        # Parameters may have changed since configuring.
        reconfigure(pipeline, self._live.current)
        pipeline.wake()
        self._worker = Worker(self, pipeline, self._to_rgb, self._live, self._health)

    def _stop(self, patience_s: float | None = None) -> None:
        if self._worker is not None and self._pipeline is not None:
            self.abandoned = not self._worker.close(patience_s)
            self._worker = None
            if not self.abandoned:
                self._pipeline.sleep()
            self._health.rests()

    def _reset(self, _: Trigger.Request, answer: Trigger.Response) -> Trigger.Response:
        answer.success = self._worker is not None
        answer.message = "all tracks end with the next image" if self._worker else "not active"
        if self._worker is not None:
            self._worker.reset()
        return answer

    def _check(self, config: Config) -> None:
        """Raise CheckpointError where another tracker is wanted that cannot be had."""
        if self._pipeline and head_path(config.tracker) != head_path(self._live.current.tracker):
            build_head(config.tracker, self._pipeline.detector.runner)

    def _publish_label_info(self) -> None:
        if self._pipeline is None:
            return
        classes = [
            VisionClass(class_id=index, class_name=name)
            for index, name in enumerate(self._pipeline.detector.class_names)
        ]
        threshold = self._live.current.detector.score_threshold
        message = LabelInfo(class_map=classes, threshold=threshold)
        message.header.stamp = self.get_clock().now().to_msg()
        self._label_info.publish(message)

    def _report(self) -> None:
        name, active = self.get_fully_qualified_name(), self._worker is not None
        message = DiagnosticArray(status=[self._health.report(name, active)])
        message.header.stamp = self.get_clock().now().to_msg()
        self._diagnostics.publish(message)


def origin(error: Exception) -> str:
    """Where a wrong parameter came from, as far as the command line tells."""
    files = [file for flag, file in pairwise(sys.argv) if flag == "--params-file"]
    return f" (from {', '.join(files)})" if files and isinstance(error, ConfigError) else ""
