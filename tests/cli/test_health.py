"""The command that asks how a worker is: by a server of the test's, and by a real one."""

import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from tests.cli.conftest import Run, finished
from workmill.cli.__main__ import main

READY = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nready\n"


class Server:
    """Gives one answer to whoever asks, and keeps what was asked."""

    def __init__(self) -> None:
        self.answer = READY
        self.asked: list[str] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def close(self) -> None:
        with socket.create_connection(("127.0.0.1", self.port)) as last:
            last.sendall(b"\r\n\r\n")
            self._thread.join(10)
        self._listener.close()

    def _serve(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            with connection:
                request = connection.recv(4096).decode()
                if not request.startswith("GET"):
                    return
                self.asked.append(request.split()[1])
                connection.sendall(self.answer)


@pytest.fixture
def server() -> Iterator[Server]:
    with closing(Server()) as it:
        yield it


@pytest.fixture
def ask(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Run]:
    monkeypatch.delenv("WORKMILL_HEALTH", raising=False)

    def ask_here(*words: str) -> Run:
        code = main(["health", *words])
        captured = capsys.readouterr()
        return Run(code, captured.out, captured.err)

    return ask_here


def test_a_good_answer_ends_with_0(ask: Callable[..., Run], server: Server) -> None:
    assert ask("--port", str(server.port)) == Run(0, "ready\n", "")
    assert ask("--port", str(server.port), "--live").code == 0
    assert ask("--url", f"http://127.0.0.1:{server.port}").code == 0
    assert ask("--url", f"http://localhost:{server.port}/own/path").code == 0

    assert server.asked == ["/readyz", "/livez", "/readyz", "/own/path"]


@pytest.mark.parametrize("form", ["127.0.0.1:{}", ":{}", "{}"])
def test_the_environment_names_whom_to_ask(
    ask: Callable[..., Run], server: Server, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    monkeypatch.setenv("WORKMILL_HEALTH", form.format(server.port))

    assert ask().code == 0


def test_any_other_answer_ends_with_1_and_is_shown(ask: Callable[..., Run], server: Server) -> None:
    server.answer = b"HTTP/1.1 503 Service Unavailable\r\n\r\nnot ready\x1b[2J\n"

    done = ask("--port", str(server.port))

    assert (done.code, done.out) == (1, "")
    assert done.err == f"workmill: http://127.0.0.1:{server.port}/readyz answers 503: not ready\\x1b[2J\n"


def test_what_is_no_http_ends_with_1(ask: Callable[..., Run], server: Server) -> None:
    server.answer = b"220 mail.example ESMTP\r\n"

    done = ask("--port", str(server.port))

    assert done.code == 1
    assert "what came is not HTTP" in done.err


def test_nobody_there_ends_with_1(ask: Callable[..., Run]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]

    done = ask("--port", str(port))

    assert done.code == 1
    assert "does not answer" in done.err
    assert "refused" in done.err


def test_one_that_says_nothing_is_not_waited_for(ask: Callable[..., Run]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        done = ask("--port", str(silent.getsockname()[1]), "--timeout", "0.01")

    assert done.code == 1
    assert "no answer in time" in done.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "nothing is named to ask"),
        (["--port", "x"], "invalid int value"),
        (["--port", "1", "--url", "http://x"], "not allowed with"),
        (["--url", "https://127.0.0.1"], "only http:// can"),
        (["--url", "http://127.0.0.1:99999999"], "no address"),
        (["--port", "1", "--timeout", "0"], "--timeout 0"),
        (["--port", "1", "--timeout", "nan"], "--timeout nan"),
        (["what"], "unrecognized arguments"),
    ],
)
def test_wrong_words_end_with_2(ask: Callable[..., Run], words: list[str], said: str) -> None:
    done = ask(*words)

    assert (done.code, done.out) == (2, "")
    assert said in done.err


def test_a_port_that_cannot_be_ends_with_1(ask: Callable[..., Run]) -> None:
    assert ask("--port", "99999").code == 1


@pytest.mark.slow
def test_it_loads_no_application_and_no_other_command(
    spawn: Callable[..., "subprocess.Popen[str]"], server: Server
) -> None:
    looks = "import sys; from workmill.cli.__main__ import main; main(sys.argv[1:]); print(*sys.modules)"
    command = [sys.executable, "-c", looks, "health", "--port", str(server.port)]
    loaded = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.split()

    assert finished(spawn("health", "--port", str(server.port))).out == "ready\n"
    assert "cyclopts" not in loaded
    assert "workmill.cli.dispatch" not in loaded
    assert "shop" not in loaded
