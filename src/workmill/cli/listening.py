"""Where a server listens."""

import os
import socket

from workmill.cli.terminal import say


def listen(host: str, port: int) -> socket.socket | None:
    """Listen at an address; None when that cannot be, which is said."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host.strip("[]"), port), family=family, backlog=2048)
    except (OSError, OverflowError) as error:
        reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else "there is no such port"
        say(f"workmill: cannot listen at {host} port {port}: {reason}; give another --port or --host")
        return None


def inherited(descriptor: int) -> socket.socket | None:
    """Take over a socket that listens already, by its file descriptor; None when there is none, which is said."""
    try:
        listener = socket.socket(fileno=descriptor)
        is_listening = bool(listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))
    except OSError as error:
        say(f"workmill: --fd {descriptor} cannot be used: {error.strerror or error}")
        return None
    if listener.family not in (socket.AF_INET, socket.AF_INET6) or not is_listening:
        say(f"workmill: --fd {descriptor} cannot be used: it is no TCP socket that listens")
        listener.close()
        return None
    return listener


def url_of(listener: socket.socket) -> str:
    """Return where a socket listens."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
