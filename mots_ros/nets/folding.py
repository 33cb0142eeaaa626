"""BatchNorm as part of the convolution before it: the same numbers, one pass over each map less."""

from __future__ import annotations

from collections.abc import Iterator

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

from mots_ros.nets.deformable import DeformableConv


def fold_normalisation(net: nn.Module) -> None:
    """Change a network in place, for inference alone: what is folded cannot be trained any more.

    Every BatchNorm must follow its convolution in the order of the network's modules.
    """
    convolution: nn.Conv2d | DeformableConv
    for parent, name, child in list(_modules(net)):
        if isinstance(child, nn.Conv2d | DeformableConv):
            convolution = child
        elif isinstance(child, nn.BatchNorm2d):
            assert child.running_mean is not None and child.running_var is not None
            convolution.weight, convolution.bias = fuse_conv_bn_weights(
                convolution.weight,
                convolution.bias,
                child.running_mean,
                child.running_var,
                child.eps,
                child.weight,
                child.bias,
            )
            setattr(parent, name, nn.Identity())


def _modules(parent: nn.Module) -> Iterator[tuple[nn.Module, str, nn.Module]]:
    """All modules below, and where they are; a deformable convolution counts as one."""
    for name, child in parent.named_children():
        yield parent, name, child
        if not isinstance(child, DeformableConv):
            yield from _modules(child)
