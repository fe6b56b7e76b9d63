"""The network of a storm: it carries, holds back without a word, and breaks off."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest

from proof.storming.network import Network, network_to

LONGEST_SECONDS = 5.0


@pytest.fixture
async def network() -> AsyncIterator[Network]:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionResetError):
            while chunk := await reader.read(100):
                writer.write(chunk)
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    async with server, network_to(server.sockets[0].getsockname()[1]) as network:
        yield network


async def said_back(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    writer.write(b"hello")
    return await asyncio.wait_for(reader.read(100), LONGEST_SECONDS)


async def test_it_carries_both_ways(network: Network) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", network.port)

    assert await said_back(reader, writer) == b"hello"

    writer.close()


async def test_frozen_it_carries_nothing_and_loses_nothing(network: Network) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", network.port)
    await said_back(reader, writer)
    network.freeze()
    waiting = asyncio.create_task(said_back(reader, writer))
    others, mine = await asyncio.open_connection("127.0.0.1", network.port)
    also_waiting = asyncio.create_task(said_back(others, mine))
    done, _ = await asyncio.wait({waiting, also_waiting}, timeout=0.1)
    assert not done

    network.thaw()

    assert await waiting == await also_waiting == b"hello"
    writer.close()
    mine.close()


async def test_cut_it_breaks_off_what_there_is_and_takes_new_connections(network: Network) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", network.port)
    await said_back(reader, writer)

    network.cut()

    with pytest.raises(ConnectionResetError):
        await asyncio.wait_for(reader.read(100), LONGEST_SECONDS)
    again = await asyncio.open_connection("127.0.0.1", network.port)
    assert await said_back(*again) == b"hello"
    again[1].close()
    writer.close()
