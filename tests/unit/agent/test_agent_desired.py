"""Which entries a container has."""

from typing import Any

import pytest
from agent_containers import container
from hypothesis import given
from hypothesis import strategies as st

from agent.rules.desired import MAX_ENTRIES, Options, Wanted, wanted_of
from router.rules.build import build
from router.rules.model import Model
from services.entry import ServiceEntry, entries_of, keys_of

OPTIONS = Options("h1", "10.0.0.1")


def wanted(options: Options = OPTIONS, **how: Any) -> Wanted:
    return wanted_of(container(**how), options)


def found(options: Options = OPTIONS, **how: Any) -> list[ServiceEntry]:
    """The entries, where nothing may be refused."""
    answer = wanted(options, **how)
    assert answer.refusals == ()
    return [one.entry for one in answer.registrations]


def keys(options: Options = OPTIONS, **how: Any) -> dict[str, str]:
    """Key to address."""
    return {f"{one.folder}/{one.id}": one.address for one in found(options, **how)}


def refused(**how: Any) -> list[str]:
    """The reasons, where nothing may be registered."""
    answer = wanted(**how)
    assert answer.registrations == ()
    return [one.reason for one in answer.refusals]


@pytest.mark.parametrize(
    ("image", "service"),
    [
        ("web", "web"),
        ("web:1.2", "web"),
        ("team/web", "web"),
        ("registry:5000/team/web:1.2", "web"),
        ("registry:5000/web", "web"),
        ("web@sha256:" + "0" * 64, "web"),
        ("registry:5000/a/b/web:1@sha256:" + "0" * 64, "web"),
    ],
)
def test_a_service_is_named_like_its_image(image: str, service: str) -> None:
    assert [one.service for one in found(image=image)] == [service]


@pytest.mark.parametrize("image", ["sha256:" + "ab" * 32, "ab" * 32, "abababababab", "abababa"])
def test_an_image_without_name_needs_a_service_name(image: str) -> None:
    assert refused(image=image) == ["name"]
    assert keys(image=image, env={"SERVICE_NAME": "x"}) == {"x-80/h1:c1:80": "10.0.0.1:32768"}


def test_a_name_of_hexadecimal_digits_is_a_name() -> None:
    assert [one.service for one in found(image="cafebabe")] == ["cafebabe"]


def test_the_key_has_the_exposed_port_and_the_value_the_published_one() -> None:
    assert keys() == {"web-80/h1:c1:80": "10.0.0.1:32768"}


def test_there_is_one_entry_for_each_published_port() -> None:
    ports = {
        "80/tcp": [("0.0.0.0", "1"), ("::", "1")],
        "81/tcp": None,
        "53/udp": [("0.0.0.0", "2")],
        "53/tcp": [("0.0.0.0", "3")],
    }
    assert keys(ports=ports, exposed=("82/tcp",)) == {
        "web-53/h1:c1:53": "10.0.0.1:3",
        "web-53/h1:c1:53:udp": "10.0.0.1:2",
        "web-80/h1:c1:80": "10.0.0.1:1",
    }


@pytest.mark.parametrize(
    ("bindings", "address"),
    [
        pytest.param([("::", "1"), ("0.0.0.0", "2")], "10.0.0.1:2", id="ipv4-first"),
        pytest.param([("0.0.0.0", "1"), ("0.0.0.0", "2")], "10.0.0.1:1", id="first-of-many"),
        pytest.param([("10.0.0.9", "1")], "10.0.0.9:1", id="as-bound"),
        pytest.param([("", "1")], "10.0.0.1:1", id="no-address"),
        pytest.param([("127.0.0.1", "1"), ("0.0.0.0", "2")], "10.0.0.1:2", id="not-loopback"),
        pytest.param([("127.0.0.1", "1"), ("::", "2")], "10.0.0.1:2", id="not-loopback-ipv6"),
        pytest.param([("::", "1")], "10.0.0.1:1", id="ipv6-only"),
        pytest.param([("2001:db8::5", "1")], "[2001:db8::5]:1", id="ipv6-address"),
    ],
)
def test_the_value_is_where_others_reach_it(bindings: list[tuple[str, str]], address: str) -> None:
    assert list(keys(ports={"80/tcp": bindings}).values()) == [address]


def test_what_a_container_forwards_to_this_machine_is_taken_at_its_word() -> None:
    env = {"SERVICE_IP": "10.9.9.9"}
    for bindings, port in (
        ([("127.0.0.1", "1")], 1),
        ([("127.0.0.1", "1"), ("0.0.0.0", "2")], 2),
    ):
        assert keys(env=env, ports={"80/tcp": bindings}) == {"web-80/h1:c1:80": f"10.9.9.9:{port}"}


@pytest.mark.parametrize("ip", ["127.0.0.1", "::1", "fe80::1", "fe80::1%eth0", "nonsense"])
def test_what_only_this_machine_reaches_is_refused(ip: str) -> None:
    assert refused(ports={"80/tcp": [(ip, "1")]}) == ["address"]


@pytest.mark.parametrize(
    "ip",
    ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "0.0.0.0", "0.0.0.1", "::", "224.0.0.1",
     "ff02::1", "169.254.169.254", "fe80::1", "255.255.255.255", "localhost"],
)  # fmt: skip
@pytest.mark.parametrize("mode", ["default", "host"])
@pytest.mark.parametrize("more", [{}, {"SERVICE_INTERNAL": "true"}], ids=["host", "internal"])
def test_a_container_cannot_send_others_to_their_own_machine_or_to_nobody(
    ip: str, mode: str, more: dict[str, str]
) -> None:
    assert refused(env={"SERVICE_IP": ip, **more}, mode=mode) == ["address"]


def test_a_network_cannot_do_so_either() -> None:
    env = {"SERVICE_NETWORK": "odd"}
    assert refused(env=env, networks={"odd": "127.0.0.1"}) == ["address"]


def test_where_hosts_have_loopback_addresses_only_the_hosts_own_one_will_do() -> None:
    options = Options("h1", "127.0.0.11")
    expected = {"web-80/h1:c1:80": "127.0.0.11:1"}
    assert keys(options, ports={"80/tcp": [("127.0.0.11", "1")]}) == expected
    assert (
        keys(options, env={"SERVICE_IP": "127.0.0.11"}, ports={"80/tcp": [("", "1")]}) == expected
    )
    for ip in ("127.0.0.1", "127.0.0.12"):
        for how in ({"ports": {"80/tcp": [(ip, "1")]}}, {"env": {"SERVICE_IP": ip}}):
            answer = wanted(options, **how)
            assert [one.reason for one in answer.refusals] == ["address"]
            assert answer.registrations == ()


def test_variables_are_beaten_by_labels_and_general_by_particular() -> None:
    env = {"SERVICE_NAME": "env", "SERVICE_80_NAME": "port", "OTHER": "x", "SERVICE_A": "1"}
    labels = {"SERVICE_NAME": "label", "SERVICE_A": "2", "SERVICE_B": "3", "other": "y"}
    ports = {"80/tcp": [("", "1")], "81/tcp": [("", "2")]}
    one, two = found(env=env, labels=labels, ports=ports)
    assert (one.service, two.service) == ("port", "label")
    assert one.attributes == two.attributes == {"a": "2", "b": "3"}


def test_what_only_agents_need_is_no_attribute() -> None:
    env = {
        "SERVICE_NAME": "x",
        "SERVICE_REGISTER": "start",
        "SERVICE_INTERNAL": "false",
        "SERVICE_DRAIN": "5s",
        "SERVICE_CHECK_TCP": "true",
        "SERVICE_80_VHOST": "example.com",
    }
    (one,) = wanted(env=env).registrations
    assert one.entry.attributes == {"vhost": "example.com"}
    assert one.checks == {"check_tcp": "true"}


def test_what_a_router_understands_gets_there() -> None:
    said = {
        "SERVICE_VHOST": "shop.org",
        "SERVICE_PATH": "/api",
        "SERVICE_CHECK_HTTP": "/health",
        "SERVICE_BALANCE": "leastconn",
        "SERVICE_WEIGHT": "20",
        "SERVICE_BACKUP": "true",
    }
    (one,) = wanted(env=said).registrations
    assert one.checks == {"check_http": "/health"}
    (backend,) = edge(one.entry).backends
    assert (backend.check_path, backend.balance) == ("/health", "leastconn")
    assert [(server.weight, server.is_backup) for server in backend.servers] == [(20, True)]
    assert [(route.host, route.path) for route in edge(one.entry).routes] == [("shop.org", "/api")]
    (one,) = wanted(env={"SERVICE_MODE": "tcp", "SERVICE_LISTEN": "13306"}).registrations
    assert [listener.port for listener in edge(one.entry).listeners] == [13306]


def edge(*entries: ServiceEntry) -> Model:
    """What a router makes of *entries*, as it reads them."""
    keys = {key: value for entry in entries for key, value in keys_of(entry).items()}
    built = build(entries_of(keys))
    assert not built.refusals
    return built.model


def test_tags_are_a_list_with_commas() -> None:
    options = Options("h1", "10.0.0.1", tags=("all",))
    (one,) = found(options, env={"SERVICE_TAGS": "a, b,,c\\,d,a"})
    assert one.tags == ("all", "a", "b", "c,d")


@pytest.mark.parametrize("name", ["SERVICE_IGNORE", "SERVICE_80_IGNORE"])
def test_an_ignored_port_has_no_entry(name: str) -> None:
    assert found(env={name: "false"}) == []
    assert found(env={name: ""}) != []


def test_explicit_mode_wants_a_name() -> None:
    options = Options("h1", "10.0.0.1", is_explicit=True)
    assert found(options) == []
    ports = {"80/tcp": [("", "1")], "81/tcp": [("", "2")]}
    assert keys(options, env={"SERVICE_81_NAME": "x"}, ports=ports) == {
        "x-81/h1:c1:81": "10.0.0.1:2"
    }


@pytest.mark.parametrize(
    ("env", "address"),
    [
        ({"SERVICE_IP": "10.1.1.1"}, "10.1.1.1:32768"),
        ({"SERVICE_IP": "10.1.1.1/24"}, "10.1.1.1:32768"),
        ({"SERVICE_IP": "2001:DB8::0:1"}, "[2001:db8::1]:32768"),
        ({"SERVICE_IP": "::ffff:10.1.1.1"}, "10.1.1.1:32768"),
        ({"SERVICE_INTERNAL": "true"}, "172.17.0.2:80"),
        ({"SERVICE_INTERNAL": "true", "SERVICE_IP": "10.1.1.1"}, "10.1.1.1:80"),
        ({"SERVICE_NETWORK": "back"}, "10.5.0.7:80"),
        ({"SERVICE_NETWORK": "back", "SERVICE_INTERNAL": "no"}, "10.0.0.1:32768"),
    ],
)
def test_a_container_may_say_how_it_is_reached(env: dict[str, str], address: str) -> None:
    networks = {"back": "10.5.0.7", "bridge": "172.17.0.2"}
    assert list(keys(env=env, networks=networks).values()) == [address]


@pytest.mark.parametrize(
    ("is_usual", "address"), [(False, "10.0.0.1:32768"), (True, "172.17.0.2:80")]
)
def test_what_is_neither_yes_nor_no_is_named_and_changes_nothing(
    is_usual: bool, address: str
) -> None:
    options = Options("h1", "10.0.0.1", is_internal=is_usual)
    answer = wanted(options, env={"SERVICE_INTERNAL": "perhaps"})
    assert [one.entry.address for one in answer.registrations] == [address]
    assert [one.reason for one in answer.refusals] == ["internal"]


@pytest.mark.parametrize("text", ["soon", "5", "-5s", "2m"])
def test_a_time_to_drain_that_managers_do_not_take_is_named(text: str) -> None:
    answer = wanted(env={"SERVICE_DRAIN": text})
    assert len(answer.registrations) == 1
    assert [one.reason for one in answer.refusals] == ["drain"]


def test_one_port_cannot_be_drained() -> None:
    assert [one.reason for one in wanted(labels={"SERVICE_80_DRAIN": "5s"}).refusals] == ["drain"]


@pytest.mark.parametrize(
    ("mode", "address"), [("default", "172.17.0.2:80"), ("back", "10.5.0.7:80")]
)
def test_internal_mode_takes_the_network_that_the_container_was_made_in(
    mode: str, address: str
) -> None:
    options = Options("h1", "10.0.0.1", is_internal=True)
    networks = {"aaa": "10.9.0.1", "back": "10.5.0.7", "bridge": "172.17.0.2"}
    ports: dict[str, Any] = {"80/tcp": None}
    answer = keys(options, mode=mode, networks=networks, ports=ports)
    assert answer == {"web-80/h1:c1:80": address}
    again = keys(options, mode=mode, networks={"x": "10.8.0.1"}, ports=ports)
    assert again == {"web-80/h1:c1:80": "10.8.0.1:80"}


def test_a_mode_may_be_a_networks_id() -> None:
    options = Options("h1", "10.0.0.1", is_internal=True)
    networks = {"aaa": "10.9.0.1", "back": "10.5.0.7"}
    assert list(keys(options, mode="backback", networks=networks).values()) == ["10.5.0.7:80"]


def test_a_network_that_is_not_there_is_refused() -> None:
    assert refused(env={"SERVICE_NETWORK": "nope"}) == ["network"]


def test_without_any_network_there_is_nothing_internal() -> None:
    options = Options("h1", "10.0.0.1", is_internal=True)
    assert found(options, mode="none", networks={"none": ""}) == []


def test_on_the_hosts_network_exposed_ports_are_the_hosts() -> None:
    assert keys(mode="host", ports={}, exposed=("80/tcp", "53/udp"), networks={}) == {
        "web-53/h1:c1:53:udp": "10.0.0.1:53",
        "web-80/h1:c1:80": "10.0.0.1:80",
    }


def test_ports_in_another_containers_network_are_that_ones() -> None:
    assert found(mode=f"container:{'d' * 64}", networks={}) == []


@pytest.mark.parametrize(
    "state",
    [{"Running": False}, {"Paused": True}, {"Restarting": True}, {"Health": {"Status": "starting"}},
     {"Health": {"Status": "unhealthy"}}],
)  # fmt: skip
def test_what_does_not_serve_is_not_registered(state: dict[str, Any]) -> None:
    assert found(state=state) == []


@pytest.mark.parametrize("status", ["healthy", "none", ""])
def test_what_is_healthy_or_has_no_check_is_registered(status: str) -> None:
    assert len(found(state={"Health": {"Status": status}})) == 1
    assert (
        len(found(state={"Health": {"Status": status}}, env={"SERVICE_REGISTER": "healthy"})) == 1
    )


def test_one_port_may_be_registered_before_the_others() -> None:
    ports = {"80/tcp": [("", "1")], "81/tcp": [("", "2")]}
    state = {"Health": {"Status": "starting"}}
    assert [
        one.port for one in found(ports=ports, state=state, env={"SERVICE_81_REGISTER": "start"})
    ] == [81]


def test_an_unknown_moment_is_named_and_the_usual_one_taken() -> None:
    answer = wanted(env={"SERVICE_REGISTER": "later"}, state={"Health": {"Status": "healthy"}})
    assert [one.reason for one in answer.refusals] == ["register"]
    assert len(answer.registrations) == 1


@pytest.mark.parametrize(
    "name",
    ["../etc", "a/b", "a b", "a:b", "a\nb", 'a"b', "{{a}}", "{%a%}", "-a", ".a", "ä", "a" * 129,
     "x" * 1_000_000],
)  # fmt: skip
def test_a_name_that_no_key_can_carry_is_refused(name: str) -> None:
    assert refused(env={"SERVICE_NAME": name}) == ["name"]
    assert len(wanted(env={"SERVICE_NAME": name}).refusals[0].text) < 200


def test_an_attribute_that_cannot_be_used_is_left_out_and_named() -> None:
    env = {
        "SERVICE_GOOD": 'quotes " and {{ braces }} are only text',
        "SERVICE_LINE": "a\nb",
        "SERVICE_SEPARATOR": "a\u2028b",
        "SERVICE_LONG": "x" * 4097,
        "SERVICE_BAD KEY": "x",
        "SERVICE_": "x",
    }
    answer = wanted(env=env)
    (one,) = answer.registrations
    assert one.entry.attributes == {"good": env["SERVICE_GOOD"]}
    assert sorted(one.reason for one in answer.refusals) == [
        "key",
        "key",
        "value",
        "value",
        "value",
    ]


def test_tags_that_cannot_be_used_are_left_out_and_named() -> None:
    answer = wanted(env={"SERVICE_TAGS": ",".join(["a\nb", "x" * 129, *map(str, range(70))])})
    (one,) = answer.registrations
    assert one.entry.tags == tuple(map(str, range(64)))
    assert [one.reason for one in answer.refusals] == ["tag"] * 3


def test_an_id_of_its_own_is_an_attribute_as_the_key_tells_whose_it_is() -> None:
    (one,) = found(env={"SERVICE_ID": "mine"})
    assert one.attributes == {"id": "mine"}
    assert one.id.startswith("h1:")


def test_all_attributes_together_have_a_limit() -> None:
    answer = wanted(env={f"SERVICE_K{number}": "x" * 4000 for number in range(10)})
    (one,) = answer.registrations
    assert sorted(one.entry.attributes) == [f"k{number}" for number in range(8)]
    assert [one.reason for one in answer.refusals] == ["size"] * 2


def test_one_container_has_so_many_entries_at_most() -> None:
    ports = {f"{number}/udp": [("", str(number))] for number in range(10_000, 10_300)}
    answer = wanted(ports=ports)
    assert len(answer.registrations) == MAX_ENTRIES
    assert [one.reason for one in answer.refusals] == ["ports"]


def test_other_protocols_are_refused() -> None:
    assert refused(ports={"80/sctp": [("", "1")]}) == ["protocol"]


KEYS = st.one_of(
    st.sampled_from(
        [
            "NAME",
            "80_NAME",
            "IP",
            "TAGS",
            "INTERNAL",
            "NETWORK",
            "REGISTER",
            "IGNORE",
            "80_X",
            "CHECK_HTTP",
            "DRAIN",
            "80_DRAIN",
        ]
    ),
    st.text(),
)
VALUES = st.one_of(
    st.text(),
    st.sampled_from(
        [
            "true",
            "start",
            "10.0.0.1",
            "0.0.0.0",
            "::ffff:10.0.0.1",
            "fe80::1%\nx",
            "bridge",
            "\ud800",
            "x" * 5000,
            "a\\,b,",
        ]
    ),
)


@given(st.dictionaries(KEYS, VALUES), st.booleans())
def test_whatever_a_container_says_an_entry_can_be_read_back(
    said: dict[str, str], internal: bool
) -> None:
    options = Options("h1", "10.0.0.1", is_internal=internal)
    labels = {f"SERVICE_{key}": value for key, value in said.items()}
    answer = wanted_of(container(labels=labels), options)
    for one in answer.registrations:
        assert entries_of(keys_of(one.entry)) == [one.entry]
    assert all(one.text.isprintable() and len(one.text) < 500 for one in answer.refusals)
