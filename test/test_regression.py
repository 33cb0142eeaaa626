"""The numbers stay what they were when they were shown to be the released program's."""

import numpy as np
import pytest

import regression


@pytest.fixture(scope="module")
def found() -> dict[str, np.ndarray]:
    return regression.answers()


def test_every_answer_is_on_record(found: dict[str, np.ndarray]) -> None:
    assert set(np.load(regression.FILE)) == set(found)


@pytest.mark.parametrize("name", list(np.load(regression.FILE)))
def test_answer_is_the_recorded_one(found: dict[str, np.ndarray], name: str) -> None:
    np.testing.assert_allclose(found[name], np.load(regression.FILE)[name], rtol=1e-4, atol=1e-4)
