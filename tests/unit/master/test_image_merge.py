"""Several engines' answers about one image, made one."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from master.cluster.images.merge import Progress, error_line, failure, pruned, removed


def test_what_two_engines_removed_is_told_once_names_first() -> None:
    one = [{"Untagged": "app:1"}, {"Deleted": "sha256:a"}, {"Deleted": "sha256:b"}]
    other = [{"Untagged": "app:1"}, {"Untagged": "app@sha256:d"}, {"Deleted": "sha256:a"}]
    assert removed([one, other]) == [
        {"Untagged": "app:1"},
        {"Untagged": "app@sha256:d"},
        {"Deleted": "sha256:a"},
        {"Deleted": "sha256:b"},
    ]


def test_the_order_of_one_engine_stays() -> None:
    rows = [{"Untagged": "b"}, {"Untagged": "a"}, {"Deleted": "2"}, {"Deleted": "1"}]
    assert removed([rows]) == rows


@pytest.mark.parametrize("nothing", [None, {}, "text", 5])
def test_what_is_no_list_removed_nothing(nothing: Any) -> None:
    assert removed([nothing]) == []


def test_freed_bytes_are_added_up() -> None:
    answers = [
        {"ImagesDeleted": [{"Deleted": "sha256:a"}], "SpaceReclaimed": 5},
        {"ImagesDeleted": [{"Deleted": "sha256:a"}], "SpaceReclaimed": 7},
        {"ImagesDeleted": None, "SpaceReclaimed": 0},
    ]
    assert pruned(answers) == {"ImagesDeleted": [{"Deleted": "sha256:a"}], "SpaceReclaimed": 12}


def test_nothing_pruned_is_null_as_go_has_it() -> None:
    answer = {"ImagesDeleted": None, "SpaceReclaimed": 0}
    assert pruned([answer, answer]) == answer


def said(progress: Progress, node: str, **message: Any) -> Any:
    line = progress.line(orjson.dumps(message) + b"\n", node)
    return None if line is None else orjson.loads(line)


def test_layers_are_each_nodes_own() -> None:
    progress = Progress()
    assert said(progress, "a", id="layer", status="x") == {"id": "a:layer", "status": "x"}
    assert said(progress, "b", id="layer", status="x") == {"id": "b:layer", "status": "x"}
    assert said(progress, "b", status="done") == {"id": "b", "status": "done"}


def test_a_sentence_is_said_once_for_all_nodes_and_as_often_as_one_says_it() -> None:
    progress = Progress()
    text = {"stream": "Loaded image: app:1\n"}
    assert said(progress, "a", **text) == text
    assert said(progress, "b", **text) is None
    assert said(progress, "b", **text) == text
    assert said(progress, "a", **text) is None
    assert said(progress, "c", stream="Loaded image: app:2\n") is not None


@pytest.mark.parametrize("line", [b"no json\n", b"[1]\n", b"5\n"])
def test_what_is_no_message_passes(line: bytes) -> None:
    assert Progress().line(line, "a") == line


def test_errors_are_found_and_told_with_their_nodes() -> None:
    assert failure(b'{"status":"fine, no \\"error\\""}\n') is None
    assert failure(b'{"error":{"code":1}}\n') is None
    assert failure(b'"error"\n') is None
    assert failure(b'{"error":"no space","errorDetail":{}}\n') == "no space"
    assert failure(error_line({"a": "no space"}, 1)) == "no space"
    assert failure(error_line({"a": "no", "b": "never"}, 3)) == "a: no\nb: never"
    assert failure(error_line({"a": "no"}, 3)) == "a: no"
    assert failure(error_line({"a": "no", "b": "no"}, 2)) == "no"
    assert failure(error_line({"a": "no answer"}, 1, named=True)) == "a: no answer"
