from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.portal import Portal
from tests.e2e.portal import portal as run_portal


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    with run_portal(tmp_path_factory.mktemp("portal")) as started:
        yield started
