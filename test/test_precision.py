"""Narrower precisions see what float32 sees."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from mots_ros import build
from mots_ros.build import build_detector, build_runner
from mots_ros.config import DetectorConfig
from mots_ros.core.types import Detections
from mots_ros.data.street import StreetDrive
from mots_ros.nets import checkpoint, precision
from mots_ros.nets.deformable import DeformableConv
from mots_ros.nets.dla import Upsampling
from mots_ros.nets.precision import best_precision, makes_graphs, why_not_int8
from mots_ros.nets.searchtrack import LIGHT, SearchTrackNet
from mots_ros.parameter import ConfigError
from small_net import small_net

OPENVINO = "mots_ros.nets.precision._why_not_openvino"
NARROW = (torch.bfloat16, torch.float16)


def seen_in(precision: str) -> Detections:
    frame = StreetDrive(seed=5, length=1).frame(0).frame
    (observation,) = build_detector(DetectorConfig(precision=precision))(frame)
    return observation.detections


needs_int8 = pytest.mark.skipif(bool(why_not_int8()), reason=f"this machine lacks {why_not_int8()}")


@pytest.mark.parametrize(
    ("precision", "scores", "masks"),
    [
        ("bfloat16", 0.005, 0.98),
        ("float16", 0.005, 0.98),
        pytest.param("int8", 0.04, 0.95, marks=needs_int8),
    ],
)
def test_the_same_objects_are_found(precision: str, scores: float, masks: float) -> None:
    exact, narrow = seen_in("float32"), seen_in(precision)
    assert exact.masks is not None and narrow.masks is not None
    assert len(exact.scores) > 4
    assert exact.labels.tolist() == narrow.labels.tolist()
    assert np.any(exact.scores != narrow.scores)
    np.testing.assert_allclose(narrow.scores, exact.scores, atol=scores)
    # A third of a cell of the map.
    np.testing.assert_allclose(narrow.boxes, exact.boxes, atol=1.5)
    one, other = np.asarray(exact.masks) > 0.5, np.asarray(narrow.masks) > 0.5
    assert (one & other).sum() > masks * (one | other).sum()


@pytest.mark.parametrize("precision", NARROW)
@torch.inference_mode()
def test_maps_come_out_in_float32(precision: torch.dtype) -> None:
    torch.manual_seed(0)
    net = SearchTrackNet(replace(LIGHT, deformable=True)).eval()
    net.compute_in(precision)
    assert net.base.level2.tree1.conv1.weight.dtype == precision  # type: ignore[union-attr]
    image = torch.rand(1, 3, 64, 96)
    features = net.features(image)
    maps = net.heads(features)
    at = torch.zeros(2, dtype=torch.int64)
    kernels = net.search_kernels(features.shared, at, at, at)
    for found in (*vars(maps).values(), features.shared, kernels):
        assert found is None or found.dtype == torch.float32
    assert features.detail is not None and features.detail.dtype == precision


@pytest.mark.parametrize("precision", NARROW)
@torch.inference_mode()
def test_deformable_taps_stay_where_they_are(precision: torch.dtype) -> None:
    # On a slope, a tap that is off by a pixel is off by one: far right, bfloat16 knows no 0.7.
    conv = DeformableConv(1, 1).to(precision)
    conv.conv_offset_mask.float()
    conv.weight.zero_()[0, 0, 1, 1] = 2.0
    conv.conv_offset_mask.bias.view(-1)[9] = 0.7  # type: ignore[union-attr]
    slope = torch.arange(600.0).expand(1, 1, 4, 600) - 500
    moved = conv(slope).float()[0, 0, 1, 480:520]
    torch.testing.assert_close(moved, torch.arange(480.0, 520) - 500 + 0.7, rtol=0.01, atol=0.01)


@pytest.mark.parametrize("precision", NARROW)
@torch.inference_mode()
def test_enlarging_takes_and_gives_the_same_precision(precision: torch.dtype) -> None:
    enlarge, maps = Upsampling(3, 2), torch.rand(1, 3, 5, 7)
    expected = enlarge(maps)
    found = enlarge.to(precision)(maps.to(precision))
    assert found.dtype == precision
    torch.testing.assert_close(found.float(), expected, rtol=0.01, atol=0.01)


@pytest.mark.parametrize(
    ("able", "expected"),
    [
        ({"avx512_bf16": True}, torch.bfloat16),
        ({"avx512_bf16": True, "avx512_vnni": True}, torch.int8),
        ({"avx_vnni": True}, torch.int8),
        ({"avx512_bf16": False, "amx_bf16": True}, torch.bfloat16),
        ({"avx2": True}, torch.float32),
        ({}, torch.float32),
    ],
)
def test_the_best_precision_is_one_that_the_processor_has(
    able: dict[str, bool], expected: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: able, raising=False)
    monkeypatch.setattr(OPENVINO, lambda: "")
    cpu = torch.device("cpu")
    assert best_precision(cpu, quantisable=True, deformable=False) == expected
    if expected is torch.int8:
        assert best_precision(cpu, quantisable=False, deformable=False) != expected
        monkeypatch.setattr(OPENVINO, lambda: "openvino")
        assert best_precision(cpu, quantisable=True, deformable=False) != expected


def test_a_deformable_neck_is_fastest_in_a_graph(monkeypatch: pytest.MonkeyPatch) -> None:
    able = {"avx2": True, "avx512_bf16": True, "avx512_vnni": True}
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: able, raising=False)
    for lacking, quantisable, expected in (
        ("", True, torch.int8),
        ("", False, torch.float32),
        ("openvino", False, torch.bfloat16),
    ):
        monkeypatch.setattr(OPENVINO, lambda lacking=lacking: lacking)
        assert best_precision(torch.device("cpu"), quantisable, deformable=True) == expected


@pytest.mark.skipif(not makes_graphs(), reason="openvino makes no graphs for this machine")
def test_graphs_find_what_the_plain_network_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    in_graph = seen_in("float32")
    monkeypatch.setattr(build, "makes_graphs", lambda: False)
    monkeypatch.setattr(build, "_RUNNERS", {})
    plain = seen_in("float32")
    assert in_graph.masks is not None and plain.masks is not None
    assert np.any(in_graph.scores != plain.scores)
    np.testing.assert_allclose(in_graph.scores, plain.scores, atol=1e-4)
    np.testing.assert_allclose(in_graph.boxes, plain.boxes, atol=1e-2)
    np.testing.assert_allclose(np.asarray(in_graph.masks), np.asarray(plain.masks), atol=1e-3)


@pytest.mark.parametrize(
    ("capability", "expected"), [((6, 1), torch.float32), ((7, 0), torch.float16)]
)
def test_the_best_precision_is_one_that_the_gpu_is_fast_in(
    capability: tuple[int, int], expected: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: capability)
    gpu = torch.device("cuda")
    assert best_precision(gpu, quantisable=True, deformable=True) == expected


def test_each_precision_is_a_network_of_its_own() -> None:
    exact = build_runner(DetectorConfig(precision="float32"))
    narrow = build_runner(DetectorConfig(precision="bfloat16"))
    assert exact is not narrow
    assert build_runner(DetectorConfig(precision="bfloat16")) is narrow


def test_eight_bits_need_ranges(tmp_path: Path) -> None:
    checkpoint.save(small_net(), tmp_path / "net.safetensors")
    config = DetectorConfig(weights=str(tmp_path / "net.safetensors"), precision="int8")
    with pytest.raises(ConfigError, match="'detector.precision' is int8, .*checkpoint calibrate"):
        build_runner(config)
    assert build_runner(replace(config, precision="auto")).precision != "int8"


class Missing:
    """Finds no openvino."""

    def __init__(self, cause: Exception) -> None:
        self._cause = cause

    def find_spec(self, name: str, *_: object) -> None:
        if name == "openvino":
            raise self._cause


@pytest.mark.parametrize(
    ("able", "cause", "lacking"),
    [
        ({"avx2": True}, None, "VNNI"),
        ({"avx_vnni": True}, ImportError("No module named 'openvino'"), "pip install openvino"),
        ({"avx_vnni": True}, OSError("libtbb.so.12: damaged"), "libtbb.so.12: damaged"),
    ],
)
def test_eight_bits_need_a_machine_that_has_them(
    able: dict[str, bool],
    cause: Exception | None,
    lacking: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    calibrated = tmp_path / "net.safetensors"
    checkpoint.save(small_net(), calibrated, {"hm.0": (0.0, 1.0)})
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: able, raising=False)
    precision._why_not_openvino.cache_clear()
    request.addfinalizer(precision._why_not_openvino.cache_clear)
    if cause is not None:
        monkeypatch.delitem(sys.modules, "openvino", raising=False)
        monkeypatch.setattr(sys, "meta_path", [Missing(cause), *sys.meta_path])
    config = DetectorConfig(precision="int8", device="cpu", weights=str(calibrated))
    with pytest.raises(ConfigError, match=lacking):
        build_runner(config)


@needs_int8
def test_the_embedded_weights_compute_in_eight_bits() -> None:
    detector = build_detector(DetectorConfig(device="cpu"))
    assert detector.device == "cpu in int8"
