"""A world to work by hand, on each engine in turn."""

import pytest

from tests.storage.builders import World


@pytest.fixture
def world(database):
    return World(database)
