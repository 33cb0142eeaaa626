"""The numbers stay what they were when they were shown to be the released program's."""

import numpy as np
import pytest
import torch

import regression


@pytest.fixture(scope="module")
def found() -> dict[str, np.ndarray]:
    return regression.answers()


def test_every_answer_is_on_record(found: dict[str, np.ndarray]) -> None:
    assert set(np.load(regression.FILE)) == set(found)


@pytest.mark.parametrize("name", list(np.load(regression.FILE)))
def test_answer_is_the_recorded_one(found: dict[str, np.ndarray], name: str) -> None:
    np.testing.assert_allclose(found[name], np.load(regression.FILE)[name], rtol=1e-6, atol=1e-6)


@torch.inference_mode()
def test_the_memory_format_changes_nothing() -> None:
    """The detector runs networks channels-last, deformable convolutions among them."""
    image = torch.from_numpy(np.random.default_rng(5).normal(size=(1, 3, 64, 96)))
    expected = regression.network().features(image).shared
    net = regression.network().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    found = net.features(image.contiguous(memory_format=torch.channels_last)).shared
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-6)
