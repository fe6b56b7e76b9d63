"""The contract's shape: every room has every verb as the protocol writes it."""

import inspect

import pytest

from workmill import store
from workmill.store import Store
from workmill.stores.memory import MemoryStore
from workmill.stores.sqlite import SqliteStore


def verbs(kind: type) -> dict[str, object]:
    return {name: member for name, member in inspect.getmembers(kind) if not name.startswith("_")}


@pytest.mark.parametrize("room", [MemoryStore, SqliteStore])
def test_room_has_every_verb_of_the_contract(room: type) -> None:
    assert verbs(Store).keys() - verbs(room).keys() == set()


@pytest.mark.parametrize("room", [MemoryStore, SqliteStore])
@pytest.mark.parametrize("verb", [name for name, member in verbs(Store).items() if inspect.isfunction(member)])
def test_verb_is_called_as_the_contract_says(room: type, verb: str) -> None:
    promised, kept = inspect.signature(getattr(Store, verb)), inspect.signature(getattr(room, verb))

    assert kept.parameters == promised.parameters
    assert inspect.iscoroutinefunction(getattr(room, verb)) == inspect.iscoroutinefunction(getattr(Store, verb))


def test_every_name_of_the_contract_is_there_and_no_other() -> None:
    assert [name for name in store.__all__ if not hasattr(store, name)] == []
    with pytest.raises(AttributeError, match="has no attribute 'Nonesuch'"):
        getattr(store, "Nonesuch")  # noqa: B009 - a type checker knows that there is none
