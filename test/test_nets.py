"""The network: its shapes, its dynamic layers, its peaks, and what the released program holds."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mots_ros.nets.decode import boxes_at
from mots_ros.nets.dynamic import (
    COORDINATE_SCALE,
    dynamic_network,
    dynamic_network_around,
    layers_of,
    masks_inside,
    parameter_count,
)
from mots_ros.nets.normalise import MEAN, STD, normalised, statistics
from mots_ros.nets.peaks import top_peaks
from mots_ros.nets.search import search
from mots_ros.nets.searchtrack import DLA34, DLA34_MOT, LIGHT, FineMaskHead, SearchTrackNet
from shared import parity


@pytest.fixture(scope="module")
def light() -> SearchTrackNet:
    torch.manual_seed(0)
    return SearchTrackNet(LIGHT).eval()


@torch.inference_mode()
def test_maps_have_stride_four(light: SearchTrackNet) -> None:
    maps = light.heads(light.features(torch.rand(2, 3, 64, 96)))
    assert maps.heat.shape == (2, 2, 16, 24)
    assert maps.size.shape == (2, 2, 16, 24)
    assert maps.offset is not None and maps.offset.shape == (2, 2, 16, 24)
    assert maps.search.shape == (2, 16, 16, 24)
    # But masks, which the light model draws finer.
    assert maps.mask is not None and maps.mask.shape == (2, 8, 32, 48)


@torch.inference_mode()
def test_fine_masks_lie_where_the_backbone_saw_them() -> None:
    """Layers that hand on what they get: the map at stride 2 comes out as it went in."""
    head = FineMaskHead(in_channels=4, half_channels=1, hidden=4)
    for weights in head.parameters():
        weights.zero_()
    for channel in range(4):
        head.detail[0].weight[channel, 0, channel // 2, channel % 2] = 1
        head.wide[0].weight[channel, 4 + channel, 1, 1] = 1
        head.wide[2].weight[channel, channel, 1, 1] = 1
        head.last.weight[channel, channel] = 1
    half = torch.rand(2, 1, 6, 10)
    found = head(torch.rand(2, 4, 3, 5), head.detail(half))
    assert found.shape == (2, 8, 6, 10)
    torch.testing.assert_close(found[:, :1], half)
    assert not found[:, 1:].any()


def test_an_object_has_one_centre_on_all_maps(light: SearchTrackNet) -> None:
    """Cell x covers input pixels from 4 x to 4 x + 4, and a cell of fine masks two of them."""
    pixels = torch.tensor([[3.0, 0.0], [23.0, 7.0]])
    in_input = (pixels + 0.5) * 4
    torch.testing.assert_close((light.mask_centres(pixels) + 0.5) * 2, in_input)
    with torch.device("meta"):
        coarse = SearchTrackNet(replace(LIGHT, fine_masks=False))
    torch.testing.assert_close((coarse.mask_centres(pixels) + 0.5) * 4, in_input)


@torch.inference_mode()
def test_controllers_at_a_pixel_equal_the_dense_head(light: SearchTrackNet) -> None:
    features = light.features(torch.rand(2, 3, 64, 96)).shared
    batch, y, x = torch.tensor([0, 1, 1]), torch.tensor([0, 7, 15]), torch.tensor([0, 23, 5])
    expected = light.sch_weight(features)[batch, :, y, x]
    torch.testing.assert_close(light.search_kernels(features, batch, y, x), expected)
    expected = light.conv_weight(features)[batch, :, y, x]
    torch.testing.assert_close(light.mask_kernels(features, batch, y, x), expected)


def test_the_full_model_has_the_released_parameters() -> None:
    released = json.loads(parity("state_dict.json").read_text())
    with torch.device("meta"):
        net = SearchTrackNet(DLA34)
    ours = {name: list(tensor.shape) for name, tensor in net.state_dict().items()}
    assert ours == {name: shape for name, (shape, _) in released.items()}


def test_the_full_boxes_only_model_has_the_released_number_of_parameters() -> None:
    with torch.device("meta"):
        net = SearchTrackNet(DLA34_MOT)
    assert sum(parameter.numel() for parameter in net.parameters()) == 20_256_266


def _dynamic_by_hand(features: np.ndarray, weights: np.ndarray, centre: np.ndarray) -> np.ndarray:
    """One object's network, pixel by pixel, as the equations say it."""
    c, height, width = features.shape
    cuts = np.cumsum([c * (c + 2), c * c, c, c, c])
    w1, w2, w3, b1, b2, b3 = np.split(weights, cuts)
    logits = np.zeros((height, width))
    for y in range(height):
        for x in range(width):
            coordinates = (centre - (x, y)) / COORDINATE_SCALE
            value = np.concatenate([coordinates, features[:, y, x]])
            value = np.maximum(w1.reshape(c, c + 2) @ value + b1, 0)
            value = np.maximum(w2.reshape(c, c) @ value + b2, 0)
            logits[y, x] = w3 @ value + b3[0]
    return logits


@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.integers(0, 3))
@settings(max_examples=10, deadline=None)
def test_dynamic_network_is_its_equations(seed: int, c: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(c, 3, 5))
    weights = rng.normal(size=(n, parameter_count(c)))
    centres = rng.uniform(-50, 200, (n, 2))
    found = dynamic_network(*(torch.from_numpy(a) for a in (features, weights, centres)))
    assert found.shape == (n, 3, 5)
    for i in range(n):
        np.testing.assert_allclose(found[i], _dynamic_by_hand(features, weights[i], centres[i]))


def test_a_dynamic_network_goes_over_the_map_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    weights, centres = torch.rand(3, parameter_count(4)), torch.rand(3, 2)
    features = torch.rand(4, 5, 7)
    whole = dynamic_network(features, weights, centres)
    for values in (1, 3 * 4 * 10):
        monkeypatch.setattr("mots_ros.nets.dynamic._HIDDEN_VALUES", values)
        torch.testing.assert_close(dynamic_network(features, weights, centres), whole)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 5), st.integers(1, 12), st.integers(1, 20), st.integers(0, 2**16))
def test_regions_of_a_dynamic_network_are_those_of_the_whole_map(
    count: int, height: int, width: int, seed: int
) -> None:
    random = torch.Generator().manual_seed(seed)
    features = torch.randn(8, 12, 20, generator=random)
    weights = torch.randn(count, parameter_count(8), generator=random)
    centres = 20 * torch.rand(count, 2, generator=random)
    last = torch.tensor([20 - width, 12 - height])
    corners = (torch.rand(count, 2, generator=random) * (last + 1)).long()
    found = dynamic_network_around(features, weights, centres, corners, (height, width))
    whole = dynamic_network(features, weights, centres)
    for region, map_, (x, y) in zip(found, whole, corners.tolist(), strict=True):
        expected = map_[y : y + height, x : x + width]
        torch.testing.assert_close(region, expected, rtol=1e-4, atol=1e-4)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 40), st.integers(0, 2**16))
def test_a_search_in_a_region_finds_what_the_whole_map_has_there(region: int, seed: int) -> None:
    random = torch.Generator().manual_seed(seed)
    maps = torch.randn(16, 12, 20, generator=random)
    kernels = torch.randn(4, 593, generator=random)
    centres = torch.rand(4, 2, generator=random) * torch.tensor([20, 12])
    boxes, scores = search(
        maps, torch.rand(2, 12, 20), None, kernels, centres, region=region, window=1, count=1
    )
    responses = dynamic_network(maps, kernels, centres - 0.5).sigmoid()
    for box, score, response, (x, y) in zip(boxes, scores, responses, centres - 0.5, strict=True):
        left = int(x.round() - region // 2)
        top = int(y.round() - region // 2)
        left, top = max(0, min(left, 20 - region)), max(0, min(top, 12 - region))
        inside = response[top : top + region, left : left + region]
        torch.testing.assert_close(score, inside.max().view(1), rtol=1e-4, atol=1e-4)
        centre = (box[0, :2] + box[0, 2:]) / 2 - 0.5
        column, row = centre.round().long().tolist()
        torch.testing.assert_close(response[row, column], score[0], rtol=1e-4, atol=1e-4)


def test_the_edge_of_a_region_is_no_peak() -> None:
    """What answers lies beyond the region, and its slope reaches into it; at the map's own edge
    there is nothing beyond."""
    maps = torch.zeros(16, 12, 40)
    maps[0, 6] = torch.tensor([max(0.0, 1 - abs(x - 30) / 12) for x in range(40)])
    maps[0, 6, 39] = 0.9
    kernel = torch.zeros(1, parameter_count(16))
    w1, w2, w3 = kernel[0, :288].view(16, 18), kernel[0, 288:544].view(16, 16), kernel[0, 544:560]
    w1[0, 2], w2[0, 0], w3[0] = 1, 1, 4
    size = torch.ones(2, 12, 40)
    for centre, expected in ((20.5, []), (24.5, [30.5]), (36.5, [30.5, 39.5])):
        boxes, scores = search(
            maps, size, None, kernel, torch.tensor([[centre, 6.5]]), region=13, window=5, count=2
        )
        found = boxes[0, scores[0] > 0.51].view(-1, 4)
        assert ((found[:, 0] + found[:, 2]) / 2).tolist() == pytest.approx(expected), centre


@pytest.mark.parametrize("together", [1, 100, 10_000])
def test_masks_inside_windows_equal_those_of_the_whole_map(
    together: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mots_ros.nets.dynamic._PIXELS", together)
    torch.manual_seed(0)
    features, weights = torch.rand(8, 12, 20) - 0.5, torch.rand(4, parameter_count(8)) - 0.5
    centres = torch.tensor([[3.0, 4.0], [19.0, 11.0], [0.0, 0.0], [8.0, 8.0]])
    windows = np.array([[2, 1, 9, 6], [15, 9, 20, 12], [0, 0, 20, 12], [7, 8, 8, 9]])
    layers = [layer.numpy() for layer in layers_of(weights, centres, 8)]
    found = masks_inside(features.numpy(), layers, windows)
    whole = dynamic_network(features, weights, centres).sigmoid().numpy()
    assert len(found) == 4
    for mine, mask, (left, top, right, bottom) in zip(found, whole, windows, strict=True):
        np.testing.assert_allclose(mine, mask[top:bottom, left:right], atol=1e-6)
    assert masks_inside(features.numpy(), [layer[:0] for layer in layers], windows[:0]) == []


def test_parameter_counts_of_the_paper() -> None:
    assert parameter_count(8) == 169
    assert parameter_count(16) == 593


def test_decoder_equals_the_released_one() -> None:
    vectors = np.load(parity("decode.npz"))
    heat = torch.from_numpy(vectors["in.hm_raw"]).sigmoid()
    scores, x, y = top_peaks(heat, 5, 20)
    best, index = scores.flatten().topk(20)
    np.testing.assert_allclose(best, vectors["det.scores"], atol=1e-6)
    np.testing.assert_array_equal(x.flatten()[index], vectors["det.xs"])
    np.testing.assert_array_equal(y.flatten()[index], vectors["det.ys"])
    size = torch.from_numpy(vectors["in.wh_raw"])
    x, y = x.flatten()[index], y.flatten()[index]
    np.testing.assert_allclose(boxes_at(size, None, x, y), vectors["det.boxes"], atol=1e-5)
    masks = dynamic_network(
        torch.from_numpy(vectors["in.seg_raw"]),
        torch.from_numpy(vectors["in.det_conv_weight"]),
        torch.stack((x, y), dim=1).float(),
    )
    np.testing.assert_allclose(masks.sigmoid(), vectors["det.seg"], atol=1e-5)


def test_search_equals_the_released_one() -> None:
    vectors = {k: torch.from_numpy(v) for k, v in np.load(parity("decode.npz")).items()}
    _, _, width = vectors["in.sch_raw"].shape
    index = vectors["in.kmf_inds"]
    pixels = torch.stack((index % width, index.div(width, rounding_mode="floor")), dim=1)
    boxes, scores = search(
        vectors["in.sch_raw"],
        vectors["in.wh_raw"],
        None,
        vectors["in.pre_weights"],
        pixels + 0.5,
        region=0,
        window=5,
        count=3,
    )
    np.testing.assert_allclose(scores, vectors["track_floor.scores"], atol=1e-5)
    np.testing.assert_allclose(boxes, vectors["track_floor.boxes"], atol=1e-4)


def test_peaks_of_a_small_map() -> None:
    heat = torch.tensor([[[0.1, 0.9, 0.8, 0.2], [0.3, 0.2, 0.1, 0.6]]])
    scores, x, y = top_peaks(heat, 3, 3)
    # 0.8 stands beside 0.9; 0.6 stands beside 0.8.
    assert scores[0].tolist() == pytest.approx([0.9, 0.0, 0.0])
    assert (x[0, 0], y[0, 0]) == (1, 0)
    scores, x, y = top_peaks(heat, 1, 2)
    assert scores[0].tolist() == pytest.approx([0.9, 0.8])
    assert (x[0, 1], y[0, 1]) == (2, 0)


@given(st.integers(0, 2**32 - 1), st.sampled_from([1, 3, 5]), st.tuples(*[st.integers(1, 7)] * 3))
@settings(max_examples=30, deadline=None)
def test_a_peak_is_the_largest_of_its_window(
    seed: int, window: int, shape: tuple[int, int, int]
) -> None:
    # Few different values, so that equals stand side by side.
    heat = torch.from_numpy(np.random.default_rng(seed).integers(1, 5, shape) / 4.0)
    padded = torch.nn.functional.pad(heat, [window // 2] * 4, value=0)
    windows = padded.unfold(1, window, 1).unfold(2, window, 1)
    expected = (heat * (heat == windows.amax(dim=(3, 4)))).flatten(1).sort(descending=True).values
    for count in (2, 100):
        scores, x, y = top_peaks(heat, window, count)
        assert torch.equal(scores, expected[:, :count])
        there = heat[torch.arange(len(heat))[:, None], y, x]
        assert torch.equal(torch.where(scores > 0, there, 0), scores)
        places = (y * shape[2] + x).sort().values
        assert (places.diff() > 0).all()


def test_the_smallest_difference_makes_a_peak() -> None:
    lower = torch.tensor([1.0, 0.5, 1e-8, 1e-38])
    higher = torch.nextafter(lower, torch.tensor(2.0))
    scores, x, _ = top_peaks(torch.stack((lower, higher), dim=1).view(4, 1, 2), 3, 2)
    assert torch.equal(scores, torch.stack((higher, torch.zeros(4)), dim=1))
    assert (x[:, 0] == 1).all()


def test_more_peaks_asked_than_pixels() -> None:
    assert top_peaks(torch.rand(2, 1, 2), 3, 100)[0].shape == (2, 2)


def test_negative_sizes_count_as_none() -> None:
    size = torch.tensor([-2.0, 4.0]).view(2, 1, 1)
    box = boxes_at(size, None, torch.tensor([0]), torch.tensor([0]))
    assert box.tolist() == [[0.5, -1.5, 0.5, 2.5]]


def test_normalised_channels() -> None:
    images = torch.zeros(2, 3, 5, 3, dtype=torch.uint8)
    images[1, 2, 4] = torch.tensor([255, 0, 100])
    found = normalised(images, statistics())
    assert found.shape == (2, 3, 3, 5)
    assert found.dtype == torch.float32
    assert found.is_contiguous(memory_format=torch.channels_last)
    expected = [(v / 255 - m) / s for v, m, s in zip((255, 0, 100), MEAN, STD, strict=True)]
    assert found[1, :, 2, 4].tolist() == pytest.approx(expected, rel=1e-5)
    assert found[0, :, 2, 4].tolist() == pytest.approx(
        [-m / s for m, s in zip(MEAN, STD, strict=True)]
    )
