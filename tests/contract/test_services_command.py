"""``swarm services`` against a real Consul."""

import json

import pytest
from discovery_consul_server import ConsulServer

from services.entry import ServiceEntry, keys_of
from swarm.main import main

pytestmark = pytest.mark.contract

ENTRIES = [
    ServiceEntry("api", "host1", "api-1", 8080, "10.0.0.1", 32768, tags=("v1", "blue")),
    ServiceEntry("dns", "host2", "resolver", 53, "10.0.0.2", 53, "udp", attributes={"a": "b"}),
]


@pytest.fixture
def services(consul: ConsulServer) -> str:
    written = [pair for entry in ENTRIES for pair in keys_of(entry).items()]
    for key, value in [*written, ("foreign", b"x"), ("web-80/odd", b"not an address")]:
        consul.call("PUT", f"/kv/services/{key}", value.decode())
    return consul.uri.replace("/swarm", "/services")


def test_the_table_shows_what_agents_wrote_and_nothing_else(
    services: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["services", services], {}) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines == [
        ["SERVICE", "HOST", "CONTAINER", "ADDRESS", "TAGS"],
        ["api-8080", "host1", "api-1", "10.0.0.1:32768", "v1,blue"],
        ["dns-53", "host2", "resolver", "10.0.0.2:53/udp"],
    ]


def test_json_has_all_that_is_known(services: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["services", "--json"], {"SWARM_SERVICES": services}) == 0
    shown = json.loads(capsys.readouterr().out)
    assert [row["service"] for row in shown] == ["api-8080", "dns-53"]
    assert shown[1]["attributes"] == {"a": "b"}


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        pytest.param((), "the services' place in Consul required", id="nothing"),
        pytest.param(("nodes://a:1",), "services are kept in Consul", id="no-consul"),
        pytest.param(("consul://127.0.0.1:1/s",), "Consul at 127.0.0.1:1", id="nobody-there"),
    ],
)
def test_without_a_consul_it_says_so(
    arguments: tuple[str, ...], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["services", *arguments], {}) == 1
    assert complaint in capsys.readouterr().err
