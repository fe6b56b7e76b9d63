"""The workers that live or ended within the last day, and the orders that a person gives them."""

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response

from workmill import InvalidOption, Order, Worker
from workmill.dashboard.access import Access
from workmill.dashboard.door import Door
from workmill.dashboard.route import Route


async def list_workers(request: Request, door: Door) -> Response:
    """Answer the page of all workers."""
    workers = await door.app.aworkers()
    live = [worker for worker in workers if worker.is_live]
    values = {
        "live_workers": live,
        "ended": [worker for worker in workers if not worker.is_live],
        "slots": sum(worker.concurrency for worker in live),
        "running": sum(worker.running for worker in live),
        "said": request.query_params.get("said") == "told",
    }
    return door.render(request, "workers.html", values)


async def order_worker(request: Request, door: Door) -> Response:
    """Tell one worker what to do; it follows at its next renewal."""
    order = _order(request.path_params["order"])
    chosen = _named(await door.app.aworkers(), request.path_params["id"])
    if chosen.order is Order.STOP and order is not Order.STOP:
        raise InvalidOption("order", order, "the worker was told to stop, which nothing undoes: start another")
    await door.app.aorder_workers([chosen.id], order)
    return door.redirect(request, "workers", query={"said": "told"})


def _order(text: str) -> Order:
    try:
        return Order(text)
    except ValueError:
        raise InvalidOption("order", text, f"give one of {', '.join(Order)}") from None


def _named(workers: Sequence[Worker], worker_id: str) -> Worker:
    found = next((worker for worker in workers if worker.id == worker_id and worker.is_live), None)
    if found is None:
        raise InvalidOption("worker", worker_id, "no live worker has this id: it may have ended just now")
    return found


ROUTES = (
    Route(method="GET", path="/workers", name="workers", needs=Access.READ, handler=list_workers),
    Route(method="POST", path="/workers/{id}/{order}", name="order_worker", needs=Access.ADMIN, handler=order_worker),
)
