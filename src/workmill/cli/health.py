"""`workmill health`: ask a worker or a server that runs here how it is. It loads no application and needs none.

Containers and service managers call it every few seconds, so it speaks HTTP by itself over a plain socket: importing a
client, or the parser of the other commands, would take longer than the answer.
"""

import argparse
import os
import socket
from collections.abc import Mapping, Sequence
from typing import NoReturn
from urllib.parse import urlsplit

from workmill.cli.exits import Exit
from workmill.cli.terminal import clean, say

VARIABLE = "WORKMILL_HEALTH"
SECONDS = 3.0
LONGEST_ANSWER = 65536


class _Unusable(Exception):
    """The command line names nothing that can be asked."""


def health(words: Sequence[str]) -> int:
    """Ask, say what the answer is, and return 0 where it is a good one, else 1; 2 where the words are wrong."""
    try:
        given = _parser().parse_args(words)
        host, port, path = _target(given, os.environ)
    except _Unusable as error:
        say(f"workmill: {error}")
        return Exit.USAGE
    except SystemExit as asked_for_help:
        return int(asked_for_help.code or 0)
    where = f"http://{f'[{host}]' if ':' in host else host}:{port}{path}"
    try:
        status, text = _ask(host, port, path, given.timeout)
    except (OSError, OverflowError, ValueError) as error:
        reason = "no answer in time" if isinstance(error, TimeoutError) else str(error)
        say(f"workmill: {clean(where)} does not answer: {clean(reason)}")
        return Exit.FAILURE
    if status != 200:
        say(f"workmill: {clean(where)} answers {status}: {clean(text)}")
        return Exit.FAILURE
    print(clean(text))
    return Exit.OK


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise _Unusable(f"{message}\nSee: workmill health --help")

    def format_help(self) -> str:
        return super().format_help().replace("usage:", "Usage:", 1)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="workmill health",
        allow_abbrev=False,
        description="Ask a worker or a server on this machine how it is; the exit code is 0 where all is well.",
        epilog=f"Without --port or --url it asks at {VARIABLE}, which `workmill worker` serves.",
    )
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--port", type=int, help="the port at 127.0.0.1")
    where.add_argument("--url", help="what to ask, such as http://127.0.0.1:8081/readyz")
    parser.add_argument("--live", action="store_true", help="ask whether it lives, not whether it takes jobs")
    parser.add_argument(
        "--timeout", type=float, default=SECONDS, help="how many seconds to wait (default: %(default)g)"
    )
    return parser


def _target(given: argparse.Namespace, environ: Mapping[str, str]) -> tuple[str, int, str]:
    path = "/livez" if given.live else "/readyz"
    if not 0 < given.timeout < 3600:
        raise _Unusable(f"--timeout {given.timeout:g} is not between 0 and 3600 seconds")
    if given.port is not None:
        return "127.0.0.1", given.port, path
    named = given.url or environ.get(VARIABLE)
    if not named:
        raise _Unusable(f"nothing is named to ask; give --port or --url, or set {VARIABLE}, such as to 127.0.0.1:8081")
    url = given.url or f"//{named if ':' in named else f':{named}'}"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "127.0.0.1", parts.port or 80
    except ValueError:
        raise _Unusable(f"{named!r} is no address; write it like http://127.0.0.1:8081 or 127.0.0.1:8081") from None
    if parts.scheme not in ("", "http"):
        raise _Unusable(f"{named!r} cannot be asked: only http:// can")
    return host, port, path if given.live or parts.path in ("", "/") else parts.path


def _ask(host: str, port: int, path: str, seconds: float) -> tuple[int, str]:
    request = f"GET {path} HTTP/1.0\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n"
    answer = b""
    with socket.create_connection((host, port), seconds) as connection:
        connection.sendall(request.encode())
        while len(answer) < LONGEST_ANSWER and (more := connection.recv(LONGEST_ANSWER)):
            answer += more
    head, _, body = answer.partition(b"\r\n\r\n")
    version, _, rest = head.partition(b" ")
    if not version.startswith(b"HTTP/") or not rest[:3].isdigit():
        raise ValueError("what came is not HTTP")
    return int(rest[:3]), body.decode(errors="replace").strip()
