"""Convolutions in eight bits: what they round, and that a graph of integers gives the same."""

from __future__ import annotations

import gc
import signal
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from mots_ros.nets.deformable import DeformableConv
from mots_ros.nets.folding import fold_normalisation
from mots_ros.nets.precision import why_not_int8
from mots_ros.nets.quantised import Ranges, observed_ranges, quantise, unrounded
from mots_ros.nets.searchtrack import Features, SearchTrackNet
from small_net import SMALL, small_net

openvino = pytest.importorskip("openvino", reason="openvino is not made for this machine")

from mots_ros.detection.compiled import Compiled  # noqa: E402
from mots_ros.detection.runner import NetworkRunner  # noqa: E402

needs_vnni = pytest.mark.skipif(
    bool(why_not_int8()), reason=f"this machine lacks {why_not_int8()}: eight bits would overflow"
)
CPU = torch.device("cpu")
STEM = "base.base_layer.0"


def images(count: int = 3) -> Iterator[Tensor]:
    generator = torch.Generator().manual_seed(0)
    for _ in range(count):
        yield torch.randn(1, 3, 64, 96, generator=generator)


@pytest.fixture(params=[False, True], ids=["plain", "deformable"])
def net(request: pytest.FixtureRequest) -> SearchTrackNet:
    torch.manual_seed(0)
    net = SearchTrackNet(replace(SMALL, deformable=request.param)).eval()
    for module in net.modules():
        if isinstance(module, DeformableConv):
            nn.init.normal_(module.conv_offset_mask.weight, std=0.3)
    fold_normalisation(net)
    return net.requires_grad_(False)


def test_everything_is_quantised_but_where_taps_lie_and_what_heads_give(
    net: SearchTrackNet,
) -> None:
    found = set(observed_ranges(net, images()))
    convolutions = {
        name
        for name, module in net.named_modules()
        if type(module) is nn.Conv2d and not name.endswith("conv_offset_mask")
    }
    assert found < convolutions
    assert convolutions - found == {
        *(f"{head}.2" for head in ("hm", "wh", "reg", "sch")),
        "seg.last",
        *(f"{head}.{i}" for head in ("sch_weight", "conv_weight") for i in (0, 2)),
    }


def test_ranges_are_means_over_images(net: SearchTrackNet) -> None:
    low, high = observed_ranges(net, images())[STEM]
    assert low == pytest.approx(np.mean([float(image.min()) for image in images()]))
    assert high == pytest.approx(np.mean([float(image.max()) for image in images()]))
    assert not any(module._forward_pre_hooks for module in net.modules())


def test_values_fall_on_the_nearest_of_256_steps(net: SearchTrackNet) -> None:
    """From -1 to 1.55 in steps of 0.01; a single weight of 1 shows them."""
    convolution = net.get_submodule(STEM)
    assert isinstance(convolution, nn.Conv2d) and convolution.bias is not None
    nn.init.zeros_(convolution.weight)
    nn.init.zeros_(convolution.bias)
    convolution.weight.data[0, 0, 3, 3] = 1.0
    quantise(net, {STEM: (-1.0, 1.55)})
    given = torch.zeros(1, 3, 1, 6)
    given[0, 0, 0] = torch.tensor([-7.0, -0.104, 0.0, 0.004, 0.7849, 9.0])
    found = convolution(given)[0, 0, 0].tolist()
    assert found == pytest.approx([-1.0, -0.10, 0.0, 0.0, 0.78, 1.55], abs=1e-6)


@given(st.integers(0, 2**31), st.floats(0.01, 100))
@settings(deadline=None, max_examples=25)
def test_weights_are_rounded_by_half_a_step_of_their_channel(seed: int, reach: float) -> None:
    net = small_net(seed % 7).eval()
    convolution = net.get_submodule(STEM)
    weight = torch.randn(4, 3, 7, 7, generator=torch.Generator().manual_seed(seed))
    weight *= reach * torch.tensor([1.0, 0.01, 0.0, 5.0]).view(4, 1, 1, 1)
    convolution.weight = nn.Parameter(weight)
    quantise(net, {STEM: (0.0, 1.0)})
    step = weight.abs().amax(dim=(1, 2, 3), keepdim=True) / 127
    rounded = convolution.weight
    assert isinstance(rounded, Tensor)
    assert ((rounded - weight).abs() <= 0.501 * step).all()
    assert (rounded / step.clamp(min=1e-12)).frac().abs().sub(0.5).abs().min() > 0.49


def test_inputs_that_never_change_do_no_harm(net: SearchTrackNet) -> None:
    quantise(net, {STEM: (0.0, 0.0)})
    features = net.features(torch.zeros(1, 3, 32, 32))
    assert features.shared.isfinite().all()


def outputs(net: SearchTrackNet, image: Tensor) -> tuple[Tensor | None, ...]:
    features = net.features(image)
    return features.shared, *vars(net.heads(features)).values()


def relative_error(found: Tensor, expected: Tensor) -> float:
    return float((found - expected).pow(2).mean().sqrt() / expected.std())


@torch.inference_mode()
def test_a_graph_gives_what_torch_gives(net: SearchTrackNet) -> None:
    image = next(images())
    expected = outputs(net.to(memory_format=torch.channels_last), image)
    for one, other in zip(
        expected, Compiled(lambda image: outputs(net, image), 1)(image), strict=True
    ):
        if one is None:
            assert other is None
        else:
            torch.testing.assert_close(other, one, rtol=0, atol=1e-4 * float(one.std()))


@needs_vnni
@torch.inference_mode()
def test_integers_give_what_rounded_numbers_give(net: SearchTrackNet) -> None:
    ranges: Ranges = observed_ranges(net, images())
    image = next(images())
    exact = outputs(net, image)
    quantise(net, ranges)
    rounded = outputs(net, image)
    compiled = Compiled(lambda image: outputs(net, image), 1)(image)
    for one, two, three in zip(exact, rounded, compiled, strict=True):
        if one is None or two is None:
            assert one is two is three is None  # No amodal boxes.
            continue
        assert 0 < relative_error(two, one) < 0.1
        # Where a value lies between two steps, the last digit decides.
        assert relative_error(three, two) < 0.5 * relative_error(two, one) + 1e-3


@torch.inference_mode()
def test_a_graph_may_leave_out_the_rounding(net: SearchTrackNet) -> None:
    image = next(images())
    exact = net.features(image).shared
    quantise(net, observed_ranges(net, images()))

    def work(image: Tensor) -> tuple[Tensor | None, ...]:
        with unrounded():
            return (net.features(image).shared,)

    (plain,), (graph,) = work(image), Compiled(work, 1)(image)
    torch.testing.assert_close(plain, exact)
    assert relative_error(graph, exact) < 1e-4 < relative_error(net.features(image).shared, exact)


def double(image: Tensor, other: Tensor | None) -> tuple[Tensor | None, ...]:
    return 2 * image, other, image.flatten(1) + 1


@pytest.fixture
def compiled() -> Compiled:
    return Compiled(double, 1)


def test_a_graph_takes_any_shape_and_nothing_where_there_is_none(compiled: Compiled) -> None:
    for shape in ((1, 2, 3), (2, 3, 2), (1, 2, 3)):
        given = torch.rand(shape)
        twice, none, flat = compiled(given, None)
        assert none is None
        torch.testing.assert_close(twice, 2 * given)
        torch.testing.assert_close(flat, given.flatten(1) + 1)


def test_results_stay_what_they_are(compiled: Compiled) -> None:
    given = torch.rand(1, 3, 4).transpose(1, 2)
    first = compiled(given, None)
    compiled(torch.zeros(1, 4, 3), None)
    torch.testing.assert_close(first[0], 2 * given)


def test_what_is_started_is_read_later_whoever_else_starts(compiled: Compiled) -> None:
    """The tensors that came are nobody's any more, and some results nobody wants."""
    finished = [compiled.start(torch.full((1, 3, 400), value), None) for value in (1.0, 2.0, 3.0)]
    del finished[1]
    assert compiled(torch.full((1, 3, 400), 5.0), None)[0].unique().tolist() == [10]
    assert [found[0].unique().tolist() for found in (read() for read in finished)] == [[2], [6]]


def test_each_setting_has_a_graph() -> None:
    compiled = Compiled(lambda image, other, *, factor: (factor * image,), 1)
    given = torch.rand(2, 3)
    for factor in (2, 3, 2):
        (found,) = compiled(given, None, factor=factor)
        torch.testing.assert_close(found, factor * given)
    assert len(compiled._requests) == 2


@pytest.mark.parametrize("offset_head", [True, False])
@pytest.mark.parametrize("amodal_head", [True, False])
@torch.inference_mode()
def test_a_graph_decodes_as_torch_does(amodal_head: bool, offset_head: bool) -> None:
    torch.manual_seed(0)
    spec = replace(SMALL, mask_head=not amodal_head, amodal_head=amodal_head)
    net = SearchTrackNet(replace(spec, offset_head=offset_head)).eval().requires_grad_(False)
    graph, plain = NetworkRunner(net, CPU, graph_threads=1), NetworkRunner(net, CPU)
    for features in torch.randn(3, 1, 8, 12, 20):
        maps = net.heads(Features(features, features, ladder=()))
        for window, count in ((5, 5), (3, 5), (3, 1000)):
            found, expected = (
                each.decode(features, maps, window, count)() for each in (graph, plain)
            )
            assert len(found[0]) == min(count, 2 * 12 * 20)
            # What follows are pixels that are no peaks, in any order.
            peaks = int((expected[0][:, 4] > 0).sum())
            assert 5 <= peaks < 2 * 12 * 20
            assert (found[2] is None) == (expected[2] is None) == amodal_head
            for mine, other in zip(found, expected, strict=True):
                if mine is not None and other is not None:
                    torch.testing.assert_close(mine[:peaks], other[:peaks], rtol=1e-4, atol=1e-4)


def test_few_shapes_are_kept(compiled: Compiled, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mots_ros.detection.compiled._KEPT", 2)
    for width in (1, 2, 1, 3):
        compiled(torch.zeros(1, width), None)
    assert list(compiled._requests) == [(torch.Size([1, 1]),), (torch.Size([1, 3]),)]
    compiled.forget()
    assert not compiled._requests
    assert compiled(torch.ones(1, 2), None)[0].tolist() == [[2, 2]]


def test_signals_still_arrive_when_graphs_are_gone(compiled: Compiled) -> None:
    """Each OpenVINO core that goes takes the stack with it that signals are handled on."""
    for width in (1, 2):
        compiled(torch.zeros(1, width), None)
        compiled.forget()
        gc.collect()
    arrived: list[int] = []
    before = signal.signal(signal.SIGUSR1, lambda number, _: arrived.append(number))
    try:
        signal.raise_signal(signal.SIGUSR1)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert arrived == [signal.SIGUSR1]


@needs_vnni
@torch.inference_mode()
def test_backbone_and_heads_may_be_graphs_of_their_own(net: SearchTrackNet) -> None:
    image = next(images())
    quantise(net, observed_ranges(net, images()))

    def before(image: Tensor) -> tuple[Tensor | None, ...]:
        features = net.features(image)
        return features.shared, features.detail

    def after(shared: Tensor, detail: Tensor | None) -> tuple[Tensor | None, ...]:
        return tuple(vars(net.heads(Features(shared, detail, ladder=()))).values())

    apart = Compiled(after, 1)(*Compiled(before, 1)(image))
    together = Compiled(lambda image: outputs(net, image)[1:], 1)(image)
    for one, other in zip(apart, together, strict=True):
        assert (one is None) == (other is None)
        if one is not None:
            assert relative_error(one, other) < 0.01
