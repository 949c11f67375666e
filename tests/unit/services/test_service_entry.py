"""The contract between agents and routers: what is written is read back, and nothing else is."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.address import is_of_one, parse_ip
from services.entry import ServiceEntry, container_of, entries_of, host_of, is_name, keys_of

NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,30}", fullmatch=True)
PRINTABLE = st.text().filter(str.isprintable)
ENTRIES = st.builds(
    ServiceEntry,
    service=NAMES,
    host=NAMES,
    container=NAMES,
    port=st.integers(1, 65535),
    ip=st.ip_addresses().map(str).map(parse_ip).filter(is_of_one).map(str),
    published_port=st.integers(1, 65535),
    protocol=st.sampled_from(["tcp", "udp"]),
    tags=st.lists(PRINTABLE, max_size=4).map(tuple),
    attributes=st.dictionaries(PRINTABLE, PRINTABLE, max_size=4),
)


def entry(**changes: object) -> ServiceEntry:
    usual = {
        "service": "web",
        "host": "h1",
        "container": "c1",
        "port": 80,
        "ip": "10.0.0.1",
        "published_port": 32768,
    }
    return ServiceEntry(**{**usual, **changes})  # type: ignore[arg-type]


def test_an_entry_is_the_articles_key() -> None:
    assert keys_of(entry()) == {"web-80/h1:c1:80": b"10.0.0.1:32768"}


def test_udp_is_marked_and_ipv6_stands_in_brackets() -> None:
    assert keys_of(entry(protocol="udp", ip="2001:db8::1")) == {
        "web-80/h1:c1:80:udp": b"[2001:db8::1]:32768"
    }


def test_tags_and_attributes_have_a_key_of_their_own() -> None:
    keys = keys_of(entry(tags=("a",), attributes={"vhost": "x"}))
    assert json.loads(keys["web-80/.meta/h1:c1:80"]) == {
        "tags": ["a"],
        "attributes": {"vhost": "x"},
    }


@given(ENTRIES)
def test_what_is_written_is_read_back(one: ServiceEntry) -> None:
    keys = keys_of(one)
    assert entries_of(keys) == [one]
    assert {host_of(key) for key in keys} == {one.host}


@given(
    st.dictionaries(
        st.from_regex(r"[ab0-]{1,4}-0?[0-9]{1,3}/h:c:0?[0-9]{1,3}(:(udp|tcp)?)?", fullmatch=True),
        st.just(b"10.0.0.1:1"),
    )
)
def test_an_entry_s_key_is_the_one_it_was_read_from(keys: dict[str, bytes]) -> None:
    found = [f"{one.folder}/{one.id}" for one in entries_of(keys)]
    assert set(found) <= keys.keys()
    assert len(found) == len(set(found))


@given(st.dictionaries(st.text(), st.binary()))
def test_nothing_in_the_store_makes_reading_fail(keys: dict[str, bytes]) -> None:
    assert all(is_name(one.service) and is_name(one.container) for one in entries_of(keys))


@given(st.text(alphabet="0123456789abcdef.:[]%\n-", max_size=40))
def test_an_address_that_is_read_can_begin_no_line(value: str) -> None:
    for one in entries_of({"web-80/h1:c1:80": value.encode()}):
        assert set(one.ip) <= set("0123456789abcdef.:")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        pytest.param("web-80/h1:c1:81", "10.0.0.1:1", id="another-port"),
        pytest.param("web-080/h1:c1:080", "10.0.0.1:1", id="zeros-in-front"),
        pytest.param("web-0/h1:c1:0", "10.0.0.1:1", id="no-port"),
        pytest.param("web-80/h1:c1:80:sctp", "10.0.0.1:1", id="protocol"),
        pytest.param("web-80/h1:c1:80:", "10.0.0.1:1", id="no-protocol"),
        pytest.param("web-80/h1:c1:80:udp:x", "10.0.0.1:1", id="more-behind"),
        pytest.param("web/h1:c1:80", "10.0.0.1:1", id="no-port-in-the-folder"),
        pytest.param("web-80/h1:c1", "10.0.0.1:1", id="too-short"),
        pytest.param("a/web-80/h1:c1:80", "10.0.0.1:1", id="too-deep"),
        pytest.param("web-80/h 1:c1:80", "10.0.0.1:1", id="host"),
        pytest.param("web\n-80/h1:c1:80", "10.0.0.1:1", id="line-feed"),
        pytest.param("web-80/h1:c1:80", "example.com:1", id="host-name"),
        pytest.param("web-80/h1:c1:80", "10.0.0.1", id="no-published-port"),
        pytest.param("web-80/h1:c1:80", "10.0.0.1:70000", id="port-too-large"),
        pytest.param("web-80/h1:c1:80", "[fe80::1%x\nserver evil]:80", id="zone"),
        pytest.param("web-80/h1:c1:80", "0.0.0.0:80", id="whoever-asks"),
        pytest.param("web-80/h1:c1:80", "0.1.2.3:80", id="this-network"),
        pytest.param("web-80/h1:c1:80", "[::]:80", id="whoever-asks-ipv6"),
        pytest.param("web-80/h1:c1:80", "[::ffff:0.0.0.0]:80", id="whoever-asks-mapped"),
        pytest.param("web-80/h1:c1:80", "255.255.255.255:80", id="everybody"),
        pytest.param("web-80/h1:c1:80", "224.0.0.1:80", id="many"),
        pytest.param("web-80/h1:c1:80", "[ff02::1]:80", id="many-ipv6"),
        pytest.param("web-80/h1:c1:80", "", id="empty"),
    ],
)
def test_keys_and_values_of_another_form_are_passed_over(key: str, value: str) -> None:
    assert entries_of({key: value.encode()}) == []


@pytest.mark.parametrize(
    "meta",
    [
        b"{",
        b"[]",
        b"null",
        b"\xff",
        b"[" * 100_000,
        b'{"tags": "a", "attributes": ["b"]}',
        b'{"tags": [1, "a\\nb"], "attributes": {"k": 1, "l": "x\\ny", "m\\n": "z"}}',
    ],
)
def test_metadata_that_cannot_be_used_leaves_its_entry_without(meta: bytes) -> None:
    keys = {"web-80/h1:c1:80": b"10.0.0.1:1", "web-80/.meta/h1:c1:80": meta}
    (one,) = entries_of(keys)
    assert (one.tags, one.attributes) == ((), {})


def test_metadata_alone_is_no_entry() -> None:
    assert entries_of({"web-80/.meta/h1:c1:80": b"{}"}) == []


@pytest.mark.parametrize(
    ("key", "host"),
    [
        ("web-80/h1:c1:80", "h1"),
        ("web-80/h1:c1:80:udp", "h1"),
        ("web-80/.meta/h1:c1:80", "h1"),
        ("web-80/.meta/.meta/h1:c1:80", None),
        ("web-80/h1:c1:81", None),
        (".agents/h1", None),
        (".drain/h1:c1:80", None),
        ("web-80/", None),
    ],
)
def test_a_host_owns_its_entries_and_their_metadata(key: str, host: str | None) -> None:
    assert host_of(key) == host
    assert container_of(key) == (None if host is None else "c1")
