"""Where the jobs are in the tests of whole programs."""

import pytest


@pytest.fixture
def url(shared_url: str) -> str:
    """Run the test on every store that programs share."""
    return shared_url
