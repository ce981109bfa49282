"""One gateway for all tests of this folder that a process runs."""

import pytest

from tests.security_world import serving


@pytest.fixture(scope="session")
def served(tmp_path_factory):
    """A gateway that was fed with hostile text."""
    with serving(tmp_path_factory.mktemp("security")) as running:
        yield running
