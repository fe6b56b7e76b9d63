"""Names and ids: what may be one, and how a job's id is made."""

import re
import uuid

from workmill.words.errors import InvalidOption

NAME = re.compile(r"[A-Za-z0-9_.:-]{1,128}")
KEY_LENGTH = 255


def check_name(option: str, name: str) -> str:
    """Return `name` if it may name a task, queue or worker.

    Raises:
        InvalidOption: It is empty, longer than 128 characters, or has a character outside `A-Z a-z 0-9 _ . : -`.
    """
    if not isinstance(name, str) or NAME.fullmatch(name) is None:
        raise InvalidOption(option, name, "use 1 to 128 of the characters A-Z a-z 0-9 _ . : -")
    return name


def check_key(key: str) -> str:
    """Return `key` if it may be an idempotency key.

    Raises:
        InvalidOption: It is empty, longer than 255 characters, or has a character that does not print.
    """
    if not isinstance(key, str) or not 0 < len(key) <= KEY_LENGTH or not key.isprintable():
        raise InvalidOption("key", key, f"use 1 to {KEY_LENGTH} printable characters")
    return key


def job_id(milliseconds: int, randomness: bytes) -> str:
    """Make a UUID of version 7 (RFC 9562) from Unix milliseconds and ten random bytes.

    It sorts by time, which keeps the stores' id indexes compact. It is a name, not a secret.
    """
    number = (milliseconds & 0xFFFF_FFFF_FFFF) << 80 | int.from_bytes(randomness[:10], "big")
    number = number & ~(0xF000 << 64) | 0x7000 << 64
    number = number & ~(0xC000 << 48) | 0x8000 << 48
    text = f"{number:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def canonical_id(text: str) -> str | None:
    """Return a job's id in its one spelling, or None where `text` is not a UUID at all."""
    try:
        return str(uuid.UUID(text))
    except (ValueError, AttributeError, TypeError):
        return None
