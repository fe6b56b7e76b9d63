"""Events as records: what is told of cannot be changed by whoever hears it first."""

import dataclasses
import inspect

import pytest

from workmill.words import emit, events

KINDS = [
    kind
    for module in (emit, events)
    for kind in vars(module).values()
    if inspect.isclass(kind) and dataclasses.is_dataclass(kind) and kind.__module__ == module.__name__
]


@pytest.mark.parametrize("kind", KINDS)
def test_an_event_is_a_frozen_record_of_named_fields(kind: type) -> None:
    parameters = kind.__dataclass_params__

    assert parameters.frozen
    assert all(field.kw_only for field in dataclasses.fields(kind))


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_can_be_told(kind: type) -> None:
    assert issubclass(kind, events.Event)
