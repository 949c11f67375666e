"""Which signals mean the end of a container."""

import pytest

from services.stopping import asks_to_stop


@pytest.mark.parametrize(
    ("sent", "stop_signal", "expected"),
    [
        ("15", "", True),
        ("9", "", True),
        ("2", "", True),
        ("3", "", True),
        ("SIGTERM", "", True),
        ("term", "", True),
        ("1", "", False),
        ("10", "", False),
        ("28", "SIGWINCH", True),
        ("28", "28", True),
        ("28", "WINCH", True),
        ("SIGWINCH", "28", True),
        ("37", "SIGRTMIN+3", True),
        ("37", "RTMIN+3", True),
        ("62", "SIGRTMAX-2", True),
        ("34", "SIGRTMIN", True),
        ("37", "SIGRTMIN+x", False),
        ("", "", False),
        ("nonsense", "nonsense", False),
        ("9" * 5000, "", False),
    ],
)
def test_a_signal_asks_to_stop_or_is_only_a_word(
    sent: str, stop_signal: str, expected: bool
) -> None:
    assert asks_to_stop(sent, stop_signal) is expected
