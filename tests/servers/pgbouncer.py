"""A PgBouncer of the tests' own, in transaction mode: in front of a server, on a loopback port, gone with its test."""

import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict

from tests.servers.postgres import answers, as_ordinary_user, give_away
from tests.servers.process import READY_SECONDS, end_with_parent, free_port

FOLDERS = "/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin:/opt/homebrew/bin"
CONFIGURATION = """
[databases]
* = host={host} port={server}

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = trust
auth_file = {folder}/users
pool_mode = {mode}
default_pool_size = 10
max_client_conn = 500
logfile = {folder}/log
"""


def pgbouncer_program() -> str | None:
    """Return where PgBouncer is installed, if it is."""
    return shutil.which("pgbouncer") or shutil.which("pgbouncer", path=FOLDERS)


@contextmanager
def pgbouncer(program: str, server: str, *, mode: str = "transaction") -> Iterator[str]:
    """Have a PgBouncer in front of the server of a database's URL while inside; gives the URL that leads through it."""
    there = conninfo_to_dict(server)
    host, behind, user = there["host"], there["port"], there["user"]
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="workmill-pgbouncer-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        (folder / "users").write_text(f'"{user}" ""\n')
        configuration = CONFIGURATION.format(host=host, server=behind, port=port, folder=folder, mode=mode)
        (folder / "ini").write_text(configuration)
        give_away(folder)
        running = subprocess.Popen(
            as_ordinary_user(program, "-q", str(folder / "ini")),
            stdin=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=end_with_parent,  # noqa: PLW1509 - it calls nothing that takes a lock
        )
        try:
            ends_at = time.monotonic() + READY_SECONDS
            while not answers(port):
                assert running.poll() is None, (folder / "log").read_text()
                assert time.monotonic() < ends_at
                time.sleep(0.02)
            yield f"postgresql://{user}@127.0.0.1:{port}/{there['dbname']}"
        finally:
            running.terminate()
            running.wait(READY_SECONDS)
