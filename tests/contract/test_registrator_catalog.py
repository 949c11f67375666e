"""The registrator and Consul's service catalog."""

import asyncio
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from discovery_consul_server import ConsulServer
from registrator_tools import IP, add, container_id, end, entries, registering, tell, until

from agent import reader as reader_module
from tests.fakes.engine import Call, FakeEngine

pytestmark = pytest.mark.contract

ID = "dockerhost01:web-1:80"


@pytest.fixture
async def engine() -> AsyncIterator[FakeEngine]:
    """An engine with one container that has a tag, an attribute and a check."""
    one = FakeEngine()
    await one.start()
    labels = {"SERVICE_TAGS": "blue", "SERVICE_VHOST": "x", "SERVICE_CHECK_TCP": "true"}
    add(one, 1, "web-1", labels=labels)
    yield one
    await one.stop()


def services(consul: ConsulServer) -> dict[str, dict[str, Any]]:
    """The agent's services, by ID."""
    found: dict[str, dict[str, Any]] = consul.call("GET", "/agent/services").json()
    return found


def passing(consul: ConsulServer, service: str) -> dict[str, str]:
    """A service's checks and their states."""
    checks = consul.call("GET", "/agent/checks").json()
    return {key: one["Status"] for key, one in checks.items() if one["ServiceID"] == service}


async def test_a_published_port_is_a_service_with_its_checks(
    consul: ConsulServer, engine: FakeEngine
) -> None:
    async with registering(consul, engine, backend="catalog", leaves=True):
        await until(lambda: ID in services(consul))
        service = services(consul)[ID]
        assert (service["Service"], service["Address"], service["Port"]) == ("web-80", IP, 32001)
        assert (service["Tags"], service["Meta"]["vhost"]) == (["blue"], "x")
        checks = passing(consul, ID)
        assert checks[f"{ID}:alive"] == "passing"
        assert f"{ID}:own" in checks
        assert entries(consul) == {}
        await end(engine, container_id(1))
        await until(lambda: ID not in services(consul))


async def test_both_places_are_kept(consul: ConsulServer, engine: FakeEngine) -> None:
    async with registering(consul, engine, backend="both", leaves=True):
        await until(lambda: ID in services(consul) and f"web-80/{ID}" in entries(consul))
        await tell(engine, "kill", container_id(1), signal="15")
        await until(lambda: ID not in services(consul) and not entries(consul))


async def test_what_consul_does_not_take_is_named_and_spares_the_neighbours(
    consul: ConsulServer, engine: FakeEngine, caplog: pytest.LogCaptureFixture
) -> None:
    odd = {
        "SERVICE_NAME": "a",  # first in the order of things
        "SERVICE_CHECK_HTTP": "health",
        "SERVICE_CHECK_INTERVAL": "often",
        "SERVICE_NOTE": "x" * 600,
        "SERVICE_consul-version": "1",
    }
    add(engine, 2, "odd", labels=odd)
    async with registering(consul, engine, backend="catalog", leaves=True) as figures:
        await until(lambda: set(services(consul)) == {ID, "dockerhost01:odd:80"})
        assert figures.refused == {"check": 2, "meta": 2}
    assert sum(record.getMessage().startswith("Container odd:") for record in caplog.records) == 4


async def test_without_the_catalog_nobody_asks_for_its_checks(
    consul: ConsulServer, engine: FakeEngine
) -> None:
    add(engine, 2, "odd", labels={"SERVICE_CHECK_TTL": "soon", "SERVICE_NOTE": "x" * 600})
    async with registering(consul, engine) as figures:
        await until(lambda: "web-80/dockerhost01:odd:80" in entries(consul))
        assert figures.refused == {}


async def test_what_is_as_it_should_be_is_not_registered_again(
    consul: ConsulServer, engine: FakeEngine
) -> None:
    async with registering(consul, engine, backend="catalog"):
        await until(lambda: ID in services(consul))
    try:
        consul.call("PUT", f"/agent/check/fail/{ID}:alive")
        async with registering(consul, engine, backend="catalog", resync_s=0.05) as figures:
            await until(lambda: figures.reconciles["catalog"] >= 3)
            # Registering anew would have made the check pass.
            assert figures.writes["catalog"] == 0
            assert passing(consul, ID)[f"{ID}:alive"] == "critical"
    finally:
        consul.call("PUT", f"/agent/service/deregister/{ID}")


async def test_what_cannot_be_read_stays_and_its_check_is_passed(
    consul: ConsulServer, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader_module, "_TIMEOUT_S", 0.2)
    async with registering(consul, engine, backend="catalog"):
        await until(lambda: ID in services(consul))

    async def hang(call: Call) -> None:
        await call.reader.read()

    engine.on(f"GET /containers/{container_id(1)}/json", hang)
    consul.call("PUT", f"/agent/check/fail/{ID}:alive")
    async with registering(consul, engine, backend="catalog", leaves=True) as figures:
        await until(lambda: figures.reconciles["catalog"] > 0)
        assert (figures.unread, figures.writes["catalog"]) == (1, 0)
        await until(lambda: passing(consul, ID)[f"{ID}:alive"] == "passing", timeout_s=10)
    assert ID not in services(consul)


async def test_leftovers_of_this_host_go_and_nobody_elses(
    consul: ConsulServer, engine: FakeEngine
) -> None:
    for name, meta in (
        ("old", {"swarm-host": "dockerhost01"}),
        ("other", {"swarm-host": "b"}),
        ("namesake", {"swarm-host": "dockerhost01", "swarm-engine": "another one"}),
        ("plain", {}),
    ):
        consul.call("PUT", "/agent/service/register", {"ID": name, "Name": name, "Meta": meta})
    async with registering(consul, engine, backend="catalog", leaves=True):
        await until(lambda: set(services(consul)) == {ID, "other", "namesake", "plain"})
    assert set(services(consul)) == {"other", "namesake", "plain"}


async def test_a_service_that_another_engine_of_this_name_has_stays_its_own(
    consul: ConsulServer, engine: FakeEngine
) -> None:
    meta = {"swarm-host": "dockerhost01", "swarm-engine": "another one"}
    body = {"ID": ID, "Name": "theirs", "Meta": meta}
    consul.call("PUT", "/agent/service/register", body)
    async with registering(consul, engine, backend="catalog", leaves=True) as figures:
        await until(lambda: figures.consul_up.get("catalog") is False)
        await asyncio.sleep(1)
        assert services(consul)[ID]["Service"] == "theirs"
        consul.call("PUT", f"/agent/service/deregister/{ID}")
        await until(lambda: ID in services(consul), timeout_s=15)
        assert services(consul)[ID]["Service"] == "web-80"
        await until(lambda: figures.consul_up["catalog"])


async def test_services_that_consul_has_lost_are_registered_again(
    consul: ConsulServer, engine: FakeEngine
) -> None:
    async with registering(consul, engine, backend="catalog", leaves=True):
        await until(lambda: ID in services(consul))
        consul.call("PUT", f"/agent/service/deregister/{ID}")
        # Found at the next beat, a third of the TTL later.
        await until(lambda: ID in services(consul), timeout_s=15)


async def test_a_restart_of_consul_is_survived(tmp_path: Path, engine: FakeEngine) -> None:
    server = ConsulServer(tmp_path / "consul")
    server.start()
    try:
        async with registering(server, engine, backend="catalog"):
            await until(lambda: ID in services(server))
            server.stop(signal.SIGTERM)
            two = add(engine, 2, "web-2")
            await tell(engine, "start", two)
            server.start()
            await until(lambda: "dockerhost01:web-2:80" in services(server), timeout_s=20)
    finally:
        server.stop()
