"""Built by colcon as an ament_python package."""

from glob import glob

from setuptools import find_packages, setup

PACKAGE = "mots_ros"


def shared(folder: str) -> tuple[str, list[str]]:
    return f"share/{PACKAGE}/{folder}", sorted(glob(f"{folder}/*.*"))


setup(
    name=PACKAGE,
    version="0.1.0",
    description="Instance segmentation and tracking of road users in camera images (SearchTrack)",
    license="Apache-2.0",
    maintainer="mots_ros developers",
    maintainer_email="mots_ros@users.noreply.github.com",
    packages=find_packages(include=[PACKAGE, f"{PACKAGE}.*"]),
    package_data={f"{PACKAGE}.evaluation.page": ["*.css", "*.js"]},
    data_files=[
        ("share/ament_index/resource_index/packages", [f"resource/{PACKAGE}"]),
        (f"share/{PACKAGE}", ["package.xml"]),
        shared("launch"),
        shared("config"),
        shared("models"),
        shared("rviz"),
        shared("foxglove"),
    ],
    python_requires=">=3.10",
    zip_safe=True,
    entry_points={
        "console_scripts": [
            "tracker_node = mots_ros.ros.tracker_node:main",
            "play = mots_ros.ros.play:main",
            "record = mots_ros.ros.record:main",
            "live = mots_ros.ros.live:main",
            "demo = mots_ros.ros.demo:main",
            "evaluate = mots_ros.commands.evaluate:main",
            "report = mots_ros.commands.report:main",
            "kitti_to_bag = mots_ros.commands.kitti_to_bag:main",
            "generate = mots_ros.commands.generate:main",
            "tune = mots_ros.commands.tune:main",
            "train = mots_ros.commands.train:main",
            "checkpoint = mots_ros.commands.checkpoint:main",
        ],
    },
)
