"""The Consul discovery against a real Consul server."""

import asyncio
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from discovery_consul_server import ConsulServer, consul_program

from agent.join import JoinTimes, join
from discovery.base import Address, Discovery
from discovery.errors import DiscoveryUnavailableError
from discovery.opening import open_discovery

pytestmark = pytest.mark.contract

A, B = Address.parse("127.0.0.11:2375"), Address.parse("127.0.0.12:2375")
FOLDER = "swarm/docker/swarm/nodes"
KEY = f"{FOLDER}/{A}"
TTL_S = 20.0


@asynccontextmanager
async def opened(
    server: ConsulServer, *, grace_s: float = 60, **opts: str
) -> AsyncIterator[Discovery]:
    options = {f"kv.{name}": value for name, value in opts.items()}
    discovery = open_discovery(server.uri, options, grace_s=grace_s)
    try:
        yield discovery
    finally:
        await discovery.aclose()


class Seen:
    """Collects what a watch yields, in a task of its own."""

    def __init__(self, discovery: Discovery) -> None:
        self.sets: list[set[str]] = []
        self._changed = asyncio.Condition()
        self._task = asyncio.create_task(self._collect(discovery))

    async def _collect(self, discovery: Discovery) -> None:
        async for addresses in discovery.watch():
            async with self._changed:
                self.sets.append({str(address) for address in addresses})
                self._changed.notify_all()

    async def until(self, *addresses: object, timeout_s: float = 5) -> float:
        """Wait until the last answer is *addresses*; return how long that took."""
        wanted = {str(address) for address in addresses}
        began = time.monotonic()
        async with asyncio.timeout(timeout_s), self._changed:
            await self._changed.wait_for(lambda: bool(self.sets) and self.sets[-1] == wanted)
        return time.monotonic() - began

    async def stop(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


@asynccontextmanager
async def watching(server: ConsulServer, *, grace_s: float = 60) -> AsyncIterator[Seen]:
    async with opened(server, grace_s=grace_s) as discovery:
        seen = Seen(discovery)
        try:
            yield seen
        finally:
            await seen.stop()


async def test_keys_are_written_as_classic_writes_them(consul: ConsulServer) -> None:
    async with opened(consul) as agent:
        await agent.register(A, 180)
    item = consul.key(KEY)
    assert item["Value"] == "MTI3LjAuMC4xMToyMzc1"
    assert item["Flags"] == 0x2DDCCBC058A50C18
    (session,) = consul.call("GET", f"/session/info/{item['Session']}").json()
    assert (session["TTL"], session["Behavior"], session["LockDelay"]) == ("90.0s", "delete", 0)


async def test_who_registers_is_seen_and_who_leaves_is_gone_at_once(consul: ConsulServer) -> None:
    async with watching(consul) as seen, opened(consul) as agent, opened(consul) as other:
        await seen.until()
        await agent.register(A, TTL_S)
        await seen.until(A)
        await other.register(B, TTL_S)
        await seen.until(A, B)
        await agent.deregister(A)
        assert await seen.until(B) < 1
        await other.deregister(B)
        assert await seen.until() < 1
    assert consul.keys() == []


async def test_leaving_without_having_joined_touches_nothing(consul: ConsulServer) -> None:
    async with opened(consul) as agent, opened(consul) as other:
        await agent.register(A, TTL_S)
        await other.deregister(A)
    assert consul.keys() == [KEY]


async def test_renewing_wakes_no_watch(consul: ConsulServer) -> None:
    async with opened(consul) as agent:
        await agent.register(A, TTL_S)
        before = consul.key(KEY)
        await agent.register(A, TTL_S)
        assert consul.key(KEY) == before


async def test_an_agent_that_crashed_and_came_back_adopts_its_session(consul: ConsulServer) -> None:
    async with opened(consul) as first:
        await first.register(A, TTL_S)
    before = consul.key(KEY)
    async with opened(consul) as second:
        await second.register(A, TTL_S)
        assert consul.key(KEY) == before
        await second.deregister(A)
    assert consul.keys() == []


async def test_a_classic_agent_s_session_is_adopted(consul: ConsulServer) -> None:
    body = {"TTL": "1m30s", "Behavior": "delete", "LockDelay": "1ms"}
    session = consul.call("PUT", "/session/create", body).json()["ID"]
    consul.call("PUT", f"/kv/{KEY}?acquire={session}", str(A))
    async with opened(consul) as agent:
        await agent.register(A, 180)
    assert consul.key(KEY)["Session"] == session


async def test_another_ttl_takes_the_key_over_without_a_gap(consul: ConsulServer) -> None:
    async with watching(consul) as seen, opened(consul) as first, opened(consul) as second:
        await first.register(A, TTL_S)
        await seen.until(A)
        created = consul.key(KEY)["CreateIndex"]
        await second.register(A, 60)
        item = consul.key(KEY)
        assert item["CreateIndex"] == created
        (session,) = consul.call("GET", f"/session/info/{item['Session']}").json()
        assert session["TTL"] == "30.0s"
        assert seen.sets[-1] == {str(A)}


@pytest.mark.parametrize("lost", ["session", "key"])
async def test_what_was_lost_is_written_again_by_the_next_heartbeat(
    consul: ConsulServer, lost: str
) -> None:
    async with opened(consul) as agent:
        await agent.register(A, TTL_S)
        if lost == "session":
            consul.call("PUT", f"/session/destroy/{consul.key(KEY)['Session']}")
        else:
            consul.call("DELETE", f"/kv/{KEY}")
        assert consul.keys() == []
        await agent.register(A, TTL_S)
        assert consul.keys() == [KEY]
        await agent.deregister(A)
        assert consul.keys() == []


async def test_a_key_without_session_is_taken_over(consul: ConsulServer) -> None:
    consul.call("PUT", f"/kv/{KEY}", "stale:1")
    async with opened(consul) as agent:
        await agent.register(A, TTL_S)
        assert consul.key(KEY)["Session"]
        await agent.deregister(A)
    assert consul.keys() == []


async def test_all_forms_of_keys_are_read_and_bad_values_left_out(
    consul: ConsulServer, caplog: pytest.LogCaptureFixture
) -> None:
    consul.call("PUT", f"/kv/{FOLDER}/", "")
    consul.call("PUT", f"/kv/{FOLDER}/{A}", str(A))
    consul.call("PUT", f"/kv/{FOLDER}/bad:1", "no address")
    consul.call("PUT", "/kv/swarm/docker/swarm/leader", "127.0.0.1:4000")
    consul.call("PUT", f"/kv/swarm/{B}", str(B))
    consul.call("PUT", "/kv/swarm/[::1]:5", "[::1]:5")
    consul.call("PUT", "/kv/swarmish/10.0.0.1:1", "10.0.0.1:1")
    async with watching(consul) as seen:
        await seen.until(A, B, "[::1]:5")
    assert "key 'swarm/docker/swarm/nodes/bad:1' is left out" in caplog.text


async def test_a_wiped_prefix_does_not_empty_a_cluster_whose_agents_live(
    consul: ConsulServer,
) -> None:
    times = JoinTimes(heartbeat_s=1, ttl_s=TTL_S)
    async with watching(consul) as seen, opened(consul) as one, opened(consul) as two:
        agents = [
            asyncio.create_task(join(one, A, times)),
            asyncio.create_task(join(two, B, times)),
        ]
        await seen.until(A, B)
        wipe(consul)
        while len(consul.keys()) < 2:  # noqa: ASYNC110 (a server in another process)
            await asyncio.sleep(0.05)
        await asyncio.sleep(0.3)
        assert all(
            answer == {str(A), str(B)} for answer in seen.sets[seen.sets.index({str(A), str(B)}) :]
        )
        for agent in agents:
            agent.cancel()
        await asyncio.gather(*agents, return_exceptions=True)


async def test_a_wiped_prefix_counts_when_the_grace_time_ends(consul: ConsulServer) -> None:
    async with watching(consul, grace_s=1) as seen:
        for address in (A, B):
            consul.call("PUT", f"/kv/{FOLDER}/{address}", str(address))
        await seen.until(A, B)
        wipe(consul)
        assert 0.8 < await seen.until() < 3


@pytest.mark.parametrize("loss", ["key", "session"])
async def test_an_address_that_is_lost_is_back_before_the_next_heartbeat(
    consul: ConsulServer, loss: str
) -> None:
    neighbour = f"{KEY}0"  # begins like it
    consul.call("PUT", f"/kv/{neighbour}", f"{A}0")
    async with opened(consul) as one:
        agent = asyncio.create_task(join(one, A, JoinTimes(heartbeat_s=600, ttl_s=1800)))
        while len(consul.keys()) < 2:  # noqa: ASYNC110 (a server in another process)
            await asyncio.sleep(0.05)
        for _ in range(2):
            session = consul.key(KEY)["Session"]
            if loss == "key":
                consul.call("DELETE", f"/kv/{KEY}")
            else:
                consul.call("PUT", f"/session/destroy/{session}")
            async with asyncio.timeout(10):
                while len(consul.keys()) < 2:  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
            assert (consul.key(KEY)["Session"] == session) is (loss == "key")
        agent.cancel()
        await asyncio.gather(agent, return_exceptions=True)
    assert consul.keys() == [neighbour]


async def test_an_agent_that_another_one_replaces_does_not_take_its_key_back(
    consul: ConsulServer,
) -> None:
    times = JoinTimes(heartbeat_s=600, ttl_s=1800)
    async with opened(consul) as old, opened(consul) as new:
        await old.register(A, times.ttl_s)
        waiting = asyncio.create_task(old.until_lost(A))
        await asyncio.sleep(0.5)  # it asks by now
        await new.register(A, 2 * times.ttl_s)
        assert not (await asyncio.wait([waiting], timeout=2.5))[0]
        await new.deregister(A)
        await asyncio.wait_for(waiting, 10)


async def started_agent(consul: ConsulServer) -> asyncio.subprocess.Process:
    command = (sys.executable, "-m", "swarm", "join", "--heartbeat=5s", "--ttl=20s")
    return await asyncio.create_subprocess_exec(
        *command, "--advertise", str(A), consul.uri, stdout=subprocess.PIPE
    )


async def test_a_killed_agent_s_node_leaves_within_its_ttl(consul: ConsulServer) -> None:
    agent = await started_agent(consul)
    async with watching(consul) as seen:
        await seen.until(A, timeout_s=10)
        agent.kill()
        assert 9 < await seen.until(timeout_s=30) < 25
    await agent.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_stopped_agent_leaves_at_once_with_exit_code_0(
    consul: ConsulServer, number: signal.Signals
) -> None:
    agent = await started_agent(consul)
    async with watching(consul) as seen:
        await seen.until(A, timeout_s=10)
        agent.send_signal(number)
        assert await seen.until() < 2
    out, _ = await agent.communicate()
    assert agent.returncode == 0
    assert f"{A} has left {consul.uri}" in out.decode()


async def test_swarm_list_prints_the_cluster(consul: ConsulServer) -> None:
    for address in (B, A):
        consul.call("PUT", f"/kv/{FOLDER}/{address}", str(address))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "swarm", "list", consul.uri), stdout=subprocess.PIPE
    )
    out, _ = await process.communicate()
    assert (process.returncode, out.decode()) == (0, f"{A}\n{B}\n")


async def test_a_restart_of_consul_goes_unnoticed(own: ConsulServer) -> None:
    async with watching(own) as seen, opened(own) as agent, opened(own) as other:
        await agent.register(A, TTL_S)
        await seen.until(A)
        await asyncio.to_thread(own.restart)
        await agent.register(A, TTL_S)
        await other.register(B, TTL_S)
        await seen.until(A, B, timeout_s=30)
        assert set() not in seen.sets[1:]


async def test_a_consul_that_lost_its_data_does_not_empty_the_cluster(
    own: ConsulServer, caplog: pytest.LogCaptureFixture
) -> None:
    async with watching(own) as seen, opened(own) as one, opened(own) as two:
        for agent, address in ((one, A), (two, B)):
            await agent.register(address, TTL_S)
        await seen.until(A, B)
        told = len(seen.sets)
        own.stop()
        await until_logged(caplog, "what is known stays as it is")
        await asyncio.to_thread(own.restart, wiped=True)
        await registered(one, A)
        # The watch has seen the store without B before B comes back.
        await until_logged(caplog, "Consul does not list ")
        await registered(two, B)
        await asyncio.sleep(1)
        await two.deregister(B)
        await seen.until(A, timeout_s=30)
        assert seen.sets[told:] == [{str(A)}]


async def test_while_consul_is_down_registering_fails_in_plain_words(own: ConsulServer) -> None:
    own.stop()
    async with opened(own) as agent:
        with pytest.raises(DiscoveryUnavailableError, match=r"Consul at 127\.0\.0\.1:\d+: "):
            await agent.register(A, TTL_S)


async def test_a_token_opens_a_guarded_consul(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    token = "7a0bd5f6-6d8a-4b4e-9d1f-0a5e9e3c2b11"
    acl = {"enabled": True, "default_policy": "deny", "tokens": {"master": token}}
    server = ConsulServer(tmp_path / "consul", acl=acl)
    server.headers = {"X-Consul-Token": token}
    await asyncio.to_thread(server.start)
    try:
        async with opened(server) as stranger, opened(server, token=token) as agent:
            with pytest.raises(DiscoveryUnavailableError, match="permission denied; is the token"):
                await stranger.register(A, TTL_S)
            await registered(agent, A)
            assert await first(agent) == {A}
            assert await first(stranger) == frozenset()
    finally:
        server.stop()
    assert token not in caplog.text


async def test_tls_checks_consul_s_certificate(tmp_path: Path) -> None:
    for arguments in (("ca", "create"), ("cert", "create", "-server")):
        command = [str(consul_program()), "tls", *arguments]
        process = await asyncio.create_subprocess_exec(
            *command, cwd=tmp_path, stdout=subprocess.DEVNULL
        )
        assert await process.wait() == 0
    ca = str(tmp_path / "consul-agent-ca.pem")
    cert, key = (str(tmp_path / f"dc1-server-consul-0{end}.pem") for end in ("", "-key"))
    server = ConsulServer(
        tmp_path / "consul", ca_file=ca, cert_file=cert, key_file=key, verify_incoming_https=True
    )
    await asyncio.to_thread(server.start)
    https = f"consul://127.0.0.1:{server.ports['https']}/swarm"
    files = {"kv.cacertfile": ca, "kv.certfile": cert, "kv.keyfile": key}
    good, no_ca = open_discovery(https, files), open_discovery(https.replace("consul:", "consuls:"))
    try:
        await registered(good, A)
        assert server.keys() == [KEY]
        with pytest.raises(DiscoveryUnavailableError, match="CERTIFICATE_VERIFY_FAILED"):
            await no_ca.register(B, TTL_S)
    finally:
        await good.aclose()
        await no_ca.aclose()
        server.stop()


def wipe(server: ConsulServer) -> None:
    # With the slash: without it Consul 1.8 notes the deletion where a watch of "swarm/" does not
    # look, and if older deletions stand there, only the end of its wait tells of it.
    server.call("DELETE", "/kv/swarm/?recurse=1")


async def until_logged(caplog: pytest.LogCaptureFixture, words: str) -> None:
    async with asyncio.timeout(30):
        while words not in caplog.text:  # noqa: ASYNC110 (the log tells nobody)
            await asyncio.sleep(0.05)


async def registered(agent: Discovery, address: Address) -> None:
    """Register as soon as the server's own node is known, which sessions need."""
    async with asyncio.timeout(20):
        while True:
            try:
                await agent.register(address, TTL_S)
            except DiscoveryUnavailableError:
                await asyncio.sleep(0.2)
            else:
                return


async def first(discovery: Discovery) -> frozenset[Address]:
    watch = discovery.watch()
    try:
        async with asyncio.timeout(10):
            return await anext(watch)
    finally:
        await watch.aclose()
