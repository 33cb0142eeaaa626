"""The light network with few channels: trains in milliseconds."""

import dataclasses

import torch

from mots_ros.nets.searchtrack import LIGHT, SearchTrackNet

SMALL = dataclasses.replace(LIGHT, channels=(4, 4, 8, 8, 8, 8), head_channels=8)


def small_net(seed: int = 0) -> SearchTrackNet:
    torch.manual_seed(seed)
    return SearchTrackNet(SMALL)
