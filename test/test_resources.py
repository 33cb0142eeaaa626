"""The package's files are found in a checkout, in an installation, or named as missing."""

from pathlib import Path

import pytest

from mots_ros import resources
from mots_ros.resources import share

CHECKOUT = Path(__file__).resolve().parents[1]


def test_a_checkout_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed(tmp_path, monkeypatch)
    assert share("config") == CHECKOUT / "config"


def test_an_installation_is_found_in_the_order_of_the_overlays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resources, "CHECKOUT", tmp_path / "lib")
    first, second = installed(tmp_path, monkeypatch)
    assert share("config") == first / "share/mots_ros/config"
    assert share("rviz") == second / "share/mots_ros/rviz"


def test_a_missing_folder_says_what_was_looked_for_and_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = installed(tmp_path, monkeypatch)
    with pytest.raises(FileNotFoundError, match="'weights'") as error:
        share("weights")
    for place in (CHECKOUT, first, second):
        assert str(place) in str(error.value)


def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """Two prefixes that ROS 2 searches; both have config, the second alone has rviz."""
    first, second = tmp_path / "overlay", tmp_path / "underlay"
    (first / "share/mots_ros/config").mkdir(parents=True)
    (second / "share/mots_ros/config").mkdir(parents=True)
    (second / "share/mots_ros/rviz").mkdir()
    monkeypatch.setenv("AMENT_PREFIX_PATH", f"{first}:{second}")
    return first, second
