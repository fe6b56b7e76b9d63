import os
from collections.abc import Iterator

import pytest

from workmill.craft import executor, threads
from workmill.running.stack import STACK_BYTES, clear_stack, open_stack, read_stack, read_stacks

HEAD = "Thread 0x00007f (most recent call first):"
IDLE_THREAD = f'{HEAD}\n  File "{threads.__file__}", line 70 in _serve\n  File "threading.py", line 5 in run'
BUSY_THREAD = f'{HEAD}\n  File "/app/tasks.py", line 3 in spin\n  File "{threads.__file__}", line 108 in called\n  x'
IDLE_LOOP = f'{HEAD}\n  File "/lib/selectors.py", line 468 in select\n  File "/lib/asyncio/base_events.py", line 1 in x'
BUSY_LOOP = (
    f'{HEAD}\n  File "/app/tasks.py", line 9 in block\n  File "{executor.__file__}", line 99 in _within_limit\n'
    '  File "/lib/asyncio/events.py", line 80 in _run\n  File "/lib/asyncio/base_events.py", line 1 in run'
)
CALLED_BACK = (
    f'{HEAD}\n  File "/app/a.py", line 1 in called_back\n  File "/lib/asyncio/events.py", line 80 in _run\n  x'
)


@pytest.fixture
def file() -> Iterator[int]:
    file = open_stack()
    yield file
    os.close(file)


def test_of_one_thread_the_tasks_own_frames_are_kept(file: int) -> None:
    os.write(file, BUSY_THREAD.encode())

    assert read_stack(file) == f'{HEAD}\n  File "/app/tasks.py", line 3 in spin'


def test_of_many_threads_those_that_run_a_job_are_kept(file: int) -> None:
    os.write(file, f"{IDLE_THREAD}\n\n{BUSY_THREAD}\n\n{BUSY_LOOP}\n\n{CALLED_BACK}".encode())

    assert read_stacks(file) == (
        f'{HEAD}\n  File "/app/tasks.py", line 3 in spin\n\n'
        f'{HEAD}\n  File "/app/tasks.py", line 9 in block\n\n'
        f'{HEAD}\n  File "/app/a.py", line 1 in called_back'
    )


def test_where_none_runs_a_job_all_is_kept_up_to_a_bound(file: int) -> None:
    os.write(file, f"{IDLE_THREAD}\n\n{IDLE_LOOP}\n\nExtension modules: apsw (total: 1)".encode())

    assert read_stacks(file) == f"{IDLE_THREAD}\n\n{IDLE_LOOP}"

    clear_stack(file)
    os.write(file, b"x" * 2 * STACK_BYTES)
    assert len(read_stacks(file)) == STACK_BYTES


def test_what_is_written_after_a_clearing_stands_alone(file: int) -> None:
    os.write(file, b"old")

    clear_stack(file)
    os.write(file, b"new\0")

    assert read_stacks(file) == "new\\0"
