"""A job by the id in a path, as a dependency."""

from collections.abc import Awaitable, Callable
from typing import Annotated, TypeAlias

from fastapi import HTTPException, Path

from workmill import App, JobHandle, JobNotFound

Found: TypeAlias = Callable[[str], Awaitable[JobHandle[object]]]


def job_of(mill: App, *tasks: str) -> Found:
    """Return a dependency: the job whose id is the path's parameter `job_id`; 404 where there is none.

    Example:
        ```python
        @api.get("/reports/{job_id}")
        async def show(job: Annotated[JobHandle, Depends(job_of(mill, "report"))]) -> dict:
            return job.document()
        ```

    Args:
        mill: The application.
        tasks: The names of the tasks whose jobs are meant, so that an id of another task is unknown there; without
            any, all.
    """

    async def job(job_id: Annotated[str, Path(description="The job's id.")]) -> JobHandle[object]:
        try:
            found = await mill.ajob(job_id)
        except JobNotFound as error:
            raise HTTPException(404, str(error)) from None
        if tasks and found.record.task not in tasks:
            raise HTTPException(404, str(JobNotFound(job_id)))
        return found

    return job
