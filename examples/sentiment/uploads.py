"""What is taken as a text, and what is refused, with the reason."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.conf import settings  # type: ignore[import-untyped] # it has no types
from django.core.exceptions import ValidationError  # type: ignore[import-untyped] # likewise
from django.core.validators import validate_email  # type: ignore[import-untyped] # likewise

from examples.sentiment.models import LONGEST_NAME, Fault
from examples.sentiment.refusals import Refused

MOST_LINES = 20_000
LONGEST_LINE = 4000
DEFAULT_EMAIL = "reader@localhost"


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A text that is fit to be analysed; each line of it says something."""

    name: str
    lines: list[str]
    email: str
    fault: str


def read_upload(name: str, content: bytes, fields: Mapping[str, str]) -> Upload:
    """Return what was sent, checked.

    Raises:
        Refused: It is no text, or too much of it, or a field is wrong.
    """
    return Upload(name=_name(name), lines=_lines(content), email=_email(fields), fault=_fault(fields))


def _name(name: str) -> str:
    shown = "".join(letter for letter in name if letter.isprintable()).strip()
    return shown[:LONGEST_NAME] or "unnamed.txt"


def _lines(content: bytes) -> list[str]:
    if len(content) > settings.LARGEST_FILE:
        most = settings.LARGEST_FILE // settings.MEGABYTE
        raise Refused(413, "file", f"it has {len(content):,} bytes, and {most} MB is the most; send a part of it")
    lines = [line.strip() for line in _text(content).splitlines()]
    longest = max(lines, key=len, default="")
    if len(longest) > LONGEST_LINE:
        number, most = lines.index(longest) + 1, f"{LONGEST_LINE:,}"
        raise Refused(422, "file", f"line {number} has {len(longest):,} characters, and {most} is the most; break it")
    said = list(filter(None, lines))
    if not said:
        raise Refused(422, "file", "there is no line of text in it; choose a text file, with one sentence in each line")
    if len(said) > MOST_LINES:
        raise Refused(422, "file", f"it has {len(said):,} lines, and {MOST_LINES:,} is the most; send a part of it")
    return said


def _text(content: bytes) -> str:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        wrong = f"line {line} is not UTF-8 text (byte 0x{content[error.start]:02x})"
        raise Refused(422, "file", f"{wrong}; save it as UTF-8 text and send it again") from error
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise Refused(422, "file", f"line {line} holds a zero byte, so this is no text; send plain text")
    return text


def _email(fields: Mapping[str, str]) -> str:
    email = fields.get("email", "").strip() or DEFAULT_EMAIL
    try:
        if email != DEFAULT_EMAIL:
            validate_email(email)
    except ValidationError as error:
        raise Refused(
            422, "email", f"{email[:LONGEST_NAME]!r} is no address; write one such as {DEFAULT_EMAIL}"
        ) from error
    return email


def _fault(fields: Mapping[str, str]) -> str:
    fault = fields.get("fault") or "none"
    if fault not in Fault.values:
        raise Refused(422, "fault", f"{fault[:LONGEST_NAME]!r} is none; choose one of {', '.join(Fault.values)}")
    return fault
