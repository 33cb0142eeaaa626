import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from mots_ros.core import kalman
from mots_ros.core.costs import (
    cosine_distance,
    gating_distance,
    matching_cost,
    search_affinity,
)

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


def test_cosine_distance_by_hand():
    """Length does not matter; nothing is at a right angle to everything."""
    templates = np.array([[3.0, 4.0], [0.0, 0.0]])
    embeddings = np.array([[4.0, 3.0], [-6.0, -8.0], [0.8, -0.6]])
    np.testing.assert_allclose(cosine_distance(templates, embeddings), [[0.04, 2, 1], [1, 1, 1]])


def test_gating_distance_by_hand():
    """A box 40 wide and 20 high: errors of 1 pixel, 80 square pixels and 0.1 count beside the
    filter's own variances, and a twentieth of the height."""
    mean = np.array([[100.0, 50, 800, 2, 0, 0, 0]])
    covariance = np.diag([3.0, 8, 9600, 0.03, 1, 1, 1])[None]
    moved = [[82, 40, 122, 60], [80, 43, 120, 63]]
    grown = [[75, 50 - 80 / 7, 125, 50 + 80 / 7]]  # 8 / 7 of the area, 50 / (160 / 7) of the aspect
    area, aspect = 800 * 3 / 7, 50 / (160 / 7) - 2
    expected = [2**2 / 4, 3**2 / 9, area**2 / 16000 + aspect**2 / 0.04]
    found = gating_distance(mean, covariance, np.array(moved + grown), 0.05)
    np.testing.assert_allclose(found, [expected])


def test_the_gate_opens_while_an_object_is_unseen():
    mean, covariance = kalman.initiate(np.array([0, 0, 40, 20]))
    beside = np.array([[30, 0, 70, 20]])
    distances = []
    for _ in range(3):
        mean, covariance = kalman.predict(mean, covariance, 1.0)
        distances.append(float(gating_distance(mean[None], covariance[None], beside, 0.05)[0, 0]))
    assert distances[0] > distances[1] > distances[2] > 0


def test_nothing_to_gate():
    nothing, one = np.zeros((0, 7)), np.zeros((1, 4))
    assert gating_distance(nothing, np.zeros((0, 7, 7)), one, 0.1).shape == (0, 1)
    assert gating_distance(np.ones((2, 7)), np.stack([np.eye(7)] * 2), one[:0], 0.1).shape == (2, 0)
