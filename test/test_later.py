"""What is still in work is made once, when somebody asks."""

import weakref
from collections.abc import Callable
from itertools import count

import pytest

from mots_ros.core.later import Later


def test_it_is_made_when_somebody_asks_and_only_once() -> None:
    numbers = count()
    later = Later(lambda: next(numbers))
    assert next(numbers) == 0
    assert [later.value, later.value] == [1, 1]
    assert next(numbers) == 2


def test_what_made_it_is_let_go() -> None:
    class Maker:
        def __call__(self) -> str:
            return "made"

    maker: Callable[[], str] = Maker()
    held = weakref.ref(maker)
    later = Later(maker)
    del maker
    assert held() is not None
    assert later.value == "made" and held() is None


def test_what_failed_may_be_asked_for_again() -> None:
    attempts = iter([ZeroDivisionError(), None])

    def make() -> str:
        error = next(attempts)
        if error is not None:
            raise error
        return "made"

    later = Later(make)
    with pytest.raises(ZeroDivisionError):
        later.value  # noqa: B018
    assert later.value == "made"
