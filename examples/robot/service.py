"""Calls of the records service, which may fail before, after and in the middle of what they do.

Each may be repeated: the service gives whoever asks again in the same name the same records, and an answer about a
record counts once.
"""

import http.client
import json
from urllib.parse import urlsplit

from pydantic import TypeAdapter, ValidationError

from examples.robot.records_shape import Record
from examples.robot.settings import settings_of

TIMEOUT_SECONDS = 5.0
LONGEST_ANSWER = 64 * 1024 * 1024
RECORDS = TypeAdapter(list[Record])


class ServiceFailed(Exception):
    """The records service did not do what it was asked, or its answer did not come; unknown which."""


def take(count: int, *, by: str, status: str) -> list[Record]:
    """Take records in the name of a round: to ask again in the same name gives the same.

    Raises:
        ServiceFailed: Ask again.
    """
    answer = _ask("POST", "/records/taken", {"count": count, "by": by, "status": status})
    try:
        return RECORDS.validate_json(answer)
    except ValidationError as error:
        raise ServiceFailed(f"the answer is not a list of records: {error.errors()[0]['msg']}") from error


def tell(record_id: int, status: str) -> None:
    """Tell what became of a record, `DONE` or `REFUSED`.

    Raises:
        ServiceFailed: Tell it again.
    """
    _ask("PUT", f"/records/{record_id}", {"status": status})


def _ask(method: str, path: str, body: dict[str, object]) -> bytes:
    where = urlsplit(settings_of().records_url)
    connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=TIMEOUT_SECONDS)
    try:
        connection.request(method, path, json.dumps(body), {"Content-Type": "application/json"})
        response = connection.getresponse()
        answer = response.read(LONGEST_ANSWER)
    except (OSError, http.client.HTTPException) as error:
        raise ServiceFailed(f"{method} {path}: {type(error).__name__}: {error}") from error
    finally:
        connection.close()
    if response.status not in {200, 204}:
        raise ServiceFailed(f"{method} {path}: {response.status} {response.reason}")
    return answer
