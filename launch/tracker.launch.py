"""Starts the tracker, and on request RViz and the replay of a recording."""

import posixpath
from typing import Any

from launch import LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument, OpaqueFunction, Shutdown, TimerAction
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.substitutions import FindPackageShare

PACKAGE = "mots_ros"
SHARE = FindPackageShare(PACKAGE)
IMAGE = ("image", LaunchConfiguration("image"))


def switch(name: str, default: bool, description: str) -> DeclareLaunchArgument:
    """An argument that is true or false."""
    return DeclareLaunchArgument(
        name,
        default_value=str(default).lower(),
        choices=["true", "false"],
        description=description,
    )


ARGUMENTS = [
    DeclareLaunchArgument(
        "image", default_value="/camera/image_raw", description="Topic of the camera's images."
    ),
    DeclareLaunchArgument(
        "params_file",
        default_value=PathJoinSubstitution([SHARE, "config", "tracker.yaml"]),
        description="Parameter file of the tracker.",
    ),
    DeclareLaunchArgument(
        "weights",
        default_value="",
        description="Weights of the detector, .safetensors or .pth, in place of the file's.",
    ),
    DeclareLaunchArgument(
        "device",
        default_value="",
        choices=["", "auto", "cpu", "cuda"],
        description="Where the network runs, in place of the file's.",
    ),
    DeclareLaunchArgument(
        "tracker",
        default_value="",
        choices=["", "searchtrack", "trackrcnn", "siammot", "dior", "cstrack", "sort"],
        description="Which tracker links the detections, in place of the file's; the values of its "
        "own file in config/ hold where params_file says nothing else.",
    ),
    DeclareLaunchArgument(
        "namespace", default_value="", description="Namespace of the tracker and its topics."
    ),
    switch(
        "use_sim_time",
        False,
        "Whether time comes from /clock; a replay then publishes it.",
    ),
    switch(
        "autostart",
        True,
        "Whether the tracker activates itself; if not, a lifecycle manager does.",
    ),
    switch(
        "rviz",
        False,
        "Whether to watch in RViz what the tracker sees.",
    ),
    DeclareLaunchArgument(
        "bag",
        default_value="",
        description="Recording to replay on the image topic: rosbag2 folder, .mcap or .db3 file. "
        "When it ends, so does the launch.",
    ),
    DeclareLaunchArgument(
        "bag_topic",
        default_value="",
        description="Images of the recording, where it has several topics of them.",
    ),
    DeclareLaunchArgument(
        "rate", default_value="1.0", description="Speed of the replay relative to the recording."
    ),
    switch(
        "loop",
        False,
        "Whether to replay the recording for ever.",
    ),
    DeclareLaunchArgument(
        "record",
        default_value="",
        description="Folder to record what the tracker publishes into, as an MCAP bag.",
    ),
]

LAST_FRAME_S = 2.0
"""How long after a replay the tracker may work on the last image."""


def generate_launch_description() -> LaunchDescription:
    """The tracker; RViz, the player and the recorder where they are asked for."""
    functions = (tracker, replay, recorder, rviz)
    return LaunchDescription([*ARGUMENTS, *(OpaqueFunction(function=each) for each in functions)])


def program(context: LaunchContext, executable: str, **options: Any) -> Node:
    """One of the package's executables, on the camera's topic."""
    given = context.launch_configurations
    return Node(
        package=PACKAGE,
        executable=executable,
        namespace=given["namespace"],
        remappings=[IMAGE],
        output="screen",
        **options,
    )


def tracker(context: LaunchContext) -> list[Node]:
    """The node; when it ends, so does everything else."""
    given = context.launch_configurations
    overrides = {
        "use_sim_time": given["use_sim_time"] == "true",
        "node.autostart": given["autostart"] == "true",
    }
    for argument, parameter in (
        ("weights", "detector.weights"),
        ("device", "detector.device"),
        ("tracker", "tracker.name"),
    ):
        if given[argument]:
            overrides[parameter] = given[argument]
    node = program(
        context,
        "tracker_node",
        name="mots_tracker",
        parameters=[*own_file(given["tracker"]), given["params_file"], overrides],
        on_exit=Shutdown(reason="the tracker has ended"),
    )
    return [node]


def own_file(name: str) -> list[PathJoinSubstitution]:
    """The parameter file of a tracker; the others have the defaults."""
    if name in ("", "searchtrack", "sort"):
        return []
    return [PathJoinSubstitution([SHARE, "config", f"{name}.yaml"])]


def replay(context: LaunchContext) -> list[Node]:
    """The player, when there is something to play."""
    given = context.launch_configurations
    if not given["bag"]:
        return []
    # RViz listens sooner than the tracker does.
    arguments = [given["bag"], "--rate", given["rate"], "--listener", "mots_tracker"]
    if given["bag_topic"]:
        arguments += ["--topic", given["bag_topic"]]
    if given["loop"] == "true":
        arguments.append("--loop")
    if given["use_sim_time"] == "true":
        arguments.append("--clock")
    if given["record"]:
        # The recorder listens to this topic last.
        arguments += ["--wait-for", "mots_tracker/label_info"]
    end = TimerAction(
        period=LAST_FRAME_S, actions=[Shutdown(reason="the recording has been replayed")]
    )
    return [program(context, "play", arguments=arguments, on_exit=end)]


def recorder(context: LaunchContext) -> list[Node]:
    """The recorder, when something is to be kept."""
    given = context.launch_configurations
    if not given["record"]:
        return []
    failed = Shutdown(reason="the recorder has ended")
    return [program(context, "record", arguments=[given["record"]], on_exit=failed)]


def rviz(context: LaunchContext) -> list[Node]:
    """RViz, when it is asked for, on the topics of this tracker and its camera."""
    given = context.launch_configurations
    if given["rviz"] == "false":
        return []
    image = given["image"]
    camera = posixpath.dirname(image.removesuffix("/compressed"))
    shown = [
        ("/camera/image_raw", image),
        ("/camera/camera_info", posixpath.join(camera, "camera_info")),
        ("/mots_tracker/overlay", "mots_tracker/overlay"),
        ("/mots_tracker/markers", "mots_tracker/markers"),
    ]
    return [
        Node(
            package="rviz2",
            executable="rviz2",
            arguments=["-d", PathJoinSubstitution([SHARE, "rviz", "mots.rviz"])],
            namespace=given["namespace"],
            remappings=shown,
        )
    ]
