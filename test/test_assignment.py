import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from mots_ros.core.assignment import METHODS, continued, greedy, hungarian

INF = np.inf

costs = arrays.arrays(
    np.float64,
    st.tuples(st.integers(0, 5), st.integers(0, 5)),
    elements=st.one_of(st.just(INF), st.floats(-1, 1, width=16)),
)


def total(cost, matches):
    return cost[matches.pairs[:, 0], matches.pairs[:, 1]].sum()


def every_assignment(cost):
    """The size and the sum of every set of allowed pairs, by brute force."""
    allowed = list(zip(*np.nonzero(np.isfinite(cost)), strict=True))
    for size in range(min(cost.shape) + 1):
        for pairs in itertools.combinations(allowed, size):
            rows, columns = zip(*pairs, strict=True) if pairs else ((), ())
            if len(set(rows)) == len(set(columns)) == size:
                yield size, sum(cost[pair] for pair in pairs)


@pytest.mark.parametrize("method", METHODS.values())
@given(cost=costs)
def test_everything_is_matched_once_or_left_over(method, cost):
    matches = method(cost)
    for side, left_over in enumerate((matches.unmatched_rows, matches.unmatched_cols)):
        assert sorted([*matches.pairs[:, side], *left_over]) == list(range(cost.shape[side]))
        assert left_over.dtype == np.int64
    assert matches.pairs.shape == (len(matches.pairs), 2) and matches.pairs.dtype == np.int64
    assert np.isfinite(cost[matches.pairs[:, 0], matches.pairs[:, 1]]).all()
    assert (np.diff(matches.pairs[:, 0]) > 0).all()
    # No allowed pair is left lying.
    assert not np.isfinite(cost[np.ix_(matches.unmatched_rows, matches.unmatched_cols)]).any()


def test_greedy_takes_the_cheapest_first_even_if_the_rest_pays_for_it():
    cost = np.array([[0.2, 0.1], [0.9, 0.3]])
    assert greedy(cost).pairs.tolist() == [[0, 1], [1, 0]]
    assert hungarian(cost).pairs.tolist() == [[0, 0], [1, 1]]


def test_greedy_breaks_ties_in_row_order():
    assert greedy(np.full((2, 3), 0.5)).pairs.tolist() == [[0, 0], [1, 1]]


@given(costs)
def test_greedy_is_stable(cost):
    """Each pair that was not taken is no cheaper than the one that blocks it."""
    matches = greedy(cost)
    by_row = {row: cost[row, column] for row, column in matches.pairs.tolist()}
    by_column = {column: cost[row, column] for row, column in matches.pairs.tolist()}
    for row, column in np.argwhere(np.isfinite(cost)).tolist():
        assert min(by_row.get(row, INF), by_column.get(column, INF)) <= cost[row, column]


@given(
    arrays.arrays(
        np.float64,
        st.tuples(st.integers(0, 4), st.integers(0, 3)),
        elements=st.one_of(st.just(INF), st.floats(-1, 1, width=16)),
    )
)
def test_hungarian_finds_the_most_pairs_and_among_those_the_smallest_sum(cost):
    matches = hungarian(cost)
    size, negative_sum = max((size, -value) for size, value in every_assignment(cost))
    assert len(matches.pairs) == size
    assert total(cost, matches) == pytest.approx(-negative_sum)


def test_hungarian_pays_any_price_for_one_more_pair():
    """Two pairs would cost nothing."""
    cost = np.array([[1, INF, INF], [0, 1, INF], [INF, 0, 1]])
    assert hungarian(cost).pairs.tolist() == [[0, 0], [1, 1], [2, 2]]


def test_hungarian_keeps_the_digits_beside_forbidden_pairs():
    """A row without any allowed pair must not blur the choice among the others."""
    cost = np.array([[INF, INF, INF], [0.3, 0.3 + 1e-12, INF], [0.3, 0.3 + 2e-12, INF]])
    assert hungarian(cost).pairs.tolist() == [[1, 1], [2, 0]]


@pytest.mark.parametrize("method", METHODS.values())
def test_nothing_to_match(method):
    for shape in ((0, 0), (0, 3), (2, 0)):
        matches = method(np.zeros(shape))
        assert matches.pairs.shape == (0, 2)
        assert (len(matches.unmatched_rows), len(matches.unmatched_cols)) == shape
    assert len(method(np.full((2, 3), INF)).pairs) == 0


def test_a_cascade_goes_on_with_what_is_left():
    """The first stage takes (1, 0) alone; by the second cost that pair would be the dearest."""
    first = greedy(np.array([[INF, INF], [0.5, INF], [INF, INF]]))
    matches = continued(first, np.array([[0.1, 0.8], [9.0, 9.0], [0.1, 0.3]]), hungarian)
    assert matches.pairs.tolist() == [[1, 0], [2, 1]]
    assert matches.unmatched_rows.tolist() == [0]
    assert matches.unmatched_cols.tolist() == []


@pytest.mark.parametrize("method", METHODS.values())
@given(cost=costs)
def test_a_cascade_of_one_cost_is_its_first_stage(method, cost):
    nothing = method(np.full(cost.shape, INF))
    np.testing.assert_array_equal(continued(nothing, cost, method).pairs, method(cost).pairs)
    whole = method(cost)
    np.testing.assert_array_equal(continued(whole, cost, method).pairs, whole.pairs)
