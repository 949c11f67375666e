"""Log lines as classic Swarm wrote them: ``time="…" level=info msg="…"``, one line a message."""

import logging
import re
import sys
import time
from typing import TextIO

FATAL = logging.CRITICAL
PANIC = logging.CRITICAL + 10

LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    "fatal": FATAL,
    "panic": PANIC,
}
"""``--log-level`` to the level of `logging` from which on messages are shown."""

_NAMES = {
    logging.DEBUG: "debug",
    logging.INFO: "info",
    logging.WARNING: "warning",
    logging.ERROR: "error",
    FATAL: "fatal",
    PANIC: "panic",
}
_PLAIN = re.compile(r"[A-Za-z0-9.-]+")
_SHORT_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_CHATTY = ("httpx", "httpcore", "asyncio")
"""Libraries that tell of every request below the level warning."""


class LogrusFormatter(logging.Formatter):
    """Formats a record as ``key=value`` pairs; a traceback becomes the pair ``stack``."""

    def format(self, record: logging.LogRecord) -> str:
        """Return *record* as one line, whatever line breaks are in it."""
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(record.created))
        level = _NAMES.get(record.levelno, record.levelname.lower())
        line = f'time="{stamp}" level={level} msg={_quoted(record.getMessage())}'
        if record.exc_info:
            line += f" stack={_quoted(self.formatException(record.exc_info))}"
        return line


def level_of(name: str) -> int:
    """Return the level of `logging` for the value of ``--log-level``.

    Raises:
        ValueError: no such level.
    """
    try:
        return LEVELS[name.lower()]
    except KeyError:
        raise ValueError(
            f'not a valid log level: "{name}" (debug, info, warn, error, fatal, panic)'
        ) from None


def set_up(level: str, stream: TextIO | None = None) -> None:
    """Send every log message from *level* on to *stream* (None: standard output, as classic did).

    Replaces handlers set before; the libraries below us stay quiet under the level warning.

    Raises:
        ValueError: no such level.
    """
    wanted = level_of(level)
    handler = logging.StreamHandler(stream if stream is not None else sys.stdout)
    handler.setFormatter(LogrusFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(wanted)
    for name in _CHATTY:
        logging.getLogger(name).setLevel(max(wanted, logging.WARNING))


def _quoted(text: str) -> str:
    """Return *text* in quotes unless it is one plain word; control characters are escaped."""
    if _PLAIN.fullmatch(text):
        return text
    return '"' + "".join(_escaped(character) for character in text) + '"'


def _escaped(character: str) -> str:
    if character in _SHORT_ESCAPES:
        return _SHORT_ESCAPES[character]
    # Control characters and lone surrogates: the first would let a container's name forge lines
    # or move a terminal's cursor, the second cannot be written to a UTF-8 stream at all.
    return character if character.isprintable() else f"\\u{ord(character):04x}"
