import pytest

from workmill.words.config import DEFAULT_URL, masked, store_url
from workmill.words.errors import ConfigError

ENVIRONMENT = {"WORKMILL_URL": "sqlite:///named.db"}


def test_url_given_goes_before_the_environment() -> None:
    assert store_url("memory://", ENVIRONMENT) == "memory://"


def test_environment_goes_before_the_default() -> None:
    assert store_url(None, ENVIRONMENT) == "sqlite:///named.db"


@pytest.mark.parametrize("environment", [{}, {"WORKMILL_URL": ""}])
def test_default_is_a_file_beside_the_program(environment: dict[str, str]) -> None:
    assert store_url(None, environment) == DEFAULT_URL == "sqlite:///workmill.db"


@pytest.mark.parametrize("url", ["jobs.db", "mysql://localhost/jobs", "sqlite", "://"])
def test_unknown_scheme_is_refused_with_the_known_ones(url: str) -> None:
    with pytest.raises(ConfigError, match=r"sqlite://, postgresql://, redis://.*, memory://"):
        store_url(url, {})


def test_what_is_no_url_is_refused() -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        store_url("sqlite://[", {})


def test_refusal_does_not_tell_the_password() -> None:
    with pytest.raises(ConfigError) as refused:
        store_url("mysql://mill:secret@localhost/jobs", {})

    assert "secret" not in str(refused.value)
    assert "mill:***@localhost" in str(refused.value)


def test_masked_url_keeps_all_but_the_password() -> None:
    assert masked("x://user:p%40ss:word@host:1/db?a=b") == "x://user:***@host:1/db?a=b"
    assert masked("sqlite:///jobs.db") == "sqlite:///jobs.db"


@pytest.mark.parametrize(
    "url",
    [
        "redis://mill:secret@h/0",
        "redis://:secret@h,i/0",
        "redis+sentinel://:secret@h/mill?sentinel_password=secret2",
        "valkeys://:sec/ret?x@y@h",
        "redis://:#secret@h",
        "redis+unix://:secret@/run/x.sock",
        "postgresql://mill@h/jobs?password=secret",
    ],
)
def test_no_password_is_shown(url: str) -> None:
    shown = masked(url)

    assert "sec" not in shown
    assert shown.startswith(url.partition("://")[0])
