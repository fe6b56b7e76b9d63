"""Marks between the writes of a server, and word of how far its disk has them."""

import asyncio
import secrets
from pathlib import Path
from typing import Self

from workmill.running.elapsed import elapsed

PERIOD_SECONDS = 0.02
LONGEST_MILLISECONDS = 10_000
ON_DISK = b":1\r\n"


class Marks:
    """Has marks written while inside, each on a connection that then waits until the server's disk has it.

    Args:
        port: The server's.

    Attributes:
        last: The last mark that was said to be on the disk; "" where there is none.
        delays: How long each took to come there, in seconds.
    """

    def __init__(self, port: int) -> None:
        self.last = ""
        self.delays: list[float] = []
        self._port = port
        self._name = secrets.token_hex(8)
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._tasks.add(asyncio.create_task(self._go_on()))
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _go_on(self) -> None:
        number = 0
        while True:
            number += 1
            self._tasks.add(asyncio.create_task(self._mark(f"{self._name}-{number:09}")))
            await asyncio.sleep(PERIOD_SECONDS)

    async def _mark(self, mark: str) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            writer.write(f"SET mark {mark}\r\n".encode())
            await reader.readline()
            began = elapsed()
            writer.write(f"WAITAOF 1 0 {LONGEST_MILLISECONDS}\r\n".encode())
            _, own, _ = [await reader.readline() for _ in range(3)]
            if own == ON_DISK:
                self.delays.append(elapsed() - began)
                self.last = max(self.last, mark)
        finally:
            writer.close()


def cut_behind(mark: str, folder: Path) -> None:
    """Shorten the log of a server that is down to what ends with a mark, as if the rest had not reached the disk."""
    written = f"${len(mark)}\r\n{mark}\r\n".encode()
    for log in folder.glob("appendonlydir/*.incr.aof"):
        found = log.read_bytes().find(written)
        if found >= 0:
            with log.open("r+b") as file:
                file.truncate(found + len(written))
            return
    raise LookupError(f"no log in {folder} has the mark {mark}")
