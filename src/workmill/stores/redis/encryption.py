"""TLS to a Redis server, by the options of a store's URL, which bear the names that redis-py gives them."""

import ssl
from collections.abc import Mapping

TLS_OPTIONS = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile", "ssl_cert_reqs", "ssl_check_hostname")
NEEDED = {"required": True, "none": False}
CHECKED = {"true": True, "false": False}


def tls_context(options: Mapping[str, str], *, is_on: bool) -> ssl.SSLContext | None:
    """Return how to speak TLS, by default to nobody whose certificate the system does not trust; None where it is off.

    Raises:
        ValueError: An option has no such value, or a file of certificates cannot be read.
    """
    given = {name: options[name] for name in TLS_OPTIONS if name in options}
    if not is_on:
        if given:
            raise ValueError(f"{', '.join(given)} are for TLS; begin with rediss:// or valkeys://")
        return None
    try:
        context = ssl.create_default_context(cafile=given.get("ssl_ca_certs"))
        if "ssl_certfile" in given:
            context.load_cert_chain(given["ssl_certfile"], given.get("ssl_keyfile"))
    except OSError as error:
        raise ValueError(f"its certificates cannot be read: {error}") from error
    is_needed = _chosen(given, "ssl_cert_reqs", NEEDED)
    context.check_hostname = is_needed and _chosen(given, "ssl_check_hostname", CHECKED)
    context.verify_mode = ssl.CERT_REQUIRED if is_needed else ssl.CERT_NONE
    return context


def _chosen(given: Mapping[str, str], name: str, choices: Mapping[str, bool]) -> bool:
    value = given.get(name, next(iter(choices)))
    if value not in choices:
        raise ValueError(f"{name}={value!r} must be {' or '.join(choices)}")
    return choices[value]
