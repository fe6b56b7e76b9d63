"""Somebody's application on a store of its own, for the length of one test."""

from collections.abc import Iterator
from contextlib import contextmanager

from workmill import App
from workmill.testing.clock import FakeClock


@contextmanager
def isolated(app: App, *, clock: FakeClock | None = None) -> Iterator[FakeClock]:
    """Let an application use an empty memory store, on a clock that stands still, and give that clock.

    Whatever store the application was made for is neither opened nor touched meanwhile.

    Example:
        ```python
        @pytest.fixture
        def clock():
            with isolated(app) as clock:
                yield clock
        ```
    """
    clock = clock or FakeClock()
    with app.elsewhere("memory://", clock=clock):
        yield clock
