"""`python -m examples`: all of them behind one landing page; `python -m examples NAME`: one of them alone."""

import sys
from importlib import import_module

NAMES = ("chess", "producer_consumer", "one_at_a_time", "sentiment", "robot")


def main(arguments: list[str]) -> None:
    """Start what the first argument names, and hand on the others."""
    name, rest = (arguments[0], arguments[1:]) if arguments[:1] and arguments[0] in NAMES else ("demo", arguments)
    if rest and not rest[0].startswith("-"):
        sys.exit(f"demo: there is no example {rest[0]!r}; say one of {', '.join(NAMES)}, or none for all of them")
    import_module(f"examples.{name}.__main__").main(rest, prog_name=f"./run demo {name}".removesuffix(" demo"))


if __name__ == "__main__":
    main(sys.argv[1:])
