"""Hosts that are on this machine."""

import pytest

from pipeline_lib.fetching.sources import Patience, Sources
from pipeline_lib.fetching.web import Web
from tests.fetching.loopback import serving

HASTY = Patience(attempts=4, pause=0.001, longest=0.01, timeout=5)


@pytest.fixture
def host(monkeypatch):
    """A host on the loopback address."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with serving() as running:
        yield running


@pytest.fixture
def sources(host):
    """All hosts are that one."""
    return Sources(osf=f"{host.url}/osf", openneuro=f"{host.url}/s3", nemar=f"{host.url}/nemar")


@pytest.fixture
def web(host):
    """Gives up in milliseconds."""
    return Web(HASTY)
