"""A claim that becomes true and false again, and can be awaited both ways."""

import asyncio


class Switch:
    """On or off, off at first. It belongs to one event loop."""

    def __init__(self) -> None:
        self._on = asyncio.Event()
        self._off = asyncio.Event()
        self._off.set()

    @property
    def is_on(self) -> bool:
        """Whether it is on now."""
        return self._on.is_set()

    def turn_on(self) -> None:
        """Turn it on; nothing happens where it is on."""
        self._off.clear()
        self._on.set()

    def turn_off(self) -> None:
        """Turn it off; nothing happens where it is off."""
        self._on.clear()
        self._off.set()

    async def until_on(self) -> None:
        """Wait until it is on."""
        await self._on.wait()

    async def until_off(self) -> None:
        """Wait until it is off."""
        await self._off.wait()
