"""Which engine, and which address."""

import socket

import pytest

from agent import places
from agent.places import EnginePlace, NoAddressError, engine_place, host_ip
from common.tls import TlsFiles


@pytest.mark.parametrize(
    ("given", "environ", "address"),
    [
        ("", {}, "unix:///var/run/docker.sock"),
        ("", {"DOCKER_HOST": "tcp://10.0.0.1:2375"}, "10.0.0.1:2375"),
        ("tcp://10.0.0.2:2375", {"DOCKER_HOST": "tcp://10.0.0.1:2375"}, "10.0.0.2:2375"),
        ("10.0.0.2:2375", {}, "10.0.0.2:2375"),
        ("tcp://10.0.0.2", {}, "10.0.0.2:2375"),
        ("tcp://10.0.0.2/", {}, "10.0.0.2:2375"),
        ("tcp://[2001:db8::1]", {}, "[2001:db8::1]:2375"),
        ("tcp://[2001:db8::1]:99", {}, "[2001:db8::1]:99"),
        ("unix:///run/x.sock", {"DOCKER_TLS_VERIFY": "1"}, "unix:///run/x.sock"),
    ],
)
def test_the_engine_is_found_as_docker_finds_it(
    given: str, environ: dict[str, str], address: str
) -> None:
    assert engine_place(given, environ) == EnginePlace(address)


def test_tls_is_asked_for_as_of_docker() -> None:
    environ = {"DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": "/certs"}
    files = TlsFiles("/certs/cert.pem", "/certs/key.pem", "/certs/ca.pem", verify=True)
    assert engine_place("tcp://h", environ) == EnginePlace("h:2376", files)
    assert engine_place("tcp://h", {**environ, "DOCKER_TLS_VERIFY": ""}) == EnginePlace("h:2375")


@pytest.mark.parametrize("given", ["ssh://h", "tcp://", "tcp://:2375", "tcp://h:0", "unix://x"])
def test_what_is_no_engine_is_refused(given: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        engine_place(given, {})


async def found(
    monkeypatch: pytest.MonkeyPatch,
    sources: dict[str, str],
    *,
    given: str = "",
    advertised: str = "",
    engine: str = "unix:///var/run/docker.sock",
    consul: str = "10.0.0.9",
) -> str:
    """The address, on a machine that speaks from *sources* (by target)."""

    def source(target: str, _port: int, _family: socket.AddressFamily) -> str:
        return sources.get(target, "")

    monkeypatch.setattr(places, "_source", source)
    return await host_ip(given=given, advertised=advertised, engine=engine, consul=(consul, 8500))


async def test_the_address_is_the_first_that_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    sources = {"10.0.0.9": "10.0.0.4", "192.0.2.1": "10.0.0.5"}
    everything = {"given": "10.0.0.1", "advertised": "10.0.0.2:2375", "engine": "10.0.0.3:2375"}
    expected = []
    for name in ("given", "advertised", "engine"):
        expected.append(await found(monkeypatch, sources, **everything))
        del everything[name]
    expected.append(await found(monkeypatch, sources))
    assert expected == ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"]


async def test_a_consul_on_this_machine_tells_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = {"192.0.2.1": "10.0.0.5"}
    assert (
        await found(monkeypatch, {"127.0.0.1": "127.0.0.1", **elsewhere}, consul="127.0.0.1")
        == "10.0.0.5"
    )
    assert await found(monkeypatch, {"10.0.0.9": "10.0.0.9", **elsewhere}) == "10.0.0.5"


async def test_an_engine_on_this_machine_tells_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert await found(monkeypatch, {"10.0.0.9": "10.0.0.4"}, engine="127.0.0.1:2375") == "10.0.0.4"


async def test_without_any_way_an_address_has_to_be_given(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NoAddressError, match="--ip"):
        await found(monkeypatch, {})
