"""What is still in work when others go on."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Generic, TypeVar

ValueT = TypeVar("ValueT")


class Later(Generic[ValueT]):
    """A value that is made when somebody first asks for it; what makes it is kept until then."""

    def __init__(self, make: Callable[[], ValueT]) -> None:
        self._make = make

    @cached_property
    def value(self) -> ValueT:
        """The value, for which somebody may have to be waited for; raises what making it raises."""
        value = self._make()
        del self._make
        return value
