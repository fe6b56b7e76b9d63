"""TLS to the server: spoken where the URL says so, and to nobody whom the certificates do not vouch for."""

import asyncio
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.servers.redis import RedisServer
from tests.stores.postgres.proxy import Proxy
from workmill.stores.redis import RedisStore
from workmill.testing.conformance.making import add, new_job
from workmill.testing.conformance.notices import QUEUED, hear, queued_on
from workmill.words.errors import StoreUnavailable

OPENSSL = shutil.which("openssl")
CERTIFICATE = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=mill"

pytestmark = pytest.mark.skipif(OPENSSL is None, reason="there is no openssl here that could make a certificate")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the file of a certificate of 127.0.0.1's, with its key beside it."""
    folder = tmp_path_factory.mktemp("certificate")
    files = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]
    command = [str(OPENSSL), *CERTIFICATE.split(), "-addext", "subjectAltName=IP:127.0.0.1", *files]
    subprocess.run(command, check=True, capture_output=True)
    return folder / "cert.pem"


@asynccontextmanager
async def encrypted(server: RedisServer, certificate: Path) -> AsyncIterator[int]:
    """Have TLS before a server while inside; gives the port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, certificate.with_name("key.pem"))
    proxy = Proxy(server.port)
    listener = await asyncio.start_server(proxy.serve, "127.0.0.1", 0, ssl=context)
    try:
        yield listener.sockets[0].getsockname()[1]
    finally:
        listener.close()
        await proxy.close()


@pytest.mark.parametrize(
    ("url", "options"),
    [
        ("rediss://127.0.0.1:{port}/0", "ssl_ca_certs={certificate}"),
        ("valkeys://localhost:{port}/0", "ssl_ca_certs={certificate}&ssl_check_hostname=false"),
        ("rediss://localhost:{port}/0", "ssl_cert_reqs=none"),
    ],
)
async def test_jobs_and_notices_go_over_tls(server: RedisServer, certificate: Path, url: str, options: str) -> None:
    async with encrypted(server, certificate) as port:
        store = RedisStore(f"{url}?{options}".format(port=port, certificate=certificate))
        await store.open()
        async with store.listen(QUEUED) as ear:
            await hear(ear, queued_on("default"))
            await add(store, new_job(queue="new"))

            await hear(ear, queued_on("new"))
        await store.close()


@pytest.mark.parametrize(
    ("url", "options", "why"),
    [
        ("rediss://127.0.0.1:{port}/0", "", "certificate verify failed"),
        ("rediss://localhost:{port}/0", "?ssl_ca_certs={certificate}", "certificate is not valid for 'localhost'"),
        ("rediss://127.0.0.1:{port}/0", "?ssl_ca_certs=/gone.pem", "No such file"),
    ],
)
async def test_stranger_is_refused(server: RedisServer, certificate: Path, url: str, options: str, why: str) -> None:
    async with encrypted(server, certificate) as port:
        with pytest.raises(StoreUnavailable, match=why):
            await RedisStore(f"{url}{options}".format(port=port, certificate=certificate)).open()
