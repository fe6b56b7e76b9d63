"""The one way in: hosts, other sites, mounting, the headers of every answer, and what is refused."""

import logging
from html import unescape

import pytest
from httpx2 import ASGITransport, AsyncClient
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.testclient import TestClient

from tests.dashboard.conftest import BROWSER, Browsing
from workmill import App, ConfigError, StoreUnavailable
from workmill.dashboard import asgi

BEARER = {"Authorization": "Bearer secret"}


def addresses(page: str) -> set[str]:
    """Return what a page refers to: its links, forms, styles, scripts and regions."""
    marks = ('href="', 'src="', 'action="', 'hx-get="', 'hx-sse:connect="')
    return {rest.split('"', 1)[0] for mark in marks for rest in page.split(mark)[1:]}


async def test_every_answer_says_what_a_browser_may_do(client: AsyncClient) -> None:
    for path in ("/workers", "/nothing", "/events/x"):
        headers = (await client.get(path)).headers

        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["cache-control"] == "no-store"


async def test_nothing_on_a_page_needs_what_the_policy_forbids(client: AsyncClient) -> None:
    page = (await client.get("/workers")).text

    for forbidden in (" style=", "<style", "onclick=", "onload=", "hx-on", "javascript:", "js:"):
        assert forbidden not in page


async def test_any_other_host_is_421(client: AsyncClient) -> None:
    answer = await client.get("/workers", headers={"Host": "evil.example"})

    assert answer.status_code == 421
    assert "evil.example" in answer.text


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"},
    ],
)
async def test_what_no_page_of_this_server_sent_changes_nothing(browsing: Browsing, headers: dict[str, str]) -> None:
    answer = await browsing(headers=headers).post("/workers/x/quiet")

    assert answer.status_code == 403
    assert "Another site" in answer.text


@pytest.mark.parametrize("headers", [BROWSER, {"Origin": "http://localhost"}, {**BEARER}])
async def test_a_page_of_this_server_and_a_bearer_are_heard(browsing: Browsing, headers: dict[str, str]) -> None:
    client = browsing(headers=headers, token="secret") if headers == BEARER else browsing(headers=headers)

    answer = await client.post("/workers/x/quiet")

    assert answer.status_code == 422
    assert "no live worker has this id" in answer.text


async def test_unknown_paths_wrong_methods_and_slashes(client: AsyncClient) -> None:
    assert (await client.get("/nothing")).status_code == 404
    assert (await client.get("/static/../../etc/passwd")).status_code == 404
    wrong = await client.delete("/workers")
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "GET")
    assert (await client.get("/workers/")).headers["location"] == "/workers"
    assert (await client.head("/workers")).status_code == 200


async def test_an_error_nobody_expected_is_logged_and_told_as_a_page(
    browsing: Browsing, app: App, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken() -> None:
        raise RuntimeError("the words of an error")

    monkeypatch.setattr(app, "aworkers", broken)

    with caplog.at_level(logging.ERROR, logger="workmill"):
        answer = await browsing().get("/workers")

    assert answer.status_code == 500
    assert "the words of an error" not in answer.text
    assert "the words of an error" in caplog.text


async def test_a_store_that_does_not_answer_is_503_without_its_own_words(
    browsing: Browsing, app: App, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken() -> None:
        raise StoreUnavailable("postgres at 10.0.0.1 is gone")

    monkeypatch.setattr(app, "aworkers", broken)

    answer = await browsing().get("/workers")

    assert answer.status_code == 503
    assert "10.0.0.1" not in answer.text
    assert "The server's log says more" in unescape(answer.text)
    assert "postgres at 10.0.0.1 is gone" in caplog.text


@pytest.mark.parametrize("path", ["/a/b/workers", "/a/b/"])
async def test_every_address_follows_where_it_is_mounted(app: App, path: str) -> None:
    host = Starlette(routes=[Mount("/a/b", asgi(app))])

    async with AsyncClient(transport=ASGITransport(app=host), base_url="http://localhost") as client:
        page = (await client.get(path)).text
        refers = addresses(page)
        assert refers
        assert all(each.startswith(("/a/b/", "#")) for each in refers)
        styles = next(each for each in refers if each.endswith(".css"))
        assert (await client.get(styles)).status_code == 200


async def test_a_prefix_and_a_root_path_stand_before_every_address(app: App) -> None:
    transport = ASGITransport(app=asgi(app, prefix="/jobs"), root_path="/proxy")

    async with AsyncClient(transport=transport, base_url="http://localhost") as client:
        answer = await client.get("/proxy/jobs/workers")

    assert answer.status_code == 200
    assert all(each.startswith(("/proxy/jobs/", "#")) for each in addresses(answer.text))


def test_a_prefix_that_cannot_be_one_is_refused(app: App) -> None:
    with pytest.raises(ConfigError, match="prefix"):
        asgi(app, prefix="jobs/")


def test_served_alone_it_closes_the_store_at_the_end(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[bool] = []
    monkeypatch.setattr(app, "close", lambda: closed.append(True))

    with TestClient(asgi(app)):
        assert not closed

    assert closed == [True]


async def test_files_are_kept_for_ever_under_the_hash_of_all_of_them(client: AsyncClient) -> None:
    page = (await client.get("/workers")).text
    for address in {each.split("#")[0] for each in addresses(page) if "/static/" in each}:
        packed = await client.get(address)
        plain = await client.get(address, headers={"Accept-Encoding": "identity"})

        assert packed.headers["content-encoding"] == "gzip"
        assert "immutable" in packed.headers["cache-control"]
        assert packed.content == plain.content
        assert (await client.get(address.replace("/static/", "/static/0"))).status_code == 404


async def test_all_files_together_are_light(client: AsyncClient) -> None:
    page = (await client.get("/workers")).text
    files = {each.split("#")[0] for each in addresses(page) if "/static/" in each}

    answers = [await client.get(address) for address in files]

    assert sum(len(answer.content) for answer in answers) < 100_000
    assert sum(int(answer.headers["content-length"]) for answer in answers) < 40_000


async def test_without_htmx_pages_say_that_they_are_to_be_reloaded(
    browsing: Browsing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workmill.dashboard.files.HTMX", {"htmx-of-tomorrow.js": "htmx-of-tomorrow.js"})

    page = (await browsing().get("/workers")).text

    assert "Reload by hand" in page
    assert "htmx-4" not in page
