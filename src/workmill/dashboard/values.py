"""JSON values as a page shows them: nothing is lost of what fits, and nothing breaks the page."""

import json
import re

from workmill import Job, job_document

LONGEST_SHOWN = 50_000
LONGEST_PREVIEW = 160

_ID = re.compile(r"\b([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})\b")


def json_block(value: object) -> str:
    """Write a value for people, cut where it is very long."""
    text = _clean(json.dumps(value, ensure_ascii=False, indent=2))
    return text if len(text) <= LONGEST_SHOWN else text[:LONGEST_SHOWN] + "\n… cut here"


def preview(job: Job) -> str:
    """Write a job's arguments in a line: `path="a.png", width=400`."""
    args = job_document(job)["args"]
    if not isinstance(args, dict):
        return ""
    text, room = "", LONGEST_PREVIEW
    for name, value in args.items():
        text += f"{', ' if text else ''}{name}={json.dumps(value, ensure_ascii=False)[:room]}"
        if len(text) > room:
            return _clean(text[:room]) + "…"
    return _clean(text)


def parts_of(text: str) -> list[tuple[str, bool]]:
    """Return a text in pieces, each with whether it is the id of a job, to be a link."""
    return [(piece, place % 2 == 1) for place, piece in enumerate(_ID.split(text)) if piece]


def _clean(text: str) -> str:
    """Write halves of characters as JSON writes them: no page can have them."""
    return text.encode("utf-8", "backslashreplace").decode()
