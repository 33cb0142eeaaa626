"""Weights files: what is written comes back; what is wrong is named and never runs."""

import dataclasses
import json
import os
import pickle
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from mots_ros.commands import checkpoint as command
from mots_ros.nets import checkpoint
from mots_ros.nets.checkpoint import CheckpointError
from mots_ros.nets.normalise import MEAN, STD, normalised, statistics
from mots_ros.nets.searchtrack import DLA34, LIGHT, NetworkSpec, SearchTrackNet

SMALL = dataclasses.replace(LIGHT, channels=(2, 2, 4, 4, 4, 4), head_channels=4)


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    torch.manual_seed(1)
    path = tmp_path / "small.safetensors"
    checkpoint.save(SearchTrackNet(SMALL), path)
    return path


def _rewrite(path: Path, change) -> None:  # type: ignore[no-untyped-def]
    tensors = load_file(path)
    change(tensors)
    save_file(tensors, path, metadata={"spec": json.dumps(dataclasses.asdict(SMALL))})


def test_round_trip(weights: Path) -> None:
    torch.manual_seed(1)
    expected = SearchTrackNet(SMALL).state_dict()
    net = checkpoint.load(weights)
    assert net.spec == SMALL
    assert not net.training
    for name, tensor in net.state_dict().items():
        torch.testing.assert_close(tensor, expected[name], rtol=0, atol=0)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"nothing\.safetensors: no such weights file"):
        checkpoint.load(tmp_path / "nothing.safetensors")


@pytest.mark.parametrize("kept", [0, 5, 1000])
def test_truncated_file(weights: Path, kept: int) -> None:
    weights.write_bytes(weights.read_bytes()[:kept])
    with pytest.raises(CheckpointError, match=r"small\.safetensors: damaged, truncated"):
        checkpoint.load(weights)


class Bomb:
    """Makes the folder ``witness`` when it is unpickled."""

    def __init__(self, witness: Path) -> None:
        self.witness = witness

    def __reduce__(self):  # type: ignore[no-untyped-def]
        return (os.mkdir, (str(self.witness),))


def test_pickled_code_does_not_run(weights: Path, tmp_path: Path) -> None:
    witness = tmp_path / "it_ran"
    weights.write_bytes(pickle.dumps(Bomb(witness)))
    with pytest.raises(CheckpointError, match="no safetensors file"):
        checkpoint.load(weights)
    assert not witness.exists()


def test_missing_unexpected_and_reshaped_tensors_are_listed(weights: Path) -> None:
    def change(tensors: dict[str, torch.Tensor]) -> None:
        tensors["extra"] = tensors.pop("hm.2.bias")
        tensors["wh.2.bias"] = torch.zeros(5)

    _rewrite(weights, change)
    with pytest.raises(CheckpointError) as caught:
        checkpoint.load(weights)
    message = str(caught.value)
    assert "missing: hm.2.bias" in message
    assert "unexpected: extra" in message
    assert "wh.2.bias is (5,), not (2,)" in message


def test_file_without_a_spec(weights: Path) -> None:
    save_file(load_file(weights), weights)
    with pytest.raises(CheckpointError, match="no 'spec'"):
        checkpoint.load(weights)


@pytest.mark.parametrize("spec", ["[]", "{}", "not json", '{"class_names": 1}'])
def test_file_with_a_strange_spec(weights: Path, spec: str) -> None:
    save_file(load_file(weights), weights, metadata={"spec": spec})
    with pytest.raises(CheckpointError, match="'spec' cannot be understood"):
        checkpoint.load(weights)


RANGES = {"base.base_layer.0": (-1.5, 2.0), "hm.0": (0.0, 3.25)}


def test_ranges_come_back(weights: Path, tmp_path: Path) -> None:
    assert checkpoint.read(weights).ranges == {}
    checkpoint.save(checkpoint.load(weights), tmp_path / "ranges.safetensors", RANGES)
    found = checkpoint.read(tmp_path / "ranges.safetensors")
    assert found.ranges == RANGES
    assert found.fingerprint() == checkpoint.read(weights).fingerprint()


@pytest.mark.parametrize(
    ("ranges", "said"),
    [
        ("[]", ""),
        ("no json", ""),
        ('{"hm.0": 3}', ""),
        ('{"hm.0": ["a", "b"]}', ""),
        ('{"hm.0": [2, 1]}', "hm.0 reaches from 2 to 1"),
        ('{"hm.0": [NaN, 1]}', "hm.0 reaches from nan to 1"),
        ('{"hm.0": [0, Infinity]}', "hm.0 reaches from 0 to inf"),
        ('{"hm.9": [0, 1]}', "hm.9 is no convolution"),
        ('{"base.base_layer.1": [0, 1]}', "base.base_layer.1 is no convolution"),
    ],
)
def test_file_with_strange_ranges(weights: Path, ranges: str, said: str) -> None:
    spec = json.dumps(dataclasses.asdict(SMALL))
    save_file(load_file(weights), weights, metadata={"spec": spec, "ranges": ranges})
    with pytest.raises(CheckpointError, match=f"its 'ranges' cannot be understood: .*{said}"):
        checkpoint.read(weights)


@pytest.fixture
def drive(tmp_path: Path) -> Path:
    folder = tmp_path / "drive"
    folder.mkdir()
    for number in range(5):
        image = np.full((64, 96, 3), 40 * number, np.uint8)
        cv2.imwrite(str(folder / f"{number:06d}.png"), image)
    return folder


def test_calibrate(
    weights: Path, drive: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Grey images: what comes first sees the means of their smallest and largest channels."""
    out, again = tmp_path / "out.safetensors", tmp_path / "again.safetensors"
    command.main(["describe", str(weights)])
    assert "eight bits  not calibrated" in capsys.readouterr().out
    command.main(["calibrate", str(weights), str(out), str(drive), "--images", "3"])
    found = checkpoint.read(out)
    assert f"eight bits  {len(found.ranges)} convolutions calibrated" in capsys.readouterr().out
    # Of five images the first, the third and the last; all of an input's pixels count.
    greys = [0.0, 80 / 255, 160 / 255]
    shown = [[(grey - m) / s for m, s in zip(MEAN, STD, strict=True)] for grey in greys]
    expected = (np.mean([min(image) for image in shown]), np.mean([max(image) for image in shown]))
    assert found.ranges["base.base_layer.0"] == pytest.approx(expected, rel=1e-4)
    for name, tensor in checkpoint.load(weights).state_dict().items():
        torch.testing.assert_close(found.weights[name], tensor, rtol=0, atol=0)
    command.main(["convert", str(out), str(again)])
    assert checkpoint.read(again).ranges == found.ranges


def test_what_cannot_be_calibrated_is_said(
    weights: Path, drive: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.safetensors"
    for arguments, said in (
        ([weights, out, tmp_path / "nothing"], "nothing: expected"),
        ([weights, weights, drive], "small.safetensors exists; it is not overwritten"),
    ):
        with pytest.raises(SystemExit):
            command.main(["calibrate", *map(str, arguments)])
        assert said in capsys.readouterr().err
    assert not out.exists()


SMALL_DLA34 = dataclasses.replace(DLA34, channels=(2, 2, 4, 4, 4, 4), head_channels=4)


@pytest.fixture
def released(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkpoint as SearchTrack's program writes it, of a network with fewer channels."""
    monkeypatch.setattr(checkpoint, "DLA34", SMALL_DLA34)
    return _write_released(tmp_path / "released.pth", SMALL_DLA34)


def _write_released(path: Path, spec: NetworkSpec) -> Path:
    torch.manual_seed(2)
    state = {f"module.{k}": v for k, v in SearchTrackNet(spec).state_dict().items()}
    state["module.base.fc.weight"] = torch.zeros(10, 4, 1, 1)
    optimizer = {"state": {0: {"step": 7}}, "param_groups": [{"lr": 1e-4, "params": [0]}]}
    torch.save({"epoch": 140, "state_dict": state, "optimizer": optimizer}, path)
    return path


def _change_released(path: Path, change) -> None:  # type: ignore[no-untyped-def]
    document = torch.load(path, weights_only=True)
    change(document["state_dict"])
    torch.save(document, path)


@pytest.mark.parametrize(
    ("heads", "classes"),
    [
        ({}, ("car", "pedestrian")),
        ({"offset_head": True, "mask_head": False, "amodal_head": True}, ("pedestrian",)),
        ({"offset_head": True, "deformable": False}, ("class_1", "class_2", "class_3")),
    ],
)
def test_released_checkpoint_tells_its_heads(
    released: Path, heads: dict[str, bool], classes: tuple[str, ...]
) -> None:
    spec = dataclasses.replace(SMALL_DLA34, class_names=classes, **heads)
    _write_released(released, spec)
    net = checkpoint.load(released)
    assert net.spec == dataclasses.replace(spec, corner_masks=spec.mask_head)
    expected = torch.load(released, weights_only=True)["state_dict"]
    for name, tensor in net.state_dict().items():
        if name != "base.base_layer.0.weight":
            torch.testing.assert_close(tensor, expected[f"module.{name}"], rtol=0, atol=0)
    assert checkpoint.read(released).unused == ("epoch", "optimizer", "base.fc.weight")


def test_a_released_network_sees_colours_as_it_learnt_them(released: Path) -> None:
    """It was trained on images as OpenCV reads them: blue, green, red, less their means."""
    state = torch.load(released, weights_only=True)["state_dict"]
    theirs = SearchTrackNet(SMALL_DLA34).eval()
    theirs.load_state_dict({name[7:]: state[name] for name in state if "base.fc" not in name})
    rgb = torch.randint(0, 256, (1, 64, 96, 3), dtype=torch.uint8)
    mean = 255 * torch.tensor([0.40789654, 0.44719302, 0.47026115])
    deviation = 255 * torch.tensor([0.28863828, 0.27408164, 0.27809835])
    bgr = ((rgb.flip(3) - mean) / deviation).permute(0, 3, 1, 2)
    with torch.inference_mode():
        expected = theirs.base.base_layer(bgr)
        found = checkpoint.load(released).base.base_layer(normalised(rgb, statistics()))
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    assert expected.std() > 0.01


def test_a_bare_state_dict_is_a_checkpoint_too(released: Path) -> None:
    expected = checkpoint.load(released).state_dict()
    torch.save(dict(expected), released)
    assert set(checkpoint.load(released).state_dict()) == set(expected)


def test_released_checkpoint_without_a_head(released: Path) -> None:
    def change(state: dict[str, torch.Tensor]) -> None:
        for name in [name for name in state if name.startswith("module.sch.")]:
            del state[name]

    _change_released(released, change)
    with pytest.raises(CheckpointError, match=r"released\.pth: missing: sch\.0\.bias, .* 1 more"):
        checkpoint.load(released)


def test_released_checkpoint_with_masks_but_no_kernels(released: Path) -> None:
    def change(state: dict[str, torch.Tensor]) -> None:
        del state["module.conv_weight.2.weight"]

    _change_released(released, change)
    with pytest.raises(CheckpointError, match=r"missing: conv_weight\.2\.weight$"):
        checkpoint.load(released)


def test_code_in_a_released_checkpoint_does_not_run(released: Path, tmp_path: Path) -> None:
    witness = tmp_path / "it_ran"
    state = torch.load(released, weights_only=True)["state_dict"]
    torch.save({"state_dict": state, "epoch": Bomb(witness)}, released)
    with pytest.raises(CheckpointError, match=r"refused, because it holds code .*: posix\.mkdir"):
        checkpoint.load(released)
    assert not witness.exists()


@pytest.mark.parametrize("kept", [0, 4, 3000])
def test_truncated_released_checkpoint(released: Path, kept: int) -> None:
    released.write_bytes(released.read_bytes()[:kept])
    with pytest.raises(CheckpointError, match="damaged, truncated or no PyTorch checkpoint"):
        checkpoint.load(released)


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ([1, 2], "expected a dict, found list"),
        ({"state_dict": {}}, "expected tensors by name"),
        ({"state_dict": {"hm.0.bias": "text"}}, "'hm.0.bias' is no tensor but str"),
    ],
)
def test_documents_that_are_no_checkpoints(tmp_path: Path, document: object, message: str) -> None:
    path = tmp_path / "odd.pth"
    torch.save(document, path)
    with pytest.raises(CheckpointError, match=message):
        checkpoint.load(path)


def test_training_starts_from_what_fits(released: Path) -> None:
    """CenterNet's COCO weights: another number of classes, no search, no masks."""

    def change(state: dict[str, torch.Tensor]) -> None:
        for name in [n for n in state if n.split(".")[1] in ("sch", "sch_weight", "seg")]:
            del state[name]
        state["module.hm.2.weight"] = torch.zeros(80, 4, 1, 1)
        state["module.reg.2.bias"] = torch.zeros(2)

    _change_released(released, change)
    torch.manual_seed(3)
    net = SearchTrackNet(SMALL_DLA34)
    own = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    transfer = checkpoint.transfer(released, net)
    assert set(transfer.kept) >= {"hm.2.weight", "sch.0.weight", "seg.2.bias"}
    assert set(transfer.left) == {"hm.2.weight", "reg.2.bias"}
    assert len(transfer.taken) + len(transfer.kept) == len(own)
    stored = checkpoint.read(released).weights
    for name, tensor in net.state_dict().items():
        source = stored if name in transfer.taken else own
        torch.testing.assert_close(tensor, source[name], rtol=0, atol=0)
    assert str(transfer).endswith("as they were: hm, sch, sch_weight, seg; of no use here: hm, reg")


def test_nothing_fits(released: Path) -> None:
    torch.save({"state_dict": {"other": torch.zeros(1)}}, released)
    with pytest.raises(CheckpointError, match="none of its 1 tensors fits"):
        checkpoint.transfer(released, SearchTrackNet(SMALL_DLA34))


def test_convert_and_describe(
    released: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "ours.safetensors"
    command.main(["convert", str(released), str(out), "--input", "64", "96"])
    text = capsys.readouterr().out
    assert "car, pedestrian" in text
    assert "hm 2" in text and "sch_weight 593" in text
    assert "multiply-adds for 64x96 pixels" in text
    assert "boxes, tracks, masks" in text
    expected = checkpoint.load(released).state_dict()
    for name, tensor in checkpoint.load(out).state_dict().items():
        torch.testing.assert_close(tensor, expected[name], rtol=0, atol=0)
    with pytest.raises(SystemExit):
        command.main(["convert", str(released), str(out)])
    assert "exists; it is not overwritten" in capsys.readouterr().err


def test_describe_says_why_a_file_does_not_run(
    released: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def change(state: dict[str, torch.Tensor]) -> None:
        del state["module.sch.2.bias"]

    _change_released(released, change)
    command.main(["describe", str(released)])
    text = capsys.readouterr().out
    assert "no: missing: sch.2.bias" in text
    assert "epoch, optimizer, base.fc.weight" in text
