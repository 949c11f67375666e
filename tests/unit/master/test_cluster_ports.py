"""Published ports: shown where they can be reached, and only there."""

import pytest

from master.cluster.containers.ports import at_engine


def binding(ip: str, port: str = "80") -> dict[str, str]:
    """One of inspect's bindings."""
    return {"HostIp": ip, "HostPort": port}


@pytest.mark.parametrize(
    ("ip", "bindings", "shown"),
    [
        pytest.param("10.0.0.5", [("0.0.0.0", "1"), ("::", "2")], [("10.0.0.5", "1")], id="ipv4"),
        pytest.param("fd00::5", [("0.0.0.0", "1"), ("::", "2")], [("fd00::5", "2")], id="ipv6"),
        pytest.param("10.0.0.5", [("", "1"), ("::", "2")], [("10.0.0.5", "1")], id="unspecified"),
        pytest.param("10.0.0.5", [("::", "2")], [("10.0.0.5", "2")], id="no-twin"),
        pytest.param(
            "10.0.0.5", [("127.0.0.1", "1"), ("::", "2")], [("127.0.0.1", "1"), ("10.0.0.5", "2")],
            id="one-interface-is-no-twin",
        ),
        pytest.param(
            "10.0.0.5", [("0.0.0.0", "1"), ("0.0.0.0", "2"), ("::", "1"), ("::", "2")],
            [("10.0.0.5", "1"), ("10.0.0.5", "2")], id="several",
        ),
        pytest.param("", [("0.0.0.0", "1"), ("::", "2")], [("0.0.0.0", "1"), ("::", "2")], id="no"),
    ],
)  # fmt: skip
def test_only_the_twin_that_can_be_reached_is_shown(
    ip: str, bindings: list[tuple[str, str]], shown: list[tuple[str, str]]
) -> None:
    told = at_engine([binding(*one) for one in bindings], "HostIp", ip)
    assert told == [binding(*one) for one in shown]


def test_twins_in_a_list_are_of_one_container_port() -> None:
    web = {"PrivatePort": 80, "Type": "tcp"}
    names = {"PrivatePort": 53, "Type": "udp"}
    exposed = {"PrivatePort": 443, "Type": "tcp"}
    ports = [
        {"IP": "0.0.0.0", "PublicPort": 32774, **web},
        {"IP": "::", "PublicPort": 32773, **web},
        {"IP": "::", "PublicPort": 53, **names},
        exposed,
    ]
    assert at_engine(ports, "IP", "10.0.0.5") == [
        {"IP": "10.0.0.5", "PublicPort": 32774, **web},
        {"IP": "10.0.0.5", "PublicPort": 53, **names},
        exposed,
    ]


@pytest.mark.parametrize("odd", [None, "text", 7, {}, {"HostIp": None}])
def test_what_is_no_binding_is_left_alone(odd: object) -> None:
    assert at_engine([odd], "HostIp", "10.0.0.5") == [odd]
