"""From the running HAProxy's servers to those of a model."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.rules.haproxy_plan import (
    SERVER_OPTIONS,
    Running,
    Step,
    is_in_force,
    running_servers,
    steps,
)
from router.rules.model import Backend, Model, Server

HEAD = "# pxname,svname,status,weight,bck,type,addr,uweight"


def model(*servers: Server) -> Model:
    return Model((Backend("web-80", servers=servers),))


def running(address: str = "10.0.0.1:1", weight: int = 1, **more: bool) -> Running:
    return Running(address, weight, more.get("is_backup", False), is_out=more.get("is_out", False))


def test_haproxy_s_table_is_read() -> None:
    stat = (
        f"{HEAD}\nweb-80,a,UP,3,0,2,10.0.0.1:1,3\nweb-80,b,MAINT,1,1,2,[::1]:2,1\n"
        "web-80,BACKEND,UP,3,1,1,,3\n\n"
    )
    assert running_servers(stat) == {
        ("web-80", "a"): running("10.0.0.1:1", 3),
        ("web-80", "b"): running("[::1]:2", is_backup=True, is_out=True),
    }


@pytest.mark.parametrize(
    ("ours", "shown"),
    [
        ("[::ffff:a00:1]:80", "[::ffff:10.0.0.1]:80"),
        ("[::a00:1]:80", "[::10.0.0.1]:80"),
        ("[2001:db8:0:0:1::1]:80", "[2001:db8::1:0:0:1]:80"),
    ],
)
def test_one_address_in_two_spellings_is_no_difference(ours: str, shown: str) -> None:
    servers = running_servers(f"{HEAD}\nweb-80,a,UP,1,0,2,{shown},1\n")
    assert is_in_force(model(Server("a", ours)), servers)
    assert steps(model(Server("a", ours)), servers) == []


def test_another_program_s_answer_is_no_table() -> None:
    with pytest.raises(ValueError, match="lacks"):
        running_servers("# pxname,type\nweb-80,2\n")


def test_nothing_is_done_where_nothing_differs() -> None:
    servers = {("web-80", "a"): running()}
    assert steps(model(Server("a", "10.0.0.1:1")), servers) == []
    assert is_in_force(model(Server("a", "10.0.0.1:1")), servers)


def test_a_new_server_is_added_with_its_check_and_let_in() -> None:
    found = steps(model(Server("a", "10.0.0.1:1", 5, is_backup=True)), {})
    assert found is not None
    assert [step.command for step in found] == [
        f"add server web-80/a 10.0.0.1:1 {SERVER_OPTIONS} weight 5 backup",
        "enable health web-80/a",
        "enable server web-80/a",
    ]


def test_new_servers_come_in_before_old_ones_go() -> None:
    found = steps(model(Server("b", "10.0.0.2:1")), {("web-80", "a"): running()})
    assert found is not None
    assert [step.command for step in found][-2:] == [
        "set server web-80/a state maint",
        "del server web-80/a",
    ]


@pytest.mark.parametrize(
    ("wanted", "command"),
    [
        (Server("a", "10.0.0.9:7"), "set server web-80/a addr 10.0.0.9 port 7"),
        (Server("a", "[::1]:7"), "set server web-80/a addr ::1 port 7"),
        (Server("a", "10.0.0.1:1", 9), "set server web-80/a weight 9"),
    ],
)
def test_a_server_that_moved_is_changed_in_place(wanted: Server, command: str) -> None:
    found = steps(model(wanted), {("web-80", "a"): running()})
    assert found is not None
    assert [step.command for step in found] == [command]


def test_a_server_on_its_way_out_can_come_back() -> None:
    servers = {("web-80", "a"): running(is_out=True)}
    assert not is_in_force(model(Server("a", "10.0.0.1:1")), servers)
    assert steps(model(Server("a", "10.0.0.1:1")), servers) == [
        Step("set server web-80/a state ready")
    ]


def test_a_busy_server_on_its_way_out_does_not_count() -> None:
    servers = {("web-80", "a"): running(is_out=True)}
    assert is_in_force(model(), servers)
    (step,) = steps(model(), servers) or []
    assert "Server still has connections attached".startswith(step.good)


def test_a_backup_becomes_a_first_choice_by_a_reload_only() -> None:
    assert (
        steps(model(Server("a", "10.0.0.1:1", is_backup=True)), {("web-80", "a"): running()})
        is None
    )


SERVERS = st.dictionaries(
    st.sampled_from("abcd"),
    st.tuples(st.sampled_from(["10.0.0.1:1", "10.0.0.2:2"]), st.integers(1, 3)),
)


@given(SERVERS, SERVERS, st.sets(st.sampled_from("abcd")))
def test_the_steps_lead_where_they_should(
    wanted: dict[str, tuple[str, int]], there: dict[str, tuple[str, int]], out: set[str]
) -> None:
    goal = model(*(Server(name, *wanted[name]) for name in sorted(wanted)))
    servers = {
        ("web-80", name): running(*facts, is_out=name in out) for name, facts in there.items()
    }
    for step in steps(goal, servers) or []:
        _play(step.command, servers)
    assert is_in_force(goal, servers)


def _play(command: str, servers: dict[tuple[str, str], Running]) -> None:
    """Do what HAProxy does."""
    verb, _, rest = command.partition(" server web-80/")
    name, _, rest = rest.partition(" ")
    key = ("web-80", name)
    if verb == "add":
        facts = re.fullmatch(r"(\S+) .* weight (\d+)", rest)
        assert facts is not None
        servers[key] = running(facts[1], int(facts[2]), is_out=True)
    elif verb == "enable":
        servers[key] = running(servers[key].address, servers[key].weight)
    elif verb == "del":
        assert servers.pop(key).is_out
    elif verb == "set":
        old = servers[key]
        moved = re.fullmatch(r"addr (\S+) port (\d+)", rest)
        address = f"{moved[1]}:{moved[2]}" if moved else old.address
        weight = int(rest.split()[1]) if rest.startswith("weight") else old.weight
        is_out = {"state maint": True, "state ready": False}.get(rest, old.is_out)
        servers[key] = running(address, weight, is_out=is_out)
