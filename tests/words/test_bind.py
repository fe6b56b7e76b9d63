import pytest

from workmill.words.bind import check_bind, is_loopback
from workmill.words.errors import ConfigError

OWN = ["127.0.0.1", "127.9.9.9", "::1", "[::1]", "localhost", "LocalHost"]
OPEN = ["0.0.0.0", "::", "", "192.168.1.7", "2001:db8::1", "example.org", "localhost.example.org", "127.0.0.1.nip.io"]


@pytest.mark.parametrize("host", OWN)
def test_own_address_needs_no_token(host: str) -> None:
    assert is_loopback(host)
    check_bind(host, None)


@pytest.mark.parametrize("host", OPEN)
@pytest.mark.parametrize("token", [None, ""])
def test_open_address_without_token_is_refused_with_its_remedy(host: str, token: str | None) -> None:
    assert not is_loopback(host)
    with pytest.raises(ConfigError, match="WORKMILL_TOKEN"):
        check_bind(host, token)


@pytest.mark.parametrize("host", OPEN)
def test_open_address_with_token_is_allowed(host: str) -> None:
    check_bind(host, "secret")
