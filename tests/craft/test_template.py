"""Keys made of arguments: which texts may be one, and what becomes of a call's arguments in it."""

from typing import Any

import pytest

from workmill import InvalidArguments, InvalidOption
from workmill.craft.template import Template


@pytest.mark.parametrize(
    ("text", "arguments", "key"),
    [
        ("{tenant}", {"tenant": "acme"}, "acme"),
        ("{a}:{b}", {"a": 1, "b": 2.5}, "1:2.5"),
        ("shop-{{{shop}}}", {"shop": "x"}, "shop-{x}"),
        ("{a}{a}", {"a": True}, "truetrue"),
        ("{a}/{b}", {"a": None, "b": False, "c": [1]}, "null/false"),
    ],
)
def test_a_key_is_made_of_plain_values(text: str, arguments: dict[str, Any], key: str) -> None:
    assert Template("limit.key", text).render("mail", arguments) == key


@pytest.mark.parametrize(
    "text", ["", "tenant", "{{tenant}}", "{}", "{0}", "{a.b}", "{a[0]}", "{a!r}", "{a:>9}", "{a", "a}", "{a}" * 100, 5]
)
def test_what_asks_for_more_than_a_parameter_is_refused(text: Any) -> None:
    with pytest.raises(InvalidOption, match=r"option limit\.key="):
        Template("limit.key", text)


def test_a_name_that_is_no_parameter_is_refused() -> None:
    template = Template("limit.key", "{tenant}")

    template.check(["user", "tenant"])
    with pytest.raises(InvalidOption, match="no parameter 'tenant'"):
        template.check(["user"])


@pytest.mark.parametrize("value", [[1], {"a": 1}, "", "x" * 256, "line\nbreak"])
def test_an_argument_that_makes_no_key_is_refused_by_its_place(value: Any) -> None:
    with pytest.raises(InvalidArguments) as raised:
        Template("limit.key", "{tenant}").render("mail", {"tenant": value})

    assert [(error.pointer, error.type) for error in raised.value.errors] == [("#/tenant", "key")]


def test_an_argument_that_the_call_does_not_give_makes_no_key() -> None:
    with pytest.raises(InvalidArguments, match="that the call itself gives"):
        Template("limit.key", "{tenant}").render("mail", {})


def test_templates_of_one_text_are_equal() -> None:
    same = Template("limit.key", "{a}"), Template("unique.key", "{a}")

    assert len(set(same)) == 1
    assert (same[0] == Template("limit.key", "{b}"), same[0] == "{a}") == (False, False)
    assert repr(same[0]) == "'{a}'"
