"""What a forked copy of an engine child does not do: go on as an engine."""

import asyncio
import os
import sys

import pytest

from tests.running.solos import DEADLINE_SECONDS
from workmill.running.forked import COPY_ENDED

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="it forks")

TEXT = """
import asyncio, os, sys, threading
from workmill.running.forked import end_copies

async def main(way):
    end_copies(asyncio.get_running_loop(), lambda: None)
    forked = {"on the loop": on_the_loop, "in a thread": in_a_thread}[way]
    pid = await forked()
    _, status = await asyncio.to_thread(os.waitpid, pid, 0)
    print(os.waitstatus_to_exitcode(status), flush=True)

async def on_the_loop():
    if pid := os.fork():
        return pid
    await asyncio.sleep(0)
    os._exit(9)

async def in_a_thread():
    return await asyncio.to_thread(os.fork)

asyncio.run(main(sys.argv[1]))
"""


@pytest.mark.parametrize("way", ["on the loop", "in a thread"])
async def test_a_copy_that_comes_back_to_the_loop_ends_and_the_original_goes_on(way: str) -> None:
    program = await asyncio.create_subprocess_exec(
        sys.executable, "-c", TEXT, way, stdout=asyncio.subprocess.PIPE, env={**os.environ}
    )
    async with asyncio.timeout(DEADLINE_SECONDS):
        said, _ = await program.communicate()

    assert said.decode().split() == [str(COPY_ENDED)]
    assert program.returncode == 0
