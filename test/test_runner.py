"""One network for several cameras: who shares a pass, and that it makes no difference."""

import copy
import threading
from collections.abc import Callable

import numpy as np
import pytest
import torch

from mots_ros.core.letterbox import Letterbox
from mots_ros.detection import runner as module
from mots_ros.detection.runner import NetworkRunner
from mots_ros.nets.quantised import quantise
from mots_ros.nets.searchtrack import Features
from small_net import small_net

CPU = torch.device("cpu")
PLAIN = Letterbox.contain((64, 96), (64, 96))


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many frames went together, pass by pass."""
    seen: list[int] = []
    look = NetworkRunner._look

    def counted(self: NetworkRunner, places: list) -> None:  # type: ignore[type-arg]
        seen.append(len(places))
        look(self, places)

    monkeypatch.setattr(NetworkRunner, "_look", counted)
    return seen


def picture(seed: int, size: tuple[int, int] = (64, 96)) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)


def together(*calls: Callable[[], object]) -> None:
    threads = [threading.Thread(target=call) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_frames_of_one_moment_share_a_pass(
    passes: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "GATHER_S", 5.0)
    runner = NetworkRunner(small_net(), CPU)
    alone = {seed: runner.features(picture(seed), PLAIN) for seed in range(3)}
    for _ in range(3):
        runner.join()
    found = {}
    together(
        *(
            lambda seed=seed: found.update({seed: runner.features(picture(seed), PLAIN)})
            for seed in range(3)
        )
    )
    assert passes == [1, 1, 1, 3]
    for seed, features in alone.items():
        torch.testing.assert_close(found[seed].shared, features.shared)
        assert [rung.shape[2:] for rung in features.ladder] == [(8, 12), (4, 6), (2, 3)]
        for mine, rung in zip(found[seed].ladder, features.ladder, strict=True):
            torch.testing.assert_close(mine, rung)


def test_the_whole_network_gives_what_its_parts_give(
    passes: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "GATHER_S", 0.2)
    runner, found = NetworkRunner(small_net(), CPU), {}
    runner.join()
    runner.join()
    together(
        lambda: found.update(whole=runner.look(picture(0), PLAIN)),
        lambda: found.update(parts=runner.features(picture(0), PLAIN)),
    )
    assert passes == [1, 1]  # Some cameras' trackers change features before the heads see them.
    shared, maps = found["whole"]
    features = found["parts"]
    torch.testing.assert_close(shared, features.shared)
    for name, expected in vars(runner.heads(features, signed=False)).items():
        torch.testing.assert_close(getattr(maps, name), expected)


def test_heads_see_signed_features_unrounded() -> None:
    net = small_net().eval()
    exact = copy.deepcopy(net)
    quantise(net, {f"{head}.0": (0.0, 1.0) for head in ("hm", "wh", "reg", "sch")})
    runner = NetworkRunner(net, CPU)
    shared, detail = torch.randn(1, 8, 6, 9), torch.rand(1, 8, 6, 9)
    features = Features(shared, detail, ladder=())
    with torch.inference_mode():
        expected = exact.heads(features)
    for name, found in vars(runner.heads(features, signed=True)).items():
        torch.testing.assert_close(found, getattr(expected, name))
    rounded = runner.heads(features, signed=False)
    assert (rounded.heat - expected.heat).abs().max() > 0.1 * expected.heat.std()


def test_a_frame_does_not_wait_for_another_camera_s_pass() -> None:
    runner = NetworkRunner(small_net(), CPU)
    runner.join()
    runner.join()
    shared, maps = runner.look(picture(0), PLAIN)
    assert maps.offset is not None
    place, found = (maps.search[0], maps.size[0], maps.offset[0]), []

    def track() -> None:
        peaks, kernels, _ = runner.decode(shared, maps, window=3, count=4)()
        found.append(
            runner.search(*place, kernels, peaks[:, 6:], region=7, window=5, count=3)[1].shape
        )

    thread = threading.Thread(target=track, daemon=True)
    with runner._network:
        thread.start()
        thread.join(5.0)
    assert found == [(4, 3)]


def test_a_camera_does_not_wait_long_for_another(passes: list[int]) -> None:
    runner = NetworkRunner(small_net(), CPU)
    runner.join()
    runner.join()
    runner.look(picture(0), PLAIN)
    assert passes == [1]


def test_frames_of_other_sizes_pass_by_themselves(
    passes: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "GATHER_S", 5.0)
    runner = NetworkRunner(small_net(), CPU)
    runner.join()
    runner.join()
    sizes = {}

    def look(size: tuple[int, int]) -> None:
        features = runner.features(picture(0, size), Letterbox.contain(size, size))
        sizes[size] = features.shared.shape[2:]

    # The second one finds the queue empty but for itself.
    monkeypatch.setattr(module, "GATHER_S", 0.2)
    together(lambda: look((64, 96)), lambda: look((32, 64)))
    assert passes == [1, 1]
    assert sizes == {(64, 96): (16, 24), (32, 64): (8, 16)}


def test_an_error_reaches_everybody_and_the_next_frame_is_fine() -> None:
    runner = NetworkRunner(small_net(), CPU)
    with pytest.raises(ValueError, match=r"expected an image of \(64, 96\)"):
        runner.look(picture(0, (32, 64)), PLAIN)
    runner.look(picture(0), PLAIN)


def test_a_detector_may_be_collected_while_the_network_is_busy() -> None:
    """Its end comes in whichever thread collects garbage, which may be the one at work."""
    runner = NetworkRunner(small_net(), CPU)
    runner.join()
    runner.join()

    def work() -> None:
        with runner._network:
            runner.leave()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(5.0)
    assert not thread.is_alive()
    assert runner._users == 1
