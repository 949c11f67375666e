"""What a value of SERVICE_ metadata may look like; everything else is refused with a reason.

Anybody who may start a container writes these values, so each is matched as a whole against a
narrow pattern: no character gets through to which HAProxy's or Nginx's files give a meaning.
"""

import re
from typing import TypeVar, get_args

from router.rules.model import Balance, Mode

_Word = TypeVar("_Word", bound=str)

_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_HOST = re.compile(rf"{_LABEL}(?:\.{_LABEL})*", re.ASCII)
_PATH = re.compile(r"(?:/[A-Za-z0-9._~-]+)+", re.ASCII)
_QUERY = re.compile(r"[A-Za-z0-9._~=&/-]*", re.ASCII)
_NUMBER = re.compile(r"[0-9]{1,5}", re.ASCII)
_MAX_HOST = 253
_MAX_PATH = 255
_MAX_WEIGHT = 256
"""HAProxy's limit."""
_MAX_PORT = 65535
_YES = frozenset({"1", "true", "yes", "on"})
_NO = frozenset({"", "0", "false", "no", "off"})


def host(text: str) -> str:
    """Return a host name in lower case.

    Raises:
        ValueError: no host name.
    """
    name = text.strip().lower()
    if len(name) > _MAX_HOST or not _HOST.fullmatch(name):
        raise ValueError("not a host name")
    return name


def path(text: str) -> str:
    """Return a path prefix without the slash at its end; ``/`` is the empty one.

    Raises:
        ValueError: no path of plain segments.
    """
    prefix = text.strip().rstrip("/")
    if prefix and not _is_path(prefix):
        raise ValueError("not a path of letters, digits and ._~- between slashes")
    return prefix


def check_path(text: str) -> str:
    """Return the target of a health check: a path, and perhaps a query.

    Raises:
        ValueError: neither.
    """
    target, mark, query = text.strip().partition("?")
    is_good = _is_path(target.rstrip("/")) or target == "/"
    if not is_good or len(query) > _MAX_PATH or not _QUERY.fullmatch(query):
        raise ValueError("not a path of letters, digits and ._~- between slashes")
    return f"{target}{mark}{query}"


def mode(text: str) -> Mode:
    """Return ``http`` or ``tcp``.

    Raises:
        ValueError: another word.
    """
    return _one_of(get_args(Mode), text)


def balance(text: str) -> Balance:
    """Return how a backend chooses among its servers.

    Raises:
        ValueError: none of the ways that both proxies have.
    """
    return _one_of(get_args(Balance), text)


def weight(text: str) -> int:
    """Return a server's share.

    Raises:
        ValueError: no number from 1 to 256.
    """
    return _number(text, 1, _MAX_WEIGHT)


def port(text: str) -> int:
    """Return a port.

    Raises:
        ValueError: no number from 1 to 65535.
    """
    return _number(text, 1, _MAX_PORT)


def flag(text: str) -> bool:
    """Return whether *text* means yes.

    Raises:
        ValueError: it means neither yes nor no.
    """
    word = text.strip().lower()
    if word not in _YES | _NO:
        raise ValueError("neither true nor false")
    return word in _YES


def _is_path(text: str) -> bool:
    has_dots = any(segment in {".", ".."} for segment in text.split("/"))
    return len(text) <= _MAX_PATH and not has_dots and _PATH.fullmatch(text) is not None


def _number(text: str, low: int, high: int) -> int:
    digits = text.strip()
    if not _NUMBER.fullmatch(digits) or not low <= int(digits) <= high:
        raise ValueError(f"not a number from {low} to {high}")
    return int(digits)


def _one_of(words: tuple[_Word, ...], text: str) -> _Word:
    word = text.strip().lower()
    for known in words:
        if known == word:
            return known
    raise ValueError(f"none of {', '.join(words)}")
