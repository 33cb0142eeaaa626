"""Starts the tracker, and on request RViz and the replay of a recording."""

from launch import LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument, OpaqueFunction, Shutdown
from launch.conditions import IfCondition
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.substitutions import FindPackageShare

PACKAGE = "mots_ros"
SHARE = FindPackageShare(PACKAGE)
IMAGE = ("image", LaunchConfiguration("image"))

ARGUMENTS = [
    DeclareLaunchArgument(
        "image", default_value="/camera/image_raw", description="Topic of the camera's images."
    ),
    DeclareLaunchArgument(
        "params",
        default_value=PathJoinSubstitution([SHARE, "config", "tracker.yaml"]),
        description="Parameter file of the tracker.",
    ),
    DeclareLaunchArgument(
        "weights",
        default_value="",
        description="Weights of the detector, .safetensors or .pth, in place of the file's.",
    ),
    DeclareLaunchArgument(
        "rviz",
        default_value="false",
        choices=["true", "false"],
        description="Whether to watch in RViz what the tracker sees.",
    ),
    DeclareLaunchArgument(
        "bag",
        default_value="",
        description="Recording to replay on the image topic: rosbag2 folder, .mcap or .db3 file.",
    ),
    DeclareLaunchArgument(
        "bag_topic",
        default_value="",
        description="Images of the recording, where it has several topics of them.",
    ),
    DeclareLaunchArgument(
        "rate", default_value="1.0", description="Speed of the replay relative to the recording."
    ),
    DeclareLaunchArgument(
        "loop",
        default_value="false",
        choices=["true", "false"],
        description="Whether to replay the recording for ever.",
    ),
]


def generate_launch_description() -> LaunchDescription:
    """The tracker; RViz and the player where they are asked for."""
    rviz = Node(
        package="rviz2",
        executable="rviz2",
        arguments=["-d", PathJoinSubstitution([SHARE, "rviz", "mots.rviz"])],
        condition=IfCondition(LaunchConfiguration("rviz")),
    )
    programs = [OpaqueFunction(function=tracker), OpaqueFunction(function=replay), rviz]
    return LaunchDescription([*ARGUMENTS, *programs])


def tracker(context: LaunchContext) -> list[Node]:
    """The node; when it ends, so does everything else."""
    given = context.launch_configurations
    parameters = [given["params"]]
    if given["weights"]:
        parameters.append({"detector.weights": given["weights"]})
    node = Node(
        package=PACKAGE,
        executable="tracker_node",
        name="mots_tracker",
        parameters=parameters,
        remappings=[IMAGE],
        output="screen",
        on_exit=Shutdown(reason="the tracker has ended"),
    )
    return [node]


def replay(context: LaunchContext) -> list[Node]:
    """The player, when there is something to play."""
    given = context.launch_configurations
    if not given["bag"]:
        return []
    arguments = [given["bag"], "--rate", given["rate"]]
    if given["bag_topic"]:
        arguments += ["--topic", given["bag_topic"]]
    if given["loop"] == "true":
        arguments.append("--loop")
    player = Node(
        package=PACKAGE,
        executable="play",
        arguments=arguments,
        remappings=[IMAGE],
        output="screen",
    )
    return [player]
