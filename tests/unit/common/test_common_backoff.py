import pytest

from common.backoff import Backoff

BACKOFF = Backoff(first_s=1.0, cap_s=60.0)


@pytest.mark.parametrize(
    ("failures", "longest_s"), [(0, 1), (1, 1), (2, 2), (4, 8), (7, 60), (10**9, 60)]
)
def test_waits_double_up_to_the_cap(failures: int, longest_s: float) -> None:
    assert BACKOFF.delay_s(failures, lambda: 0.999999) == pytest.approx(longest_s, rel=1e-3)


def test_chance_takes_at_most_half() -> None:
    assert BACKOFF.delay_s(3, lambda: 0.0) == 2.0
