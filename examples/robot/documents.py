"""XML documents of bounded size: made for the records service, and read by the workers."""

from dataclasses import dataclass
from xml.parsers import expat

LONGEST_DOCUMENT = 256 * 1024
DEEPEST = 32
LINE = '  <item number="{number}" quantity="{quantity}">An item of order {record}, as large as orders are</item>\n'


class BadDocument(ValueError):
    """The text is no document that is taken; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What was found in a document."""

    root: str
    elements: int
    characters: int


def document_of(record: int, length: int, *, is_broken: bool) -> str:
    """Return the document of a record, always the same, of about that many characters; a broken one ends half-way."""
    lines, number = [f'<order id="{record}">\n'], 0
    while number == 0 or sum(map(len, lines)) < length:
        number += 1
        lines.append(LINE.format(number=number, quantity=(record * number) % 7 + 1, record=record))
    return "".join(lines) + ("  <item numb" if is_broken else "</order>\n")


def read_document(text: str) -> Contents:
    """Return what is in a document.

    Raises:
        BadDocument: It is too long, too deep, not well-formed, or defines entities of its own.
    """
    if len(text) > LONGEST_DOCUMENT:
        raise BadDocument(f"it has {len(text)} characters; {LONGEST_DOCUMENT} are taken at most")
    reader = _Reader()
    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = reader.doctype
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.characters
    try:
        parser.Parse(text, True)
    except expat.ExpatError as error:
        raise BadDocument(f"it is not well-formed: {error}") from error
    return Contents(root=reader.root, elements=reader.elements, characters=reader.length)


class _Reader:
    """Counts what a parser meets."""

    def __init__(self) -> None:
        self.root = ""
        self.elements = 0
        self.length = 0
        self._depth = 0

    def doctype(self, *_: object) -> None:
        raise BadDocument("it has a DOCTYPE, by which a few lines could become gigabytes; send it without one")

    def start(self, name: str, _: dict[str, str]) -> None:
        self.root = self.root or name
        self.elements += 1
        self._depth += 1
        if self._depth > DEEPEST:
            raise BadDocument(f"its elements lie deeper than {DEEPEST} in one another")

    def end(self, _: str) -> None:
        self._depth -= 1

    def characters(self, text: str) -> None:
        self.length += len(text)
