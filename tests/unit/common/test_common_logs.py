import io
import logging
import re
from collections.abc import Iterator

import pytest

from common import logs


@pytest.fixture(autouse=True)
def _root_as_before() -> Iterator[None]:
    root = logging.getLogger()
    before = (root.handlers[:], root.level)
    yield
    root.handlers[:], level = before
    root.setLevel(level)


def logged(level: str, *calls: tuple[int, str]) -> list[str]:
    stream = io.StringIO()
    logs.set_up(level, stream)
    for number, message in calls:
        logging.getLogger("swarm.test").log(number, "%s", message)
    return stream.getvalue().splitlines()


def test_a_line_has_time_level_and_message() -> None:
    (line,) = logged("info", (logging.INFO, "Listening for HTTP"))
    assert re.fullmatch(
        r'time="\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ" level=info msg="Listening for HTTP"', line
    )


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("word", "msg=word"),
        ("", 'msg=""'),
        ('a "b"\\', 'msg="a \\"b\\"\\\\"'),
        ("two\nlines", 'msg="two\\nlines"'),
        ("\x1b[2J", 'msg="\\u001b[2J"'),
        ("\udce4", 'msg="\\udce4"'),
        ("grün", 'msg="grün"'),
    ],
)
def test_a_message_cannot_break_out_of_its_line(message: str, shown: str) -> None:
    (line,) = logged("info", (logging.INFO, message))
    assert line.endswith(shown)


@pytest.mark.parametrize(
    ("level", "shown"),
    [
        ("debug", ["debug", "info", "warning", "error", "fatal"]),
        ("warn", ["warning", "error", "fatal"]),
        ("WARNING", ["warning", "error", "fatal"]),
        ("fatal", ["fatal"]),
        ("panic", []),
    ],
)
def test_only_messages_from_the_level_on_are_shown(level: str, shown: list[str]) -> None:
    lines = logged(level, *((number, "x") for number in (10, 20, 30, 40, 50)))
    assert [re.findall(r"level=(\w+)", line)[0] for line in lines] == shown


def test_a_traceback_stays_on_the_line() -> None:
    stream = io.StringIO()
    logs.set_up("info", stream)
    try:
        int("boom")
    except ValueError:
        logging.getLogger("swarm.test").exception("it broke")
    (line,) = stream.getvalue().splitlines()
    assert 'msg="it broke" stack="Traceback' in line
    assert "boom" in line


def test_the_http_client_does_not_tell_of_each_request() -> None:
    stream = io.StringIO()
    logs.set_up("debug", stream)
    logging.getLogger("httpx").info("HTTP Request")
    assert not stream.getvalue()


def test_an_unknown_level_is_refused() -> None:
    with pytest.raises(ValueError, match='not a valid log level: "loud"'):
        logs.set_up("loud")
