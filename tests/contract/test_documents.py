"""What the operating guide tells people to copy works: Consul's policies."""

import asyncio
import os
import sys
from collections.abc import Iterator
from typing import NamedTuple

import pytest
from discovery_consul_server import ConsulServer
from registrator_tools import add, container_id, registering, tell, until

from discovery.base import Address
from discovery.consul_http import ConsulHTTP
from discovery.errors import DiscoveryUnavailableError
from discovery.opening import open_discovery
from discovery.uri import ConsulTarget
from lab.http import call
from services.marks import DrainMarks
from tests.fakes.engine import FakeEngine
from tests.guide import GUIDE, block

pytestmark = pytest.mark.contract

ROOT = "5d1c1c4e-2c1a-4a53-8c58-0f3b6f0d7a11"
ENGINE = Address.parse("127.0.0.11:2375")


class Guarded(NamedTuple):
    """A Consul that refuses whoever has no right, and a token for each of the guide's policies."""

    server: ConsulServer
    tokens: dict[str, str]

    def target(self, who: str, prefix: str) -> ConsulTarget:
        port = self.server.ports["http"]
        return ConsulTarget("127.0.0.1", port, prefix, "", token=self.tokens[who])


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    acl = {"enabled": True, "default_policy": "deny", "tokens": {"master": ROOT}}
    server = ConsulServer(tmp_path_factory.mktemp("consul"), acl=acl)
    server.headers = {"X-Consul-Token": ROOT}
    server.start()
    tokens = {}
    for who in ("agent", "manager", "router", "catalog"):
        rules = block(f"policy: {who}")
        assert server.call("PUT", "/acl/policy", {"Name": who, "Rules": rules}).is_success
        # The catalog's is one more for an agent.
        policies = [{"Name": name} for name in {"catalog": ("agent", "catalog")}.get(who, (who,))]
        token = server.call("PUT", "/acl/token", {"Policies": policies})
        tokens[who] = token.json()["SecretID"]
    yield Guarded(server, tokens)
    server.stop()


async def test_an_agent_may_join_and_register(guarded: Guarded) -> None:
    options = {"kv.token": guarded.tokens["agent"]}
    joining = open_discovery(guarded.server.uri, options)
    engine = FakeEngine()
    await engine.start()
    add(engine, 1, "web-1", env={"SERVICE_TAGS": "blue"})
    services = guarded.target("agent", "services")
    try:
        await joining.register(ENGINE, 20)
        async with registering(guarded.server, engine, consul=services):
            keys = guarded.server.keys
            await until(lambda: "services/web-80/dockerhost01:web-1:80" in keys())
        await joining.deregister(ENGINE)
    finally:
        await joining.aclose()
        await engine.stop()
    left = guarded.server.keys()
    assert not [key for key in left if key.startswith("swarm/")]


async def test_an_agent_may_fill_the_catalog_with_one_right_more(
    guarded: Guarded, caplog: pytest.LogCaptureFixture
) -> None:
    engine = FakeEngine()
    await engine.start()
    web = add(engine, 1, "web-1", labels={"SERVICE_CHECK_TCP": "true"})
    services = guarded.target("catalog", "services")

    def registered() -> bool:
        return "dockerhost01:web-1:80" in guarded.server.call("GET", "/agent/services").json()

    try:
        how = {"consul": services, "backend": "both", "leaves": True}
        async with registering(guarded.server, engine, **how) as figures:
            await until(lambda: registered() and figures.consul_up["catalog"])
            await tell(engine, "kill", web, signal="15")
            await until(lambda: not registered())
            assert guarded.server.call("GET", "/agent/checks").json() == {}
        alone = {**how, "consul": guarded.target("agent", "services")}
        async with registering(guarded.server, engine, **alone) as figures:
            await until(lambda: "permission denied" in caplog.text)
            assert not figures.consul_up["catalog"]
    finally:
        await engine.stop()


async def test_an_agent_reads_marks_and_writes_none(guarded: Guarded) -> None:
    mark = f"services/.drain/{container_id(1)}"
    assert guarded.server.call("PUT", f"/kv/{mark}", "x").is_success
    http = ConsulHTTP(guarded.target("agent", "services"))
    try:
        assert [one.key for one in (await http.listing("services/.drain/")).entries] == [mark]
        session = await http.create_session("allowed", ttl_s=20)
        with pytest.raises(DiscoveryUnavailableError, match="permission denied"):
            await http.acquire(mark, "x", flags=0, session=session)
        await http.destroy_session(session)
    finally:
        await http.aclose()
        guarded.server.call("DELETE", f"/kv/{mark}")


@pytest.mark.parametrize(("node", "is_allowed"), [("test", True), ("another", False)])
async def test_the_right_to_sessions_may_be_of_one_node(
    guarded: Guarded, node: str, is_allowed: bool
) -> None:
    name = f"session-{node}"
    rules = {"Name": name, "Rules": f'session "{node}" {{ policy = "write" }}'}
    assert guarded.server.call("PUT", "/acl/policy", rules).is_success
    token = guarded.server.call("PUT", "/acl/token", {"Policies": [{"Name": name}]}).json()
    target = ConsulTarget(
        "127.0.0.1", guarded.server.ports["http"], "services", "", token=token["SecretID"]
    )
    http = ConsulHTTP(target)
    try:
        if is_allowed:
            await http.destroy_session(await http.create_session("x", ttl_s=20))
        else:
            with pytest.raises(DiscoveryUnavailableError, match="permission denied"):
                await http.create_session("x", ttl_s=20)
    finally:
        await http.aclose()


async def test_a_manager_may_see_engines_and_drain(guarded: Guarded) -> None:
    key = f"swarm/docker/swarm/nodes/{ENGINE}"
    assert guarded.server.call("PUT", f"/kv/{key}", str(ENGINE)).is_success
    discovery = open_discovery(guarded.server.uri, {"kv.token": guarded.tokens["manager"]})
    watch = discovery.watch()
    marks = DrainMarks(ConsulHTTP(guarded.target("manager", "services")), "services")
    try:
        assert await anext(watch) == {ENGINE}
        async with marks.drained(container_id(1), 0.1):
            assert guarded.server.key(f"services/.drain/{container_id(1)}")["Session"]
    finally:
        await watch.aclose()
        await discovery.aclose()
        await marks.aclose()


async def test_a_manager_without_a_discovery_in_consul_drains_with_its_token(
    guarded: Guarded, unused_tcp_port: int
) -> None:
    """The token comes from the environment, as it may for every other program."""
    engine = FakeEngine()
    await engine.start()
    web = add(engine, 1, "web", env={"SERVICE_DRAIN": "3s"})
    port = guarded.server.ports["http"]
    place = f"127.0.0.1:{unused_tcp_port}"
    manager = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "swarm", "manage", "-H", f"tcp://{place}"),
        *("--services", f"consul://127.0.0.1:{port}/services", f"nodes://{engine.address}"),
        env={**os.environ, "CONSUL_HTTP_TOKEN": guarded.tokens["manager"]},
        cwd=GUIDE.parents[1],
    )
    try:
        await until(lambda: is_listed(place, web), "the container", timeout_s=30)
        stop = asyncio.create_task(
            asyncio.to_thread(call, "POST", place, "/containers/web/stop", timeout_s=20)
        )
        mark = f"services/.drain/{web}"
        await until(lambda: mark in guarded.server.keys(), "the mark")  # noqa: SIM118
        assert (await stop).status == 204
    finally:
        manager.terminate()
        await manager.wait()
        await engine.stop()


def is_listed(manager: str, container: str) -> bool:
    try:
        return container.encode() in call("GET", manager, "/containers/json").body
    except OSError:
        return False


async def test_a_router_may_read_services_and_nothing_else(guarded: Guarded) -> None:
    assert guarded.server.call("PUT", "/kv/services/web-80/h:c:80", "10.0.0.1:1").is_success
    http = ConsulHTTP(guarded.target("router", "services"))
    try:
        found = await http.listing("services/")
        assert "services/web-80/h:c:80" in {entry.key for entry in found.entries}
        assert (await http.listing("swarm/")).entries == ()
        with pytest.raises(DiscoveryUnavailableError, match="permission denied"):
            await http.create_session("not allowed", ttl_s=20)
    finally:
        await http.aclose()


async def test_a_manager_may_not_write_services(guarded: Guarded) -> None:
    http = ConsulHTTP(guarded.target("manager", "services"))
    try:
        session = await http.create_session("allowed", ttl_s=20)
        with pytest.raises(DiscoveryUnavailableError, match="permission denied"):
            await http.acquire("services/web-80/h:c:80", "x", flags=0, session=session)
        await http.destroy_session(session)
    finally:
        await http.aclose()
