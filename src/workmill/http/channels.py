"""`/v1/channels/{channel}`: publish, and hear by server-sent events, resumed by `Last-Event-ID`."""

import uuid
from contextlib import suppress

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from workmill import App, InvalidOption, Message, Messages, WorkmillError, message_document
from workmill.http import stream
from workmill.http.answer import dump, json_answer
from workmill.http.body import read_object
from workmill.http.fields import Field, Fields, object_schema
from workmill.http.parameters import AFTER
from workmill.http.preconditions import accepts, last_event_id
from workmill.http.problem import NOT_ACCEPTABLE, Document, Problem
from workmill.http.query import Query, read_name
from workmill.http.waiting import client_gone, first_of

_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


def _read_id(value: object) -> str:
    try:
        return str(uuid.UUID(value if isinstance(value, str) else ""))
    except ValueError:
        raise ValueError("give a UUID, the same for every repeat of this message") from None


def _read_data(value: object) -> object:
    try:
        dump(value)
    except (ValueError, RecursionError):
        raise ValueError("give what can be written as JSON in UTF-8") from None
    return value


ID = Field(
    name="id",
    description="A UUID of yours: to publish again with it publishes nothing more.",
    schema={"type": "string", "format": "uuid"},
    read=_read_id,
)
DATA = Field(name="data", description="The message, any JSON value.", schema={}, read=_read_data)
PUBLICATION = (DATA, ID)


async def publish_message(request: Request, app: App) -> Response:
    """Answer `POST /v1/channels/{channel}/messages`: 201 with the message, which is stored."""
    Query(request, ())
    fields = Fields(await read_object(request), PUBLICATION)
    message = await app.apublish(request.path_params["channel"], fields.one(DATA), id=fields.one(ID))
    return json_answer(message_document(message), status=201)


async def follow_channel(request: Request, app: App) -> Response:
    """Answer `GET /v1/channels/{channel}/events`: what is published from now on, or behind the last event seen."""
    query = Query(request, (AFTER,))
    if not accepts(request, stream.MEDIA_TYPE):
        raise Problem(NOT_ACCEPTABLE, f"this path answers with {stream.MEDIA_TYPE} only: accept it")
    channel, after = _channel(request), query.one(AFTER)
    messages = await _known(app, channel, after, last_event_id(request))
    if request.method == "HEAD":
        return Response(headers=_HEADERS, media_type=stream.MEDIA_TYPE)
    return ChannelStream(request, messages)


class ChannelStream(Response):
    """The messages of a channel, until the client goes or the stream is old; then it comes back and resumes."""

    media_type = stream.MEDIA_TYPE

    def __init__(self, request: Request, messages: Messages) -> None:
        super().__init__(headers=_HEADERS)
        del self.headers["Content-Length"]
        self._request = request
        self._messages = messages

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - the ASGI signature
        """Send messages as they come."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})

        async def tell() -> None:
            await send(_part(f"retry: {stream.RECONNECT_MILLISECONDS}\n\n".encode()))
            async with self._messages as messages:
                await send(_part(_position(messages.cursor)))
                while True:
                    message = await messages.anext(stream.PING_SECONDS)
                    await send(_part(b": ping\n\n" if message is None else _event(message)))

        try:
            # Where the store fails the stream just ends: the client comes back, resumes, and is told what is wrong.
            with suppress(WorkmillError):
                await first_of(tell(), client_gone(self._request), seconds=stream.LONGEST_STREAM_SECONDS)
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        except OSError:
            return  # The client went while something was being sent to it.


async def _known(app: App, channel: str, after: str | None, seen: str | None) -> Messages:
    """Return the messages behind what the client has seen; a header that is none of ours says nothing."""
    for cursor in (after, seen):
        if cursor is None:
            continue
        messages = app.subscribe(channel, cursor=cursor)
        try:
            async with messages:
                return app.subscribe(channel, cursor=cursor)
        except InvalidOption:
            if cursor == after:
                raise
    return app.subscribe(channel)


def _channel(request: Request) -> str:
    try:
        return read_name(request.path_params["channel"])
    except ValueError as error:
        raise InvalidOption("channel", request.path_params["channel"], str(error)) from None


def _part(body: bytes) -> dict[str, object]:
    return {"type": "http.response.body", "body": body, "more_body": True}


def _position(cursor: str | None) -> bytes:
    """Return what tells a client, before the first message, where it stands: so that it misses none when it resumes."""
    return b"" if cursor is None else b"id: %s\nevent: open\ndata: {}\n\n" % cursor.encode()


def _event(message: Message) -> bytes:
    return b"id: %s\nevent: message\ndata: %s\n\n" % (message.cursor.encode(), dump(message_document(message)))


def body_schemas() -> dict[str, Document]:
    """Return the schemas of the bodies that are read here."""
    return {"Publication": object_schema(PUBLICATION)}
