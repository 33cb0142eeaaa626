"""What is said where a machine cannot have the environment, and which torch it gets."""

from __future__ import annotations

import importlib.util
import platform
import shutil
import sys
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture
def environment() -> ModuleType:
    path = Path(__file__).resolve().parents[1] / "tools" / "environment.py"
    spec = importlib.util.spec_from_file_location("environment", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_compiler_is_asked_for(environment: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "system", lambda: "Linux")
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(SystemExit, match="apt install g"):
        environment.check(with_ros=False)


def test_another_processor_needs_a_ros_installation(
    environment: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    with pytest.raises(SystemExit, match="source a ROS 2 installation"):
        environment.check(with_ros=False)


def test_an_old_python_is_refused(environment: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 9, 0))
    with pytest.raises(SystemExit, match=r"Python 3\.10"):
        environment.check(with_ros=False)


def test_a_ros_installation_without_dependencies_names_them(
    environment: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environment, "FROM_ROSDEP", ("yaml", "no_such_module"))
    with pytest.raises(SystemExit, match="no_such_module cannot be imported: rosdep install"):
        environment.check(with_ros=True)


def test_torch_without_cuda_is_looked_for_before_torch_with_it(
    environment: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = watch_pip(environment, monkeypatch, gpu=False, found=False)
    here, elsewhere, with_cuda = asked
    assert here[-1] == elsewhere[-1] == f"{with_cuda[-1]}+cpu"
    assert f"--index-url={environment.TORCH_WITHOUT_CUDA}" in elsewhere
    assert not any("--index-url" in argument for argument in here + with_cuda)
    assert "--no-deps" not in with_cuda  # it needs CUDA's own packages


def test_the_first_torch_that_is_found_is_taken(
    environment: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    (only,) = watch_pip(environment, monkeypatch, gpu=False, found=True)
    assert only[-1].endswith("+cpu")


def test_a_gpu_gets_the_torch_that_uses_it(
    environment: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    (only,) = watch_pip(environment, monkeypatch, gpu=True, found=True)
    assert only[-1].startswith("torch==") and not only[-1].endswith("+cpu")


def watch_pip(
    environment: ModuleType, monkeypatch: pytest.MonkeyPatch, *, gpu: bool, found: bool
) -> list[tuple[str, ...]]:
    """The arguments of every pip install that looks for torch."""
    asked = []

    def pip(where: Path, *arguments: str, may_fail: bool = False) -> bool:
        asked.append(arguments)
        return found

    monkeypatch.setattr(environment, "pip", pip)
    monkeypatch.setattr(environment, "has_gpu", lambda: gpu)
    environment.install_torch(Path("anywhere"))
    return asked
