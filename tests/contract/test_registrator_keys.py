"""The registrator against a real Consul: what it writes, leaves alone, and never loses."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from discovery_consul_server import ConsulServer
from registrator_tools import (
    HOST,
    IP,
    add,
    container_id,
    end,
    entries,
    index,
    items,
    looking_on,
    registering,
    tell,
    until,
)

from agent import reader as reader_module
from discovery.uri import ConsulTarget
from tests.fakes.engine import Call, FakeEngine

pytestmark = pytest.mark.contract

WEB = {"web-80/dockerhost01:web-1:80": f"{IP}:32001"}
BOTH = {**WEB, "web-80/dockerhost01:web-2:80": f"{IP}:32002"}


@pytest.fixture
async def engine() -> AsyncIterator[FakeEngine]:
    """An engine with one container that publishes a port."""
    one = FakeEngine()
    await one.start()
    add(one, 1, "web-1")
    yield one
    await one.stop()


async def test_a_published_port_is_one_key_as_the_article_draws_it(
    consul: ConsulServer, engine: FakeEngine
) -> None:
    async with registering(consul, engine):
        await until(lambda: entries(consul) == WEB)
        item = items(consul)["web-80/dockerhost01:web-1:80"]
        (session,) = consul.call("GET", f"/session/info/{item['Session']}").json()
    assert (session["TTL"], session["Behavior"], session["LockDelay"]) == ("10.0s", "delete", 0)


async def test_what_starts_comes_and_what_ends_goes(
    consul: ConsulServer, engine: FakeEngine
) -> None:
    async with registering(consul, engine):
        await until(lambda: entries(consul) == WEB)
        two = add(engine, 2, "web-2")
        await tell(engine, "start", two)
        await until(lambda: entries(consul) == BOTH)
        await end(engine, two)
        await until(lambda: entries(consul) == WEB)


@pytest.mark.parametrize("sent", ["15", "2", "3", "9", "28"])
async def test_a_container_is_withdrawn_when_it_is_asked_to_stop(
    consul: ConsulServer, engine: FakeEngine, sent: str
) -> None:
    add(engine, 1, "web-1", stop_signal="SIGWINCH")
    async with registering(consul, engine, resync_s=0.1):
        await until(lambda: entries(consul) == WEB)
        await tell(engine, "kill", container_id(1), signal=sent)
        await until(lambda: entries(consul) == {})
        # It still runs, and no look at it brings it back.
        before = index(consul)
        engine.asked.clear()
        await until(lambda: sum("/json" in one.target for one in engine.asked) >= 5)
        assert index(consul) == before


async def test_a_signal_that_is_only_a_word_changes_nothing(
    consul: ConsulServer, engine: FakeEngine
) -> None:
    async with registering(consul, engine) as figures:
        await until(lambda: entries(consul) == WEB)
        before = index(consul)
        for sent in ("1", "10", "28"):
            await tell(engine, "kill", container_id(1), signal=sent)
        await until(lambda: figures.events == 3)
        two = add(engine, 2, "web-2")
        await tell(engine, "start", two)
        await until(lambda: entries(consul) == BOTH)
        assert items(consul)["web-80/dockerhost01:web-1:80"]["ModifyIndex"] <= before


async def test_a_restarted_container_is_registered_with_its_new_port(
    consul: ConsulServer, engine: FakeEngine
) -> None:
    async with registering(consul, engine):
        await until(lambda: entries(consul) == WEB)
        await tell(engine, "kill", container_id(1), signal="15")
        await until(lambda: entries(consul) == {})
        add(engine, 1, "web-1", ports={"80/tcp": 40000})
        # The engine's clock may have been set back meanwhile: the event counts, not the time.
        await tell(engine, "start", container_id(1))
        await until(lambda: entries(consul) == {next(iter(WEB)): f"{IP}:40000"})


async def test_health_decides_where_there_is_a_health_check(
    consul: ConsulServer, engine: FakeEngine
) -> None:
    one = add(engine, 1, "web-1", health="starting")
    add(engine, 2, "web-2", health="starting", labels={"SERVICE_REGISTER": "start"})
    early = {"web-80/dockerhost01:web-2:80": f"{IP}:32002"}
    async with registering(consul, engine):
        await until(lambda: entries(consul) == early)
        for health, expected in (("healthy", BOTH), ("unhealthy", early), ("healthy", BOTH)):
            engine.containers[one]["State"]["Health"]["Status"] = health
            await tell(engine, f"health_status: {health}", one)
            await until(lambda expected=expected: entries(consul) == expected, health)


async def test_a_paused_container_answers_nobody_and_is_withdrawn(
    consul: ConsulServer, engine: FakeEngine
) -> None:
    async with registering(consul, engine):
        await until(lambda: entries(consul) == WEB)
        state = engine.containers[container_id(1)]["State"]
        state.update(Paused=True, Status="paused")
        await tell(engine, "pause", container_id(1))
        await until(lambda: entries(consul) == {})
        state.update(Paused=False, Status="running")
        await tell(engine, "unpause", container_id(1))
        await until(lambda: entries(consul) == WEB)


async def test_a_renamed_container_has_its_new_name(
    consul: ConsulServer, engine: FakeEngine
) -> None:
    async with registering(consul, engine):
        await until(lambda: entries(consul) == WEB)
        engine.containers[container_id(1)]["Name"] = "/blue"
        await tell(engine, "rename", container_id(1), oldName="/web-1")
        await until(lambda: entries(consul) == {"web-80/dockerhost01:blue:80": f"{IP}:32001"})


async def test_tags_and_attributes_stand_beside_the_entry(
    consul: ConsulServer, engine: FakeEngine
) -> None:
    env = {"SERVICE_TAGS": "a,b\\,c", "SERVICE_VHOST": "web.example", "SERVICE_DRAIN": "5s"}
    add(engine, 1, "web-1", env=env)
    async with registering(consul, engine, tags=("all",)):
        await until(lambda: len(entries(consul)) == 2)
        meta = json.loads(entries(consul)["web-80/.meta/dockerhost01:web-1:80"])
    assert meta == {"tags": ["all", "a", "b,c"], "attributes": {"vhost": "web.example"}}


async def test_a_comparison_that_finds_no_difference_writes_nothing(
    consul: ConsulServer, engine: FakeEngine
) -> None:
    add(engine, 2, "web-2", env={"SERVICE_TAGS": "a"})
    async with registering(consul, engine, resync_s=0.05) as figures:
        await until(lambda: len(entries(consul)) == 3)
        await until(lambda: figures.reconciles["kv"] > 0)
        before, reconciles = index(consul), figures.reconciles["kv"]
        await until(lambda: figures.reconciles["kv"] >= reconciles + 3, timeout_s=20)
        assert index(consul) == before


async def test_a_restart_of_the_agent_changes_no_key(
    consul: ConsulServer, engine: FakeEngine
) -> None:
    async with registering(consul, engine) as figures:
        await until(lambda: figures.writes["kv"] == 1)
    before = items(consul)["web-80/dockerhost01:web-1:80"]
    async with registering(consul, engine) as figures:
        await until(lambda: figures.reconciles["kv"] == 1)
        assert figures.writes["kv"] == 0
        assert items(consul)["web-80/dockerhost01:web-1:80"] == before
        two = add(engine, 2, "web-2")
        await tell(engine, "start", two)
        await until(lambda: entries(consul) == BOTH)


async def test_a_stop_that_was_asked_for_while_no_agent_was_there_is_known(
    consul: ConsulServer, engine: FakeEngine
) -> None:
    async with registering(consul, engine, resync_s=0):
        await until(lambda: entries(consul) == WEB)

    async def events(call) -> None:  # type: ignore[no-untyped-def]
        old = {
            "Type": "container",
            "Action": "kill",
            "Actor": {"ID": container_id(1), "Attributes": {"signal": "15"}},
            "timeNano": 1_767_400_000_000_000_000,
        }
        await call.chunked([json.dumps(old).encode() + b"\n"], end=False)
        await call.reader.read()

    engine.on(r"GET /events\?since=1&.*", events)
    async with registering(consul, engine, resync_s=0):
        await until(lambda: entries(consul) == {})


async def test_a_restarted_agent_leaves_what_it_cannot_read_as_it_is(
    consul: ConsulServer, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader_module, "_TIMEOUT_S", 0.2)
    two = add(engine, 2, "web-2", env={"SERVICE_TAGS": "a"})
    tagged = {*BOTH, "web-80/.meta/dockerhost01:web-2:80"}
    async with registering(consul, engine):
        await until(lambda: set(entries(consul)) == tagged)
    before = items(consul)

    async def hang(call: Call) -> None:
        await call.reader.read()

    engine.on(f"GET /containers/{two}/json", hang)
    with looking_on(consul, "services/web-80/dockerhost01:web-2:80") as statuses:
        async with registering(consul, engine) as figures:
            await until(lambda: figures.reconciles["kv"] > 0)
            assert figures.unread == 1
            after = items(consul)
            assert {key: after[key] for key in tagged} == {key: before[key] for key in tagged}
        # Another agent, with a session of its own: what is left as it is moves with the rest.
        async with registering(consul, engine, ttl_s=40) as figures:
            await until(lambda: figures.reconciles["kv"] > 0)
            sessions = {item["Session"] for item in items(consul).values()}
            assert sessions.isdisjoint(item["Session"] for item in before.values())
            assert set(entries(consul)) == tagged
            assert statuses == {200}
            await tell(engine, "kill", two, signal="15")
            await until(lambda: entries(consul) == WEB)


async def test_other_ttl_moves_the_keys_to_a_new_session_without_a_gap(
    consul: ConsulServer, engine: FakeEngine
) -> None:
    async with registering(consul, engine) as figures:
        await until(lambda: figures.writes["kv"] == 1)
    former = items(consul)["web-80/dockerhost01:web-1:80"]["Session"]
    with looking_on(consul, "services/web-80/dockerhost01:web-1:80") as statuses:
        async with registering(consul, engine, ttl_s=40):
            await until(lambda: items(consul)["web-80/dockerhost01:web-1:80"]["Session"] != former)
            await until(lambda: consul.call("GET", f"/session/info/{former}").json() == [])
            assert entries(consul) == WEB
    assert statuses == {200}


async def test_leave_withdraws_at_once(consul: ConsulServer, engine: FakeEngine) -> None:
    async with registering(consul, engine, leaves=True):
        await until(lambda: entries(consul) == WEB)
    assert items(consul) == {}


async def test_after_the_loss_of_its_session_everything_is_written_anew(
    consul: ConsulServer, engine: FakeEngine
) -> None:
    async with registering(consul, engine):
        await until(lambda: entries(consul) == WEB)
        session = items(consul)["web-80/dockerhost01:web-1:80"]["Session"]
        consul.call("PUT", f"/session/destroy/{session}")
        assert entries(consul) == {}
        await until(lambda: entries(consul) == WEB)


async def test_consul_may_come_late_restart_and_lose_its_data(
    tmp_path: Path, engine: FakeEngine
) -> None:
    server = ConsulServer(tmp_path / "consul")
    try:
        async with registering(server, engine) as figures:
            await until(lambda: figures.engine_up)
            await asyncio.to_thread(server.start)
            await until(lambda: entries(server) == WEB, timeout_s=20)
            await asyncio.to_thread(server.restart)
            assert entries(server) == WEB
            two = add(engine, 2, "web-2")
            await tell(engine, "start", two)
            await until(lambda: entries(server) == BOTH, timeout_s=20)
            await asyncio.to_thread(server.restart, wiped=True)
            await until(lambda: entries(server) == BOTH, timeout_s=20)
    finally:
        server.stop()


async def test_leftovers_of_this_host_go_and_nobody_elses(
    consul: ConsulServer, engine: FakeEngine
) -> None:
    old = [
        "web-80/dockerhost01:old:80",
        "web-80/.meta/dockerhost01:old:80",
        "x-1/dockerhost01:a:1:udp",
    ]
    others = [
        "web-80/dockerhost02:old:80",
        "web-80/.meta/dockerhost02:old:80",
        "web-80/dockerhost011:old:80",
        "web-80/dockerhost01:old:81",
        "web-80/dockerhost01",
        "dockerhost01:old:80",
        "config/dockerhost01:old:80",
        "web-80/README",
    ]
    for key in (*old, *others):
        consul.call("PUT", f"/kv/services/{key}", "10.9.9.9:1")
    async with registering(consul, engine):
        await until(lambda: set(entries(consul)) == {*WEB, *others})


async def test_a_key_that_is_right_but_nobodys_becomes_the_sessions(
    consul: ConsulServer, engine: FakeEngine
) -> None:
    ((key, value),) = WEB.items()
    consul.call("PUT", f"/kv/services/{key}", value)
    async with registering(consul, engine):
        await until(lambda: "Session" in items(consul)[key])
    assert entries(consul) == WEB


@pytest.mark.parametrize("value", ["nonsense", "[]", '{"engine": "another"}'])
async def test_a_claim_that_no_session_holds_is_nobodys(
    consul: ConsulServer, engine: FakeEngine, value: str
) -> None:
    consul.call("PUT", "/kv/services/.agents/dockerhost01", value)
    async with registering(consul, engine):
        await until(lambda: entries(consul) == WEB)


async def test_of_two_agents_of_one_engine_the_newer_one_writes(
    consul: ConsulServer, engine: FakeEngine, caplog: pytest.LogCaptureFixture
) -> None:
    quick = {"resync_s": 0.05}
    async with registering(consul, engine, **quick) as older:
        await until(lambda: entries(consul) == WEB)
        async with registering(consul, engine, ip="10.0.0.2", **quick) as newer:
            await until(lambda: entries(consul) == {next(iter(WEB)): "10.0.0.2:32001"})
            await until(lambda: not older.consul_up["kv"], "the older one to stand back")
            before, done = index(consul), newer.reconciles["kv"]
            await until(lambda: newer.reconciles["kv"] >= done + 2, timeout_s=20)
            assert index(consul) == before
        assert "another agent of this engine has taken its entries over" in caplog.text
        # The newer one is gone, and with its session the older one's reason to stand back.
        session = items(consul)[next(iter(WEB))]["Session"]
        consul.call("PUT", f"/session/destroy/{session}")
        await until(lambda: entries(consul) == WEB, timeout_s=20)


async def test_two_engines_of_one_name_do_not_take_each_others_keys(
    consul: ConsulServer, engine: FakeEngine, caplog: pytest.LogCaptureFixture
) -> None:
    other = FakeEngine()
    other._info = lambda: {"ID": "another", "Name": HOST}  # type: ignore[method-assign]
    await other.start()
    add(other, 2, "web-2")
    try:
        async with registering(consul, engine):
            await until(lambda: entries(consul) == WEB)
            async with registering(consul, other):
                await until(lambda: "another --host-name" in caplog.text)
                assert entries(consul) == WEB
            async with registering(consul, other, host_name="b"):
                await until(lambda: len(entries(consul)) == 2)
                assert "web-80/b:web-2:80" in entries(consul)
    finally:
        await other.stop()


async def test_a_marked_container_is_withdrawn_for_as_long_as_the_mark_is_there(
    consul: ConsulServer, engine: FakeEngine
) -> None:
    mark = f"/kv/services/.drain/{container_id(1)}"
    async with registering(consul, engine):
        await until(lambda: entries(consul) == WEB)
        consul.call("PUT", "/kv/services/.drain/nonsense", "x")
        consul.call("PUT", mark, "x")
        await until(lambda: entries(consul) == {})
        consul.call("DELETE", mark)
        await until(lambda: entries(consul) == WEB)
        assert ".drain/nonsense" in items(consul)


async def test_an_engine_that_restarts_keeps_its_entries(
    consul: ConsulServer, engine: FakeEngine
) -> None:
    async with registering(consul, engine) as figures:
        await until(lambda: entries(consul) == WEB)
        before = index(consul)
        await engine.stop()
        await until(lambda: not figures.engine_up)
        await engine.restart()
        await until(lambda: figures.engine_up)
        assert index(consul) == before
        add(engine, 2, "web-2")
        await tell(engine, "start", container_id(2))
        await until(lambda: entries(consul) == BOTH)


async def test_events_are_asked_for_from_where_the_last_stream_ended(
    consul: ConsulServer, engine: FakeEngine
) -> None:
    async with registering(consul, engine) as figures:
        await until(lambda: figures.engine_up)
        await tell(engine, "update", container_id(1))
        await until(lambda: figures.events == 1)
        await engine.restart()

        def asked() -> list[str]:
            return [one.target for one in engine.asked if "/events" in one.target]

        await until(lambda: len(asked()) >= 2)
        assert "since=1&" in asked()[0]
        assert "since=17674" in asked()[1]


async def test_a_hundred_containers_are_written_in_few_transactions(
    consul: ConsulServer, engine: FakeEngine
) -> None:
    for number in range(2, 101):
        add(engine, number, f"web-{number}", env={"SERVICE_TAGS": "x" * 100})
    async with registering(consul, engine) as figures:
        await until(lambda: len(entries(consul)) == 199 and figures.writes["kv"] >= 199)
        assert figures.writes["kv"] == 199
        revisions = {item["ModifyIndex"] for item in items(consul).values()}
        # 63 keys beside the check of the claim, and the claim itself.
        assert len(revisions) == 5
        engine.containers.clear()
        for number in range(1, 101):
            await tell(engine, "die", container_id(number))
        await until(lambda: entries(consul) == {})


async def test_bad_values_are_named_and_spare_the_neighbours(
    consul: ConsulServer, engine: FakeEngine, caplog: pytest.LogCaptureFixture
) -> None:
    evil = {
        "a": {"SERVICE_NAME": "../../swarm/docker"},
        "b": {"SERVICE_NAME": "web\nserver evil 6.6.6.6:80"},
        "c": {"SERVICE_NAME": "{{ 7*7 }}"},
        "d": {"SERVICE_NAME": "x" * 1_000_000},
        "e": {"SERVICE_IP": "not an ip"},
        "f": {"SERVICE_VHOST": 'a"\nbackend evil', "SERVICE_PATH": "y" * 1_000_000},
    }
    for number, (name, env) in enumerate(evil.items(), 10):
        add(engine, number, name, env=env)
    async with registering(consul, engine, resync_s=0.05) as figures:
        expected = {
            **WEB,
            "web-80/dockerhost01:f:80": f"{IP}:32015",
        }
        await until(lambda: entries(consul) == expected)
        reasons = {"name": 4, "address": 1, "value": 2}
        assert figures.refused == reasons
        inspected = len(engine.asked)
        await until(lambda: len(engine.asked) > inspected + 30)
        assert figures.refused == reasons
    assert all(len(record.getMessage()) < 300 for record in caplog.records)
    assert all("\n" not in record.getMessage() for record in caplog.records)
    assert {
        record.getMessage().partition(":")[0]
        for record in caplog.records
        if record.levelno == logging.WARNING
    } == {f"Container {name}" for name in evil}


async def test_the_right_to_its_own_prefix_and_to_sessions_is_enough(
    tmp_path: Path, engine: FakeEngine
) -> None:
    master = "7a0bd5f6-6d8a-4b4e-9d1f-0a5e9e3c2b11"
    acl = {"enabled": True, "default_policy": "deny", "tokens": {"master": master}}
    server = ConsulServer(tmp_path / "consul", acl=acl)
    server.headers = {"X-Consul-Token": master}
    try:
        await asyncio.to_thread(server.start)
        rules = 'key_prefix "services/" { policy = "write" } session_prefix "" { policy = "write" }'
        server.call("PUT", "/acl/policy", {"Name": "agent", "Rules": rules})
        body = {"Policies": [{"Name": "agent"}]}
        token = server.call("PUT", "/acl/token", body).json()["SecretID"]
        target = ConsulTarget("127.0.0.1", server.ports["http"], "services", "", token=token)
        async with registering(server, engine, consul=target) as figures:
            await until(lambda: entries(server) == WEB)
            await tell(engine, "kill", container_id(1), signal="15")
            await until(lambda: entries(server) == {})
            session = items(server)[".agents/dockerhost01"]["Session"]
            server.call("PUT", f"/session/destroy/{session}")
            await until(lambda: figures.consul_up["kv"] and bool(items(server)))
    finally:
        server.stop()
