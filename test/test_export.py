"""The ONNX graph says what the network says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from mots_ros.commands.checkpoint import main
from mots_ros.nets import checkpoint
from mots_ros.nets.export import Graph
from mots_ros.nets.searchtrack import LIGHT, NetworkSpec, SearchTrackNet

SMALL = replace(LIGHT, channels=(4, 4, 8, 8, 8, 8), head_channels=8)
SIZE = (64, 96)


@pytest.mark.parametrize(
    ("spec", "outputs"),
    [
        (SMALL, ["heat", "size", "search", "search_kernels", "offset", "mask", "mask_kernels"]),
        (
            replace(SMALL, deformable=True, offset_head=False, mask_head=False, amodal_head=True),
            ["heat", "size", "search", "search_kernels", "amodal"],
        ),
    ],
    ids=["light", "deformable, boxes only"],
)
def test_onnxruntime_finds_the_same_maps(
    tmp_path: Path, spec: NetworkSpec, outputs: list[str]
) -> None:
    torch.manual_seed(0)
    net = SearchTrackNet(spec).eval().requires_grad_(False)
    for weight in net.parameters():
        if weight.dim() > 1:
            weight *= 2  # Else the maps of an untrained network are nearly flat.
    checkpoint.save(net, tmp_path / "net.safetensors")
    out = tmp_path / "net.onnx"
    main(["export", str(tmp_path / "net.safetensors"), str(out), "--input", *map(str, SIZE)])
    session = onnxruntime.InferenceSession(out)
    assert session.get_modelmeta().custom_metadata_map == {"classes": "car, pedestrian"}
    assert [output.name for output in session.get_outputs()] == outputs
    image = torch.rand(1, 3, *SIZE) * 255
    with torch.inference_mode():
        expected = Graph(net)(image)
    for name, wanted, found in zip(
        outputs, expected, session.run(None, {"image": image.numpy()}), strict=True
    ):
        assert wanted.std() > 1e-3, name
        np.testing.assert_allclose(found, wanted, atol=1e-4 * float(wanted.std()), err_msg=name)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["net.onnx", "--input", "60", "96"], "expected an input of multiples of 32"),
        (["net.pb"], "net.pb: the name must end in .onnx"),
        (["there.onnx"], "there.onnx exists; it is not overwritten"),
    ],
)
def test_what_cannot_be_written_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    checkpoint.save(SearchTrackNet(SMALL), tmp_path / "net.safetensors")
    (tmp_path / "there.onnx").write_text("precious")
    name, *rest = arguments
    with pytest.raises(SystemExit):
        main(["export", str(tmp_path / "net.safetensors"), str(tmp_path / name), *rest])
    assert said in capsys.readouterr().err
    assert (tmp_path / "there.onnx").read_text() == "precious"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["net.safetensors", "there.onnx"]
