"""The decorator that turns a function into a task."""

from collections.abc import Callable, Coroutine
from typing import ParamSpec, TypeAlias, TypeVar, overload

from workmill.craft.options import Declared, Options
from workmill.craft.task import AnyTask, Task
from workmill.words.codec import Json

P = ParamSpec("P")
R = TypeVar("R")
Register: TypeAlias = Callable[[str, Callable[..., Json], Options, Declared], AnyTask]


class Registrar:
    """What `app.task(...)` returns: a decorator that keeps the function's own types."""

    def __init__(self, register: Register, name: str | None, options: Options, declared: Declared) -> None:
        self._register = register
        self._name = name
        self._options = options
        self._declared = declared

    @overload
    def __call__(self, function: Callable[P, Coroutine[Json, Json, R]]) -> Task[P, Coroutine[Json, Json, R], R]: ...
    @overload
    def __call__(self, function: Callable[P, R]) -> Task[P, R, R]: ...
    def __call__(self, function: Callable[..., Json]) -> AnyTask:
        """Register the function, or that of a task of another application."""
        plain = function.function if isinstance(function, Task) else function
        name = getattr(plain, "__name__", "") if self._name is None else self._name
        return self._register(name, plain, self._options, self._declared)
