"""What colcon installs, and that everything the code imports is declared somewhere."""

from __future__ import annotations

import ast
import re
import runpy
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import setuptools

from mots_ros.config import Config, parameters

CHECKOUT = Path(__file__).resolve().parents[1]

# Imports whose name is not the one in package.xml or requirements/.
DECLARED_AS = {
    "cv2": "python3-opencv",
    "matplotlib": "python3-matplotlib",
    "numpy": "python3-numpy",
    "scipy": "python3-scipy",
    "tqdm": "python3-tqdm",
    "yaml": "python3-yaml",
}


@pytest.fixture(scope="module")
def installation() -> dict[str, Any]:
    """What setup.py asks setuptools for."""
    said: dict[str, Any] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(CHECKOUT)
        patch.setattr(setuptools, "setup", said.update)
        runpy.run_path("setup.py")
    return said


@pytest.fixture(scope="module")
def manifest() -> ElementTree.Element:
    return ElementTree.parse(CHECKOUT / "package.xml").getroot()


def test_manifest_and_setup_agree(
    installation: dict[str, Any], manifest: ElementTree.Element
) -> None:
    assert manifest.get("format") == "3"
    assert manifest.findtext("export/build_type") == "ament_python"
    assert manifest.findtext("name") == installation["name"] == "mots_ros"
    assert manifest.findtext("version") == installation["version"]
    assert manifest.findtext("license") == installation["license"]


def test_every_package_is_installed(installation: dict[str, Any]) -> None:
    folders = {path.parent for path in (CHECKOUT / "mots_ros").rglob("*.py")}
    assert set(installation["packages"]) == {
        ".".join(folder.relative_to(CHECKOUT).parts) for folder in folders
    }


def test_every_file_of_a_package_is_installed(installation: dict[str, Any]) -> None:
    given = {
        file
        for package, patterns in installation["package_data"].items()
        for pattern in patterns
        for file in (CHECKOUT / package.replace(".", "/")).glob(pattern)
    }
    assert given == {
        file
        for file in (CHECKOUT / "mots_ros").rglob("*")
        if file.is_file() and file.suffix not in (".py", ".pyc")
    }


def test_every_shared_file_is_installed(installation: dict[str, Any]) -> None:
    installed = {
        f"{folder}/{Path(file).name}": file
        for folder, files in installation["data_files"]
        for file in files
    }
    expected = {
        f"share/mots_ros/{folder}/{path.name}": f"{folder}/{path.name}"
        for folder in ("launch", "config", "models", "rviz", "foxglove")
        for path in (CHECKOUT / folder).glob("[!.]*")
        if path.is_file()
    }
    expected["share/mots_ros/package.xml"] = "package.xml"
    expected["share/ament_index/resource_index/packages/mots_ros"] = "resource/mots_ros"
    assert installed == expected


def test_programs_exist(installation: dict[str, Any]) -> None:
    for script in installation["entry_points"]["console_scripts"]:
        module, function = re.fullmatch(r"\w+ = ([\w.]+):(\w+)", script).groups()
        source = CHECKOUT / f"{module.replace('.', '/')}.py"
        body = ast.parse(source.read_text()).body
        assert function in [node.name for node in body if isinstance(node, ast.FunctionDef)], script


def test_everything_imported_is_declared(manifest: ElementTree.Element) -> None:
    declared = {entry.text for entry in manifest.findall("exec_depend")}
    declared |= {name for name, _ in pinned("project")} | {name for name, _ in pinned("torch")}
    declared |= {"onnx", "torchvision"}  # asked for, and done without, where they are not
    sources = [*(CHECKOUT / "mots_ros").rglob("*.py"), *(CHECKOUT / "launch").glob("*.py")]
    assert len(sources) > 20
    missing = {
        f"{source.relative_to(CHECKOUT)}: {name}"
        for source in sources
        for name in imported(source)
        if DECLARED_AS.get(name, name.replace("_", "-")) not in declared and name not in declared
    }
    assert not missing


@pytest.mark.parametrize("name", ["project", "system", "ros", "test", "torch", "peers"])
def test_requirements_are_pinned(name: str) -> None:
    assert all(version for _, version in pinned(name))


def test_system_packages_are_what_rosdep_brings(manifest: ElementTree.Element) -> None:
    named = {"opencv-python-headless": "opencv", "pyyaml": "yaml"}
    packages = {f"python3-{named.get(name, name)}" for name, _ in pinned("system")}
    from_rosdep = {entry.text for entry in manifest.findall("exec_depend")}
    assert {name for name in from_rosdep if name.startswith("python3-")} <= packages


def test_readme_lists_every_parameter_and_program(installation: dict[str, Any]) -> None:
    readme = (CHECKOUT / "README.md").read_text()
    values = Config().values()
    for name, entry in parameters().items():
        mark = " *" if entry.metadata["restart"] else ""
        assert f"| `{name}`{mark} | `{values[name]}` |" in readme
    for script in installation["entry_points"]["console_scripts"]:
        program, module = re.fullmatch(r"(\w+) = ([\w.]+):main", script).groups()
        assert f"| `{program}` | `{module}` |" in readme


def pinned(name: str) -> Iterator[tuple[str, str]]:
    """Name and version of each line of a requirements file; no version where it is not exact."""
    for line in (CHECKOUT / "requirements" / f"{name}.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            requirement = line.split(" ;")[0]
            package, _, version = requirement.partition("==")
            yield package, version if re.fullmatch(r"[\w.]+", version) else ""


def imported(source: Path) -> Iterator[str]:
    """Top-level names that a file imports from outside the project and the standard library."""
    for node in ast.walk(ast.parse(source.read_text())):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and not node.level and node.module:
            names = [node.module]
        for name in (name.split(".")[0] for name in names):
            if name != "mots_ros" and name not in sys.stdlib_module_names:
                yield name
