import pytest

from workmill.words.bind import check_bind
from workmill.words.errors import ConfigError


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "[::1]", "localhost", "LOCALHOST"])
def test_this_machine_itself_needs_no_token(host: str) -> None:
    check_bind(host, None)


@pytest.mark.parametrize(
    "host", ["", "0.0.0.0", "::", "10.0.0.1", "example.org", "localhost.example.org", "127.0.0.1.nip.io"]
)
@pytest.mark.parametrize("token", [None, ""])
def test_any_other_address_is_refused_without_a_token(host: str, token: str | None) -> None:
    with pytest.raises(ConfigError, match="WORKMILL_TOKEN"):
        check_bind(host, token)


def test_with_a_token_every_address_may_be_bound() -> None:
    check_bind("0.0.0.0", "a long random text")
