"""Where a server may listen: closed by default, so that nobody opens a door to the world by leaving an option out."""

from ipaddress import ip_address

from workmill.words.errors import ConfigError


def check_bind(host: str, token: str | None) -> None:
    """Refuse to listen where other machines can reach without a token asked of them.

    Args:
        host: The name or address to listen at.
        token: The bearer token that every request will have to carry.

    Raises:
        ConfigError: The address is not this machine's own, and there is no token.
    """
    if token or is_loopback(host):
        return
    raise ConfigError(
        f"host {host!r} can be reached from other machines and no token is set; "
        "set WORKMILL_TOKEN to a long random text, or listen at 127.0.0.1"
    )


def is_loopback(host: str) -> bool:
    """Whether a name or address can only mean this machine. An empty one means every address."""
    if host.lower() == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
