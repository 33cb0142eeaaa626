"""Starts a tracker for each of several cameras, in one process or in several."""

from launch import LaunchContext, LaunchDescription
from launch.actions import (
    DeclareLaunchArgument,
    IncludeLaunchDescription,
    OpaqueFunction,
    Shutdown,
)
from launch.substitutions import PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.substitutions import FindPackageShare

PACKAGE = "mots_ros"
SHARE = FindPackageShare(PACKAGE)

ARGUMENTS = [
    DeclareLaunchArgument(
        "cameras",
        description="Namespaces of the cameras, with commas between them: front,left,right.",
    ),
    DeclareLaunchArgument(
        "image",
        default_value="image_raw",
        description="Topic of a camera's images, relative to its namespace.",
    ),
    DeclareLaunchArgument(
        "shared",
        default_value="true",
        choices=["true", "false"],
        description="Whether all trackers are in one process and share one network, through which "
        "frames of the same moment pass together; else each has a process.",
    ),
    DeclareLaunchArgument(
        "params_file",
        default_value=PathJoinSubstitution([SHARE, "config", "tracker.yaml"]),
        description="Parameter file; what is for one camera alone stands below its node there, "
        "such as /front/mots_tracker.",
    ),
    DeclareLaunchArgument(
        "use_sim_time",
        default_value="false",
        choices=["true", "false"],
        description="Whether time comes from /clock.",
    ),
    DeclareLaunchArgument(
        "autostart",
        default_value="true",
        choices=["true", "false"],
        description="Whether the trackers activate themselves; if not, a lifecycle manager does.",
    ),
]


def generate_launch_description() -> LaunchDescription:
    """The trackers of all cameras."""
    return LaunchDescription([*ARGUMENTS, OpaqueFunction(function=trackers)])


def trackers(context: LaunchContext) -> list[Node | IncludeLaunchDescription]:
    """One process for all cameras, or what ``tracker.launch.py`` starts for each."""
    given = context.launch_configurations
    cameras = [name.strip() for name in given["cameras"].split(",") if name.strip()]
    if not cameras or len(set(cameras)) < len(cameras):
        raise ValueError(f"cameras:={given['cameras']}: expected different names: front,left")
    if given["shared"] == "false":
        common = {name: given[name] for name in ("params_file", "use_sim_time", "autostart")}
        file = PathJoinSubstitution([SHARE, "launch", "tracker.launch.py"])
        return [
            IncludeLaunchDescription(
                file,
                launch_arguments={
                    **common,
                    "namespace": camera,
                    "image": given["image"],
                }.items(),
            )
            for camera in cameras
        ]
    process = Node(
        package=PACKAGE,
        executable="tracker_node",
        arguments=["--namespaces", *cameras],
        parameters=[
            given["params_file"],
            {
                "use_sim_time": given["use_sim_time"] == "true",
                "node.autostart": given["autostart"] == "true",
            },
        ],
        remappings=[("image", given["image"])],
        output="screen",
        on_exit=Shutdown(reason="the trackers have ended"),
    )
    return [process]
