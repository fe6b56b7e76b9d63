"""Answers: JSON bodies, and the headers that say what a client may do with a job's document."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import Response

from workmill import Job, job_document

MEDIA_TYPE = "application/json"
SHORTEST_RETRY_SECONDS, LONGEST_RETRY_SECONDS = 1, 10


def json_answer(body: object, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return a JSON answer. Lists say nothing about caching, so the guard's `no-store` holds for them."""
    return Response(dump(body), status, headers, media_type=MEDIA_TYPE)


def dump(body: object) -> bytes:
    """Write JSON in UTF-8 on one line; integers of any size keep every digit."""
    return json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def job_answer(job: Job, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return a job's document."""
    return json_answer(job_document(job), status=status, headers={**job_headers(job), **(headers or {})})


def job_headers(job: Job) -> dict[str, str]:
    """Return what every answer about one job says: its version, and when to ask again if it is not done."""
    headers = {
        "ETag": f'"{job.version}"',
        "Cache-Control": "private, no-cache",
        "Vary": "Prefer, Authorization",
    }
    return headers if job.state.is_final else headers | retry_after(job)


def retry_after(job: Job) -> dict[str, str]:
    """Return when to ask again: soon for a young job, at most ten seconds for an old one."""
    age = (datetime.now(UTC) - job.created_at).total_seconds()
    seconds = min(max(int(age / 10), SHORTEST_RETRY_SECONDS), LONGEST_RETRY_SECONDS)
    return {"Retry-After": str(seconds)}


def address(request: Request, path: str) -> str:
    """Return a path of this API as the client sees it, under whatever prefix it is mounted."""
    root: str = request.scope.get("root_path", "")
    return root.rstrip("/") + path
