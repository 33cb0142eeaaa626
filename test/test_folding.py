"""A network with its normalisation folded in says what it said before."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest
import torch
from torch import nn

from mots_ros.nets.folding import fold_normalisation
from mots_ros.nets.searchtrack import LIGHT, SearchTrackNet


@pytest.mark.parametrize("deformable", [False, True])
@torch.inference_mode()
def test_the_maps_stay_and_no_normalisation_is_left(deformable: bool) -> None:
    torch.manual_seed(0)
    net = SearchTrackNet(replace(LIGHT, deformable=deformable)).eval()
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            for numbers in (module.running_var, module.weight):
                numbers.uniform_(0.5, 2)  # type: ignore[union-attr]
            for numbers in (module.running_mean, module.bias):
                numbers.normal_()  # type: ignore[union-attr]
    image = torch.rand(1, 3, 64, 96)
    before = net.heads(net.features(image))
    fold_normalisation(net)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in net.modules())
    after = net.heads(net.features(image))
    for field in fields(before):
        one, other = getattr(before, field.name), getattr(after, field.name)
        if one is not None:
            torch.testing.assert_close(other, one, rtol=1e-3, atol=1e-3 * float(one.std()))
