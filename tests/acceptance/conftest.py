"""What the tests of whole programs share: where the jobs are, and a browser."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.acceptance.browser import a_browser

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture
def url(shared_url: str) -> str:
    """Run the test on every store that programs share."""
    return shared_url


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    """Give the browser of a module's tests; where there is none, skip them."""
    with a_browser() as browser:
        yield browser
