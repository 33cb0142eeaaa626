"""The precision in which a network computes."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import cache

import torch
from torch import Tensor

PRECISIONS = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
    "int8": torch.int8,
}


def best_precision(device: torch.device, quantisable: bool, deformable: bool) -> torch.dtype:
    """The fastest precision of a device that loses nothing of a network's scores.

    Processors that do not multiply in bfloat16 would only emulate it. What a GPU loses was not
    measured; its float16 is the finer of the two. Eight bits are for networks that are
    ``quantisable``. A ``deformable`` neck is so much faster in a graph that graphs come first.
    """
    if device.type == "cuda":
        # Before Volta, half the width is no faster, or many times as slow.
        tensor_cores = torch.cuda.get_device_capability(device) >= (7, 0)
        return torch.float16 if tensor_cores else torch.float32
    if quantisable and not why_not_int8():
        return torch.int8
    able = _capabilities()
    multiplies = able.get("avx512_bf16") or able.get("amx_bf16")
    in_graph = deformable and makes_graphs()
    return torch.bfloat16 if multiplies and not in_graph else torch.float32


def makes_graphs() -> bool:
    """Whether OpenVINO is there for this machine's processor, and faster than torch in float32."""
    return bool(_capabilities().get("avx2") and not _why_not_openvino())


def why_not_int8() -> str:
    """What this machine lacks to compute in eight bits on its processor; empty where nothing."""
    able = _capabilities()
    if not any(able.get(name) for name in ("avx512_vnni", "avx_vnni", "amx_int8")):
        # Others add neighbouring products in 16 bits, which is too few for all of them.
        return "a processor with VNNI instructions"
    return _why_not_openvino()


@cache
def _why_not_openvino() -> str:
    try:
        import openvino  # noqa: F401
    except (ImportError, OSError) as error:
        return f"the package openvino (pip install openvino; {error})"
    return ""


def _capabilities() -> Mapping[str, bool]:
    # torch before 2.10 does not say.
    able: Mapping[str, bool] = getattr(torch.cpu, "get_capabilities", dict)()
    return able


def full_precision(device: torch.device) -> AbstractContextManager[object]:
    """A part of training that stays in float32 where the rest is narrower."""
    # Graphs cannot be traced through a context that is not needed.
    if torch.amp.is_autocast_available(device.type) and torch.is_autocast_enabled(device.type):
        return torch.autocast(device.type, enabled=False)
    return nullcontext()


def widened(x: Tensor) -> Tensor:
    """In float32 at least."""
    return x.to(torch.promote_types(x.dtype, torch.float32))
