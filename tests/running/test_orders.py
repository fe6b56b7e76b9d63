import asyncio
import os
import signal
import threading

import pytest

from workmill.running.orders import Orders, signals_to
from workmill.words.order import Order


def state(orders: Orders) -> tuple[bool, bool, str]:
    return orders.draining.is_set(), orders.stopping.is_set(), orders.why


async def test_the_first_word_drains_and_the_second_stops() -> None:
    orders = Orders()
    assert state(orders) == (False, False, "")

    orders.end("TERM")
    assert state(orders) == (True, False, "TERM")

    orders.end("INT")
    assert state(orders) == (True, True, "TERM")


async def test_stopping_drains_too() -> None:
    orders = Orders()

    orders.stop("enough")

    assert state(orders) == (True, True, "enough")


async def test_restarting_is_an_order_of_its_own() -> None:
    orders = Orders()

    orders.restart("HUP")

    assert state(orders) == (False, False, "")
    assert (orders.restarting.is_set(), orders.why_restarting) == (True, "HUP")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
async def test_each_signal_that_ends_gives_the_order(number: signal.Signals) -> None:
    orders = Orders()

    with signals_to(orders):
        os.kill(os.getpid(), number)
        async with asyncio.timeout(5):
            await orders.draining.wait()
        os.kill(os.getpid(), number)
        async with asyncio.timeout(5):
            await orders.stopping.wait()

    assert orders.why == number.name


async def test_hup_restarts_what_can_restart() -> None:
    orders = Orders()

    with signals_to(orders, can_restart=True):
        os.kill(os.getpid(), signal.SIGHUP)
        async with asyncio.timeout(5):
            await orders.restarting.wait()

    assert orders.why_restarting == "SIGHUP"
    assert state(orders) == (False, False, "")


@pytest.mark.parametrize("can_restart", [False, True])
async def test_a_signal_that_was_ignored_stays_ignored(can_restart: bool) -> None:  # noqa: FBT001 - a parameter of the test
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with signals_to(Orders(), can_restart=can_restart):
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_outside_the_main_thread_signals_are_left_alone() -> None:
    before = signal.getsignal(signal.SIGTERM)
    seen = []

    async def look() -> None:
        with signals_to(Orders()):
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=lambda: asyncio.run(look()))
    thread.start()
    thread.join(10)

    assert seen == [before]


async def test_quiet_comes_and_goes_by_the_store() -> None:
    orders = Orders()
    assert (orders.is_quiet, orders.order) == (False, Order.WORK)

    orders.obey(Order.QUIET)
    assert (orders.is_quiet, orders.order, orders.draining.is_set()) == (True, Order.QUIET, False)

    orders.obey(Order.WORK)
    assert (orders.is_quiet, orders.order) == (False, Order.WORK)


async def test_stop_by_the_store_drains_and_takes_no_more_meanwhile() -> None:
    orders = Orders()

    orders.obey(Order.STOP)

    assert state(orders) == (True, False, "it was told to stop")
    assert orders.is_quiet


async def test_stop_by_the_store_hastens_no_drain() -> None:
    orders = Orders()
    orders.end("TERM")

    orders.obey(Order.STOP)

    assert state(orders) == (True, False, "TERM")
