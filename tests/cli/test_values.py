import pytest

from workmill.cli.values import ANYTHING, read_value

TEXT = frozenset({"string"})
INT = frozenset({"integer"})


@pytest.mark.parametrize(
    ("text", "kinds", "value"),
    [
        ("5", TEXT, "5"),
        ("null", TEXT | {"null"}, "null"),
        ("5", INT, 5),
        ("5.5", INT, 5.5),  # the signature refuses it in its own words
        ("five", INT, "five"),
        ("null", INT | {"null"}, None),
        ("NaN", frozenset({"number"}), "NaN"),
        ("5", INT | TEXT, 5),
        ("1.10", frozenset({"number"}) | TEXT, "1.10"),
        ("1.5", frozenset({"number"}) | TEXT, 1.5),
        ("true", INT | TEXT, "true"),
        ("true", frozenset({"boolean"}) | TEXT, True),
        ('{"a": 1}', ANYTHING, {"a": 1}),
        ("[1]", ANYTHING, [1]),
        ("[1]", INT | TEXT, "[1]"),
        ('{"a": 1}', INT | TEXT, '{"a": 1}'),
        ('"5"', ANYTHING, '"5"'),
        ("hello", ANYTHING, "hello"),
        ("[" * 100_000, ANYTHING, "[" * 100_000),
    ],
)
def test_a_word_is_read_as_the_json_it_stands_for(text: str, kinds: frozenset[str], value: object) -> None:
    read = read_value(text, kinds)

    assert read == value
    assert type(read) is type(value)
