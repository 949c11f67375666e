"""Builds: what they ask for, who comes back to which engine."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from master.cluster import builds
from master.cluster.builds import (
    PIN_S,
    BuildOrder,
    BuildPins,
    Pin,
    build_pin,
    choose,
    client_pin,
    read_build,
    session_pin,
)
from scheduler.errors import BadExpressionError

ME = client_pin("10.1.1.1")


def order(**query: str) -> BuildOrder:
    return read_build(tuple(query.items()))


def arguments(read: BuildOrder) -> object:
    return orjson.loads(dict(read.query)["buildargs"])


def test_directives_leave_the_build_arguments_and_become_wishes() -> None:
    given = {
        "constraint:disk": "=ssd",
        "constraint:zone!": "a",
        "affinity:image": "=~x",
        "who": "me",
    }
    read = order(buildargs=orjson.dumps(given).decode())
    assert arguments(read) == {"who": "me"}
    assert [str(x.key) for x in read.request.constraints] == ["disk", "zone"]
    assert len(read.request.affinities) == 1
    assert read.is_choosy


def test_an_argument_without_a_value_stays_one() -> None:
    text = '{"constraint:disk":"=ssd","HTTP_PROXY":null}'
    assert arguments(order(buildargs=text)) == {"HTTP_PROXY": None}


@pytest.mark.parametrize("text", ["", "{", "[]", '"x"', "7", '{"a":1}', '{"a": "b" }'])
def test_arguments_without_directives_pass_to_the_letter(text: str) -> None:
    read = order(buildargs=text)
    assert dict(read.query)["buildargs"] == text
    assert not read.is_choosy


def test_names_that_come_twice_come_twice_to_the_engine() -> None:
    query = (("t", "a"), ("buildargs", '{"constraint:disk":"=ssd"}'), ("t", "b"))
    read = read_build(query)
    assert read.query == (("t", "a"), ("buildargs", "{}"), ("t", "b"))


def test_a_bad_constraint_is_refused() -> None:
    with pytest.raises(BadExpressionError):
        order(buildargs='{"constraint:disk":"ssd"}')


def test_limits_and_labels_are_those_of_a_container() -> None:
    labels = orjson.dumps({"com.docker.swarm.constraints": '["disk==ssd"]', "a": "b"}).decode()
    read = order(memory="1048576", cpuquota="50000", labels=labels, platform="linux/amd64")
    assert read.request.memory == 1 << 20
    assert read.request.cpus == 0.5
    assert [x.key for x in read.request.constraints] == ["disk", "ostype", "architecture"]
    assert dict(read.query)["labels"] == labels


@pytest.mark.parametrize("text", ["-1", "x", "", "9" * 40, "1e9", "٣"])
def test_nonsense_is_no_limit(text: str) -> None:
    assert order(memory=text, cpuquota=text).request.memory == 0


def test_a_container_network_leads_to_that_container() -> None:
    assert order(networkmode="container:web").request.network_container == "web"
    assert order(networkmode="host").request.network_container == ""


def test_shares_can_be_cores() -> None:
    query = (("cpushares", "2"), ("t", "a"))
    read = read_build(query, cpu_shares_are_cores=True)
    assert read.request.cpus == 2.0
    assert read.query_for(4) == (("cpushares", "512"), ("t", "a"))
    assert read.query_for(0) == query
    plain = read_build(query)
    assert plain.request.cpus == 0.0
    assert plain.query_for(4) == query


def test_halves_of_one_build_know_each_other() -> None:
    upload = order(buildid="upload-request:abc", version="2")
    main = order(buildid="abc", session="uuid", version="2", remote="upload-request")
    assert upload.is_upload
    assert not main.is_upload
    assert upload.must == [build_pin("abc")]
    assert main.must == [session_pin("uuid"), build_pin("abc")]


def test_a_cache_is_known_by_client_remote_and_first_tag() -> None:
    one = read_build((("t", "a"), ("t", "b"))).may("10.1.1.1")
    assert one == [Pin("context", ("10.1.1.1", "", "a"))]
    assert one != order(t="b").may("10.1.1.1")
    assert one != order(t="a").may("10.1.1.2")
    assert order(t="a", version="2").may("10.1.1.1") == [*one, ME]


def test_a_pin_grows_old_only_while_nobody_holds_it() -> None:
    pins = BuildPins()
    pins.put(ME, "a", 0.0)
    pins.hold(ME)
    pins.hold(ME)
    pins.release(ME, 10.0)
    assert pins.find(ME, 100 * PIN_S) == "a"
    assert pins.is_held(ME)
    pins.release(ME, 100 * PIN_S)
    assert not pins.is_held(ME)
    assert pins.find(ME, 101 * PIN_S - 1) == "a"
    assert pins.find(ME, 101 * PIN_S) is None
    assert len(pins) == 0


def test_a_held_pin_that_moves_is_still_held() -> None:
    pins = BuildPins()
    pins.put(ME, "a", 0.0)
    pins.hold(ME)
    pins.put(ME, "b", 1.0)
    assert pins.find(ME, 2 * PIN_S) == "b"
    pins.release(ME, 2.0)
    pins.release(ME, 2.0)  # more often than held: no harm
    assert pins.find(ME, 2 * PIN_S + 2) is None


def test_there_is_a_limit_and_the_oldest_idle_ones_go_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(builds, "_PIN_LIMIT", 3)
    pins = BuildPins()
    pins.put(ME, "a", 0.0)
    pins.hold(ME)
    for number in range(5):
        pins.put(session_pin(str(number)), "b", 1.0)
    assert len(pins) == 3
    assert pins.find(ME, 1.0) == "a"
    assert [pins.find(session_pin(str(n)), 1.0) for n in range(5)] == [None] * 3 + ["b", "b"]


def test_a_pin_beats_a_warm_image_beats_the_scheduler() -> None:
    fitting = ["a", "b", "c"]
    assert choose(fitting) == "a"
    assert choose(fitting, warm=lambda: {"c", "x"}) == "c"
    assert choose(fitting, pinned=[None, "b", "c"], warm=lambda: {"c"}) == "b"


def test_what_does_not_fit_is_not_chosen() -> None:
    assert choose(["a"], pinned=["b"], warm=lambda: {"c"}) == "a"


@given(st.lists(st.tuples(st.text(), st.text())))
def test_any_query_is_read_or_refused(query: list[tuple[str, str]]) -> None:
    read = read_build(query)
    assert [key for key, _ in read.query] == [key for key, _ in query]


@given(st.dictionaries(st.text(), st.none() | st.text() | st.integers(-(2**53), 2**53)))
def test_any_arguments_are_read_or_refused(given: dict[str, object]) -> None:
    try:
        read = order(buildargs=orjson.dumps(given).decode())
    except BadExpressionError:
        return
    kept = arguments(read)
    assert isinstance(kept, dict)
    assert kept.items() <= given.items()
