"""The server that `workmill web` runs: uvicorn, which does not wait at its end for streams that never end."""

import socket

import uvicorn


class Server(uvicorn.Server):
    """Ends streams as soon as it is told to end; other requests under way have their time."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close what is a stream, whose reader comes back by itself, then do as uvicorn does."""
        for connection in tuple(self.server_state.connections):
            cycle = getattr(connection, "cycle", None)
            # All other answers are sent in one go: what has begun and is not complete is a stream of events.
            if cycle is not None and cycle.response_started and not cycle.response_complete:
                connection.transport.close()
        await super().shutdown(sockets)
