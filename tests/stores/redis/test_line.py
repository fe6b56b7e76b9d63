"""What a line makes of answers: what passes is waited for, what will not is returned, what is lost is repeated."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from tests.stores.redis.scripted import Answer, ScriptedServer, in_turn, scripted
from workmill.stores.redis import line as line_module
from workmill.stores.redis import wire
from workmill.stores.redis.address import read_address
from workmill.stores.redis.failures import word_of
from workmill.stores.redis.line import Line
from workmill.words.errors import StoreUnavailable

PONG = b"+PONG\r\n"


@asynccontextmanager
async def line_to(answer: Callable[[list[bytes]], Answer]) -> AsyncIterator[tuple[Line, ScriptedServer]]:
    """Have a line to a scripted server while inside."""
    async with scripted(answer) as server:
        line = Line(read_address(server.url))
        yield line, server
        await line.close()


@pytest.mark.parametrize(
    "said",
    [
        b"-LOADING Redis is loading the dataset in memory\r\n",
        b"-READONLY You can't write against a read only replica.\r\n",
        b"-MASTERDOWN Link with MASTER is down\r\n",
        b"-CLUSTERDOWN The cluster is down\r\n",
        b"-TRYAGAIN Multiple keys request during rehashing of slot\r\n",
        b"-ASK 1234 127.0.0.1:1\r\n",
        b"-BUSY Redis is busy running a script.\r\n",
        b"-ERR Error running script (call to f_1): @user_script:1: -READONLY You can't write against a replica. \r\n",
    ],
)
async def test_what_passes_is_waited_for(said: bytes) -> None:
    async with line_to(in_turn(said, said, PONG)) as (line, server):
        assert await line.run("PING") == b"PONG"
        assert len(server.asked) == 3


async def test_what_does_not_pass_in_time_is_returned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line_module, "PATIENCE_SECONDS", 0.05)
    async with line_to(in_turn(b"-LOADING Redis is loading\r\n")) as (line, _):
        assert word_of(await line.run("PING")) == "LOADING"


async def test_what_will_not_pass_is_returned_at_once() -> None:
    async with line_to(in_turn(b"-NOPERM this user has no permissions\r\n")) as (line, server):
        assert word_of(await line.run("PING")) == "NOPERM"
        assert len(server.asked) == 1


async def test_command_whose_connection_ends_is_repeated_once() -> None:
    async with line_to(in_turn(PONG, None, PONG)) as (line, server):
        await line.run("PING")

        assert await line.run("PING") == b"PONG"
        assert (len(server.asked), server.connections) == (3, 2)


async def test_server_that_always_hangs_up_is_unavailable() -> None:
    async with line_to(in_turn(None)) as (line, server):
        with pytest.raises(StoreUnavailable):
            await line.run("PING")

        assert len(server.asked) == 2


async def test_server_that_is_silent_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "ANSWER_SECONDS", 0.05)
    async with line_to(in_turn(b"", PONG)) as (line, server):
        assert await line.run("PING") == b"PONG"
        assert server.connections == 2


async def test_all_who_wait_for_a_silent_server_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "ANSWER_SECONDS", 0.05)
    async with line_to(in_turn(b"")) as (line, _):
        ended = await asyncio.gather(*(line.run("PING") for _ in range(5)), return_exceptions=True)

    assert {type(error) for error in ended} == {StoreUnavailable}


async def test_answer_of_a_caller_who_left_goes_to_nobody_else() -> None:
    async with line_to(in_turn(b"+first\r\n", b"", b"+second\r\n+third\r\n")) as (line, _):
        await line.run("PING")
        leaving = asyncio.create_task(line.run("PING"))
        await asyncio.sleep(0)  # it is sent
        leaving.cancel()
        await asyncio.wait({leaving})

        assert await line.run("PING") == b"third"


async def test_answer_that_nobody_asked_for_ends_the_connection() -> None:
    async with line_to(in_turn(b"+one\r\n+two\r\n", PONG)) as (line, server):
        assert await line.run("PING") == b"one"

        assert await line.run("PING") == b"PONG"
        assert server.connections == 2


async def test_what_speaks_another_protocol_is_unavailable() -> None:
    async with line_to(in_turn(b"HTTP/1.1 400 Bad Request\r\n")) as (line, _):
        with pytest.raises(StoreUnavailable):
            await line.run("PING")


@pytest.mark.parametrize("named", ["127.0.0.1", ""], ids=["host", "no host"])
async def test_moved_keys_are_followed_and_stay_there(named: str) -> None:
    async with scripted(in_turn(PONG)) as there:
        moved = f"-MOVED 1234 {named}:{there.port}\r\n".encode()
        async with line_to(in_turn(moved)) as (line, here):
            assert [await line.run("PING") for _ in range(3)] == [b"PONG"] * 3
            assert (len(here.asked), len(there.asked)) == (1, 3)


async def test_keys_that_have_moved_on_are_asked_for_where_the_url_says() -> None:
    async with scripted(in_turn(PONG)) as last, scripted(in_turn(PONG, None)) as between:
        ports = [between.port, last.port]
        moved = in_turn(*(f"-MOVED 1 127.0.0.1:{port}\r\n".encode() for port in ports))
        async with line_to(moved) as (line, first):
            await line.run("PING")

            assert await line.run("PING") == b"PONG"
            assert (len(first.asked), len(between.asked), len(last.asked)) == (2, 3, 1)


async def test_second_host_serves_where_the_first_is_not_there() -> None:
    async with scripted(in_turn(PONG)) as server:
        line = Line(read_address(f"redis://127.0.0.1:1,127.0.0.1:{server.port}/0"))

        assert await line.run("PING") == b"PONG"
        await line.close()


async def test_commands_of_many_go_together_and_come_back_in_order() -> None:
    async with line_to(lambda command: b"$%d\r\n%s\r\n" % (len(command[1]), command[1])) as (line, server):
        said = await asyncio.gather(*(line.run("ECHO", str(number)) for number in range(100)))

    assert said == [str(number).encode() for number in range(100)]
    assert server.connections == 1
