import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from mots_ros.core.costs import matching_cost, search_affinity

LEFT, RIGHT, BOTH = [0, 0, 10, 10], [20, 0, 30, 10], [0, 0, 30, 10]


def test_the_best_candidate_counts():
    """Overlap times score: half a box found surely beats a whole one found hardly."""
    candidates = np.array([[LEFT, RIGHT], [BOTH, LEFT]], float)
    scores = np.array([[0.9, 0.6], [0.9, 0.5]])
    detected = np.array([LEFT, RIGHT], float)
    affinity = search_affinity(candidates, scores, detected)
    np.testing.assert_allclose(affinity, [[0.9, 0.6], [0.5, 0.3]])


def test_no_tracks_and_no_detections():
    none, one = np.zeros((0, 4)), np.zeros((1, 4))
    assert search_affinity(np.zeros((0, 3, 4)), np.zeros((0, 3)), one).shape == (0, 1)
    assert search_affinity(np.zeros((2, 3, 4)), np.zeros((2, 3)), none).shape == (2, 0)
    assert search_affinity(np.zeros((2, 0, 4)), np.zeros((2, 0)), one).tolist() == [[0], [0]]


@given(
    arrays.arrays(np.float64, (3, 2, 4), elements=st.floats(0, 100)),
    arrays.arrays(np.float64, (3, 2), elements=st.floats(0, 1)),
    arrays.arrays(np.float64, (4, 4), elements=st.floats(0, 100)),
)
def test_affinity_is_a_fraction_of_the_score(candidates, scores, detected):
    affinity = search_affinity(candidates, scores, detected)
    assert affinity.shape == (3, 4)
    assert (affinity >= 0).all()
    assert (affinity <= scores.max(axis=1, keepdims=True) + 1e-9).all()


def test_costs_by_hand():
    affinity = np.array([[0.9, 0.2, 0.01], [0.5, 0.0, 0.02]])
    cost = matching_cost(affinity, np.array([0, 1]), np.array([0, 0, 1]), 0.01)
    np.testing.assert_allclose(cost, [[0.1, 0.8, np.inf], [np.inf, np.inf, 0.98]])


def test_an_affinity_must_exceed_the_minimum():
    labels = np.array([0])
    assert matching_cost(np.array([[0.25]]), labels, labels, 0.25) == np.inf
    assert matching_cost(np.array([[0.25]]), labels, labels, 0.2) == 0.75
    assert matching_cost(np.array([[0.0]]), labels, labels, 0.0) == np.inf
