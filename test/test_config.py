"""Parameters are checked by name, type and range, from values and from files."""

from pathlib import Path

import pytest

from mots_ros.config import Config, load_config, parameters
from mots_ros.parameter import ConfigError


def test_names_are_stage_and_field() -> None:
    names = parameters()
    assert "detector.score_threshold" in names
    assert "tracker.max_misses" in names
    assert set(names) == set(Config().values())


def test_every_parameter_explains_itself_and_has_a_valid_default() -> None:
    for name, entry in parameters().items():
        assert entry.metadata["description"].endswith("."), name
        assert Config().with_values({name: entry.default}) == Config()


def test_whole_number_for_a_float() -> None:
    assert Config().with_values({"detector.score_threshold": 1}).detector.score_threshold == 1.0


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("detector.score_treshold", 0.5, "did you mean 'detector.score_threshold'"),
        ("detector", 0.5, "unknown parameter 'detector'"),
        ("gpu", True, "unknown parameter 'gpu'; known: detector.weights, "),
        ("detector.score_threshold", 1.5, r"'detector.score_threshold' must be in \[0.0, 1.0\]"),
        ("detector.score_threshold", float("nan"), "must be finite"),
        ("detector.score_threshold", "high", "must be float, not 'high'"),
        ("detector.score_threshold", True, "must be float, not True"),
        ("detector.max_detections", 2.0, "must be int, not 2.0"),
        ("detector.peak_window", 4, "must be 1 plus a multiple of 2, not 4"),
        ("detector.input_width", 650, "must be 0 plus a multiple of 32, not 650"),
        ("tracker.siammot", {}, "unknown parameter 'tracker.siammot'"),
        ("tracker.trackrcnn.mask_threshold", 0.5, "must be a list of numbers, not 0.5"),
        ("tracker.trackrcnn.mask_threshold", [], "must be a list of at least one number"),
        ("tracker.trackrcnn.mask_threshold", [0.5, 2], r"must be in \[0.0, 1.0\], not 2"),
        ("tracker.assignment", "auction", "must be one of greedy, hungarian, not 'auction'"),
    ],
)
def test_wrong_values_are_refused(name: str, value: object, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Config().with_values({name: value})


def test_groups_lie_within_stages() -> None:
    values = {"tracker.siammot.alpha": 0.25, "tracker.trackrcnn.mask_threshold": [0.5, 1]}
    config = Config().with_values({"tracker.max_misses": 3, **values})
    assert config.tracker.max_misses == 3
    assert config.tracker.siammot.alpha == 0.25
    assert config.tracker.trackrcnn.mask_threshold == (0.5, 1.0)
    assert config.values()["tracker.siammot.alpha"] == 0.25
    assert config.values()["tracker.trackrcnn.mask_threshold"] == [0.5, 1.0]
    assert Config().with_values(config.values()) == config


def test_file_with_nested_and_dotted_keys(tmp_path: Path) -> None:
    path = tmp_path / "tracker.yaml"
    path.write_text(
        "/**:\n"
        "  ros__parameters:\n"
        "    use_sim_time: true\n"
        "    detector.score_threshold: 0.25\n"
        "    tracker:\n"
        "      name: sort\n"
    )
    config = load_config(path)
    assert config.detector.score_threshold == 0.25
    assert config.tracker.name == "sort"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected '<node>: ros__parameters"),
        ("a: [1", "cannot be read as YAML"),
        ("mots_tracker: {detector: {}}", "'mots_tracker' must hold 'ros__parameters'"),
        (
            "mots_tracker: {ros__parameters: {tracker: {max_mises: 3}}}",
            "unknown parameter 'tracker.max_mises'",
        ),
    ],
)
def test_wrong_files_are_named(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message) as caught:
        load_config(path)
    assert str(path) in str(caught.value)


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nothing.yaml"):
        load_config(tmp_path / "nothing.yaml")


def test_values_that_do_not_fit_together() -> None:
    small = {"detector.fit": "keep_small"}
    with pytest.raises(ConfigError, match="needs a 'detector.input_height'"):
        Config().with_values(small)
    Config().with_values({**small, "detector.input_height": 544})
