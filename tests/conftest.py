"""How many examples a property gets, what tests are called, and what their shell leaves them.

``pytest`` alone has to say the same each time, on a laptop as on a busy build machine, so its
examples follow from the test's own text and no example fails for being slow. New ones are looked
for with ``pytest tests/unit --hypothesis-profile=thorough``; what that finds becomes a case of
its own.
"""

import gc
import signal
from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("quick", max_examples=50, derandomize=True, deadline=None)
settings.register_profile(
    "thorough", max_examples=1000, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("quick")

# What a shell script starts in the background ignores it, and so would every client that a test
# interrupts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """See that every test runs: xdist knows a test by its ID, and takes two of one ID for one."""
    for item in items:
        if not item.nodeid.endswith(item.name):  # of Schemathesis: pytest loses the operation
            item._id = item.id.with_params(item.name.partition("[")[2].removesuffix("]"))
    twice = [name for name, count in Counter(item.nodeid for item in items).items() if count > 1]
    if twice:
        raise pytest.UsageError(f"two tests of one ID, of which one would not run: {twice[:5]}")


def pytest_collection_finish() -> None:
    """Take what is imported by now for what stays: looking for garbage costs next to nothing."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _left_open() -> Iterator[None]:
    """Tell what a test leaves open of that test, not of one that runs much later."""
    yield
    gc.collect()
