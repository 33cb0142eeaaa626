"""Build the virtual environment that the Makefile runs everything in.

    python3 tools/environment.py .venv           with ROS 2 from packages
    python3 tools/environment.py .venv --ros     on top of the ROS 2 installation that is sourced

Standard library only. The environment is built anew each time, from pip's cache.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import platform
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
REQUIREMENTS = CHECKOUT / "requirements"
FROM_ROSDEP = ("cv2", "matplotlib", "pytest", "scipy", "tqdm", "vision_msgs", "yaml")
TORCH_WITHOUT_CUDA = "https://download.pytorch.org/whl/cpu"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("environment", type=Path, help="folder, emptied first")
    parser.add_argument("--ros", action="store_true", help="use the sourced ROS 2 installation")
    arguments = parser.parse_args()
    environment = arguments.environment.resolve()
    check(with_ros=arguments.ros)

    say(f"creating {environment} with Python {platform.python_version()}: a minute or two")
    create(environment, with_ros=arguments.ros)
    say("installing packages")
    lists = ["project"] if arguments.ros else ["project", "system", "ros", "test"]
    pip(environment, "--no-deps", *(f"-r{REQUIREMENTS / name}.txt" for name in lists))
    say("installing torch")
    install_torch(environment)
    if not arguments.ros:
        say("building vision_msgs")
        build_interfaces(environment, CHECKOUT / "interfaces" / "vision_msgs")
    point_to_checkout(environment, with_ros=arguments.ros)


def check(*, with_ros: bool) -> None:
    """Exit with what to install where something is missing that pip cannot bring."""
    if not (3, 10) <= sys.version_info < (3, 13) and not with_ros:
        sys.exit(f"Python 3.10, 3.11 or 3.12 is needed, not {platform.python_version()}")
    if importlib.util.find_spec("ensurepip") is None:
        sys.exit("Python has no venv module: apt install python3-venv")
    if with_ros:
        missing = [name for name in FROM_ROSDEP if importlib.util.find_spec(name) is None]
        if missing:
            sys.exit(
                f"{', '.join(missing)} cannot be imported: "
                "rosdep install --from-paths . --ignore-src installs what package.xml names"
            )
        return
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        sys.exit("ROS 2's packages are for Linux on x86-64; elsewhere, source a ROS 2 installation")
    has_compiler = shutil.which("gcc") and shutil.which("g++")
    if not has_compiler or not Path(sysconfig.get_path("include"), "Python.h").exists():
        sys.exit("vision_msgs is compiled here and needs: apt install g++ python3-dev")


def create(environment: Path, *, with_ros: bool) -> None:
    options = ["--clear"] + (["--system-site-packages"] if with_ros else [])
    subprocess.run([sys.executable, "-m", "venv", *options, environment], check=True)


def pip(environment: Path, *arguments: str, may_fail: bool = False) -> bool:
    """Run ``pip install``; whether it succeeded, which is silent where it ``may_fail``."""
    command = [str(environment / "bin" / "python"), "-m", "pip", "install", "-qq", *arguments]
    found = subprocess.run(command, capture_output=may_fail).returncode == 0
    if not found and not may_fail:
        sys.exit("the packages could not be installed; above is what pip said")
    return found


def install_torch(environment: Path) -> None:
    """The build for the GPU where NVIDIA's driver sees one, else the one for the processor."""
    lines = (REQUIREMENTS / "torch.txt").read_text().splitlines()
    (pinned,) = (line for line in lines if line.startswith("torch=="))
    if not has_gpu():
        for index in ([], ["--retries=1", f"--index-url={TORCH_WITHOUT_CUDA}"]):
            if pip(environment, "--no-deps", *index, f"{pinned}+cpu", may_fail=True):
                return
        say("there is no build of torch for the processor alone; taking the one with CUDA")
    pip(environment, pinned)


def has_gpu() -> bool:
    driver = shutil.which("nvidia-smi")
    if driver is None:
        return False
    return subprocess.run([driver, "--list-gpus"], capture_output=True).returncode == 0


def build_interfaces(environment: Path, source: Path) -> None:
    """Generate and install the messages of the interface package at ``source``."""
    build = environment / "build" / source.name
    python = environment / "bin" / "python"
    definitions = (
        f"-DCMAKE_INSTALL_PREFIX={environment}",
        f"-DCMAKE_PREFIX_PATH={environment}",
        f"-DPython3_EXECUTABLE={python}",
        "-DBUILD_TESTING=OFF",
    )
    steps = (
        ["cmake", "-S", str(source), "-B", str(build), "-G", "Ninja", *definitions],
        ["cmake", "--build", str(build)],
        ["cmake", "--install", str(build)],
    )
    variables = {**os.environ, "AMENT_PREFIX_PATH": str(environment)}
    variables["PATH"] = f"{environment / 'bin'}{os.pathsep}{os.environ['PATH']}"
    for step in steps:
        run = subprocess.run(
            step, env=variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        if run.returncode != 0:
            sys.exit(f"{run.stdout}\n{source.name} could not be built; above is what CMake said")
    shutil.rmtree(build)


def point_to_checkout(environment: Path, *, with_ros: bool) -> None:
    """Let the environment's Python import this checkout, and find ROS 2 without more settings."""
    lines = [str(CHECKOUT)]
    if not with_ros:
        lines.append('import os, sys; os.environ.setdefault("AMENT_PREFIX_PATH", sys.prefix)')
    (site_packages,) = (environment / "lib").glob("python3.*/site-packages")
    (site_packages / "mots_ros.pth").write_text("\n".join(lines) + "\n")


def say(what: str) -> None:
    print(f"-- {what}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
