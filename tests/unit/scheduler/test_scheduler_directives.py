"""Directives in the environment and in labels."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.directives import Directives, merge, read_labels, split_environment, write_labels
from scheduler.errors import BadExpressionError


def test_directives_leave_the_environment() -> None:
    kept, constraints, affinities, policies, whitelists = split_environment(
        [
            "PATH=/bin",
            "constraint:disk==ssd",
            "affinity:container!=db",
            "constraint:zone==~east",
            "reschedule:on-node-failure",
            "whitelist:node==a|b",
            "EMPTY",
        ]
    )
    assert kept == ["PATH=/bin", "EMPTY"]
    assert constraints == ["disk==ssd", "zone==~east"]
    assert affinities == ["container!=db"]
    assert policies == ["on-node-failure"]
    assert whitelists == ["node==a|b"]


@pytest.mark.parametrize(
    "entry",
    [
        pytest.param("CONSTRAINT:disk==ssd", id="upper-case"),
        pytest.param("constraint=disk==ssd", id="equals-sign"),
        pytest.param("constraint", id="no-colon"),
        pytest.param(" constraint:disk==ssd", id="space"),
        pytest.param("X=constraint:disk==ssd", id="in-a-value"),
        pytest.param("", id="empty"),
    ],
)
def test_everything_else_stays_in_the_environment(entry: str) -> None:
    assert split_environment([entry]).kept_env == [entry]


def test_labels_come_before_the_environment() -> None:
    env, labels, directives = merge(
        ["A=1", "constraint:disk==ssd", "whitelist:node==a"],
        {"com.docker.swarm.constraints": '["zone==east"]', "mine": "kept"},
    )
    assert env == ["A=1"]
    assert labels == {
        "mine": "kept",
        "com.docker.swarm.constraints": '["zone==east","disk==ssd"]',
        "com.docker.swarm.whitelists": '["node==a"]',
    }
    assert directives == Directives(
        constraints=("zone==east", "disk==ssd"), whitelists=("node==a",)
    )


def test_merging_again_changes_nothing() -> None:
    env, labels, directives = merge(["constraint:disk==ssd"], {"a": "b"})
    assert merge(env, labels) == (env, labels, directives)


def test_given_labels_are_not_changed_in_place() -> None:
    given_labels = {"a": "b"}
    merge(["constraint:disk==ssd"], given_labels)
    assert given_labels == {"a": "b"}


def test_reschedule_policies_have_a_label_with_a_hyphen() -> None:
    labels = write_labels({}, Directives(reschedule_policies=("on-node-failure",)))
    assert labels == {"com.docker.swarm.reschedule-policies": '["on-node-failure"]'}


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("disk==ssd", id="plain-text"),
        pytest.param("", id="empty"),
        pytest.param('"disk==ssd"', id="string"),
        pytest.param('{"disk":"ssd"}', id="object"),
        pytest.param("[1]", id="number-inside"),
        pytest.param('["a",null]', id="null-inside"),
        pytest.param("null", id="null"),
        pytest.param("[" * 100_000, id="deep"),
        pytest.param("[" + "9" * 5000 + "]", id="number-beyond-int"),
    ],
)
@pytest.mark.parametrize("name", ["constraints", "affinities", "reschedule-policies", "whitelists"])
def test_a_label_that_is_no_array_of_strings_is_refused(name: str, text: str) -> None:
    with pytest.raises(BadExpressionError, match=f"Label com.docker.swarm.{name} must") as caught:
        read_labels({f"com.docker.swarm.{name}": text})
    assert len(str(caught.value)) < 300


_TEXTS = st.lists(st.text(max_size=10), max_size=4).map(tuple)


@given(st.builds(Directives, _TEXTS, _TEXTS, _TEXTS, _TEXTS))
def test_written_labels_are_read_back(directives: Directives) -> None:
    labels = write_labels({"other": "x"}, directives)
    assert read_labels(labels) == directives
    assert labels["other"] == "x"
    assert all(isinstance(json.loads(labels[key]), list) for key in labels if key != "other")
