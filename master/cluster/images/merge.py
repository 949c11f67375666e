"""One answer from several engines' answers about the same image: pure, JSON in and out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import orjson

Row = Mapping[str, Any]


def removed(answers: Iterable[Any]) -> list[Row]:
    """Return what ``DELETE /images`` did, each thing once: engines tell of the same layers.

    What was untagged stands before what was deleted, as with one engine.
    """
    rows = [row for answer in answers if isinstance(answer, list) for row in answer]
    once = {tuple(sorted(row.items())): row for row in rows if isinstance(row, dict)}
    return sorted(once.values(), key=lambda row: "Deleted" in row)


def pruned(answers: Iterable[Any]) -> dict[str, Any]:
    """Return what ``POST /images/prune`` did: the lists joined, the freed bytes added up.

    ``ImagesDeleted`` is null if nothing was deleted, as Go has it.
    """
    found = [answer for answer in answers if isinstance(answer, dict)]
    rows = removed(answer.get("ImagesDeleted") for answer in found)
    freed = [n for answer in found if isinstance(n := answer.get("SpaceReclaimed"), int)]
    return {"ImagesDeleted": rows or None, "SpaceReclaimed": sum(freed)}


class Progress:
    """The progress of one thing on several nodes, made one stream of lines.

    Lines with an ID are kept for each node, with the node in the ID: the CLI has one line of
    screen for each ID. What an engine only says (``{"stream": "Loaded image: app:1"}``) is said
    once for all: scripts and docker-py count those lines.
    """

    def __init__(self) -> None:
        self._said: Counter[str] = Counter()
        self._said_by: dict[str, Counter[str]] = {}

    def line(self, line: bytes, node: str) -> bytes | None:
        """Return *line* of *node* as the client sees it; None if it has been said already."""
        try:
            message = orjson.loads(line)
        except orjson.JSONDecodeError:
            return line
        if not isinstance(message, dict):
            return line
        if isinstance(text := message.get("stream"), str):
            return line if self._is_news(text, node) else None
        layer = message.get("id")
        message["id"] = f"{node}:{layer}" if layer else node
        return orjson.dumps(message) + b"\r\n"

    def _is_news(self, text: str, node: str) -> bool:
        # Counted, since one engine may well say the same thing twice.
        mine = self._said_by.setdefault(node, Counter())
        mine[text] += 1
        if mine[text] <= self._said[text]:
            return False
        self._said[text] = mine[text]
        return True


def failure(line: bytes) -> str | None:
    """Return the error that a line of progress tells of, if it does."""
    if b'"error"' not in line:
        return None
    try:
        message = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    failed = isinstance(message, dict) and isinstance(message.get("error"), str)
    return str(message["error"]) if failed else None


def error_line(failures: Mapping[str, str], asked: int, *, named: bool = False) -> bytes:
    """Return the last line of a stream of *asked* nodes, some of which failed.

    Args:
        failures: node to what it said. Not empty.
        asked: how many nodes. If all of them failed and say the same (that the tar is cut, say),
            it is said once, without nodes.
        named: whether it is about the nodes, and not about what was asked of them.
    """
    said = set(failures.values())
    if not named and len(failures) == asked and len(said) == 1:
        text = said.pop()
    else:
        text = "\n".join(f"{node}: {message}" for node, message in failures.items())
    return told_as_progress(text)


def told_as_progress(text: str) -> bytes:
    """Return an error as the line that ends a stream of progress, when its status is gone."""
    return orjson.dumps({"errorDetail": {"message": text}, "error": text}) + b"\r\n"
