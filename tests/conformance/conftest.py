"""The two sides as fixtures. Each generation has a lab of its own, which goes when it is done."""

import os
from collections.abc import Iterator

import pytest

from tests.conformance.sides import Side, both_sides


@pytest.fixture(scope="module")
def sides(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Side, Side]]:
    """An engine of the generation that is the parameter, and a manager over three."""
    folder = tmp_path_factory.mktemp("conformance")
    name = f"test-{os.getpid()}-{request.param.replace('.', '-')}"
    with both_sides(request.param, folder, name) as both:
        yield both
