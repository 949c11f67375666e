"""The watch against scripted answers; a real Consul is in tests/contract."""

import asyncio
import base64
import json
from collections.abc import AsyncGenerator, Callable

import httpx
import pytest

from common.backoff import Backoff
from discovery.base import Address
from discovery.consul import ConsulDiscovery
from discovery.consul_http import ConsulHTTP
from discovery.errors import DiscoveryUnavailableError
from discovery.uri import ConsulTarget, parse_uri

Answer = httpx.Response | Exception
Watch = AsyncGenerator[frozenset[Address]]


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("discovery.blocking._MIN_INTERVAL_S", 0.0)
    monkeypatch.setattr("discovery.blocking._BACKOFF", Backoff(0.0, 0.0))


class ScriptedConsul:
    """Gives its answers one by one, then lets the query hang as a quiet store does."""

    def __init__(self, *answers: Answer, sessions: tuple[str, ...] = ()) -> None:
        self.answers = list(answers)
        self.sessions = sessions
        self.requests: list[httpx.Request] = []

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if request.url.path.startswith("/v1/session/info/"):
            name = request.url.path.rpartition("/")[2]
            found = [{"ID": name, "Behavior": "delete", "TTL": "10s"}]
            body = found if name in self.sessions else []
            return httpx.Response(200, json=body, headers={"X-Consul-Index": "1"})
        if not self.answers:
            await asyncio.Event().wait()
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def watch(self, uri: str = "consul://c:8500/swarm", *, grace_s: float = 60) -> Watch:
        discovery = ConsulDiscovery(
            consul_target(uri), grace_s=grace_s, transport=httpx.MockTransport(self)
        )
        return discovery.watch()


def consul_target(uri: str, **options: str) -> ConsulTarget:
    target = parse_uri(uri, options)
    assert isinstance(target, ConsulTarget)
    return target


def listing(index: int, *names: str, session: str = "s", created: int = 1) -> httpx.Response:
    items = [
        {
            "Key": f"swarm/docker/swarm/nodes/{name}",
            "Value": base64.b64encode(name.encode()).decode(),
            "CreateIndex": created,
            "Session": session,
        }
        for name in names
    ]
    headers = {"X-Consul-Index": str(index)}
    if not items:
        return httpx.Response(404, headers=headers)
    return httpx.Response(200, content=json.dumps(items), headers=headers)


async def take(watch: Watch, count: int) -> list[str]:
    """Return the next answers, each as its addresses in one string."""
    async with asyncio.timeout(5):
        return [" ".join(sorted(map(str, await anext(watch)))) for _ in range(count)]


async def hangs(watch: Watch) -> bool:
    try:
        async with asyncio.timeout(0.1):
            await anext(watch)
    except TimeoutError:
        return True
    return False


async def test_each_change_is_told_once() -> None:
    consul = ScriptedConsul(
        listing(5, "a:1"), listing(5, "a:1"), listing(6, "a:1", "b:1"), listing(7, "b:1")
    )
    assert await take(consul.watch(), 3) == ["a:1", "a:1 b:1", "b:1"]


async def test_the_next_query_waits_for_a_later_index() -> None:
    consul = ScriptedConsul(listing(5, "a:1"))
    watch = consul.watch()
    await take(watch, 1)
    assert await hangs(watch)
    first, second = (request.url.params for request in consul.requests)
    assert "index" not in first
    assert second["index"] == "5"
    assert second["wait"] == "30.000s"
    assert second["consistent"] == "1"
    assert consul.requests[1].url.path == "/v1/kv/swarm/"


async def test_the_read_deadline_is_above_what_a_blocking_query_may_take() -> None:
    consul = ScriptedConsul(listing(5, "a:1"))
    watch = consul.watch()
    await take(watch, 1)
    assert await hangs(watch)
    assert consul.requests[1].extensions["timeout"]["read"] > 30 * 17 / 16


async def test_the_token_is_a_header_and_not_in_the_url() -> None:
    consul = ScriptedConsul(listing(5, "a:1"))
    target = parse_uri("consul://c/swarm", {"kv.token": "s3cret"})
    assert isinstance(target, ConsulTarget)
    discovery = ConsulDiscovery(target, grace_s=1, transport=httpx.MockTransport(consul))
    await take(discovery.watch(), 1)
    assert consul.requests[0].headers["X-Consul-Token"] == "s3cret"
    assert "s3cret" not in str(consul.requests[0].url)
    assert "s3cret" not in discovery.describe()


async def test_consul_s_own_variables_do_not_redirect_us(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONSUL_HTTP_ADDR", "http://elsewhere:1")
    monkeypatch.setenv("CONSUL_HTTP_TOKEN", "leak")
    monkeypatch.setenv("HTTP_PROXY", "http://elsewhere:2")
    consul = ScriptedConsul(listing(5, "a:1"))
    await take(consul.watch(), 1)
    assert consul.requests[0].url.host == "c"
    assert "X-Consul-Token" not in consul.requests[0].headers


@pytest.mark.parametrize(
    "failure",
    [
        pytest.param(httpx.ConnectError("refused"), id="down"),
        pytest.param(httpx.ReadTimeout(""), id="hangs"),
        pytest.param(httpx.Response(500, text="No cluster leader"), id="no-leader"),
        pytest.param(httpx.Response(403, text="Permission denied"), id="acl"),
        pytest.param(httpx.Response(200, text="<html>"), id="no-consul"),
        pytest.param(httpx.Response(404, text="nginx"), id="no-consul-and-nothing-there"),
        pytest.param(httpx.Response(301, text=""), id="redirect"),
        pytest.param(
            httpx.Response(200, text='[{"x": 1}]', headers={"X-Consul-Index": "1"}), id="no-keys"
        ),
    ],
)
async def test_a_failure_keeps_the_engines_and_asks_anew(failure: Answer) -> None:
    consul = ScriptedConsul(listing(5, "a:1"), failure, listing(6, "a:1"), listing(7, "a:1", "b:1"))
    assert await take(consul.watch(), 2) == ["a:1", "a:1 b:1"]
    assert "index" not in consul.requests[2].url.params


async def test_failures_are_told_of_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    failures = [httpx.ConnectError("refused") for _ in range(5)]
    await take(ScriptedConsul(*failures, listing(5, "a:1")).watch(), 1)
    messages = [r.getMessage() for r in caplog.records if r.name == "discovery.blocking"]
    assert messages == [
        "Consul at c:8500: refused; what is known stays as it is, trying again",
        "Consul answers again",
    ]


async def test_an_index_that_goes_back_starts_the_watch_anew() -> None:
    consul = ScriptedConsul(listing(50, "a:1"), listing(3, "a:1"), listing(4, "a:1", "b:1"))
    assert await take(consul.watch(), 2) == ["a:1", "a:1 b:1"]
    assert "index" not in consul.requests[2].url.params


async def test_a_store_that_lost_its_data_does_not_empty_the_cluster(
    caplog: pytest.LogCaptureFixture,
) -> None:
    consul = ScriptedConsul(
        listing(50, "a:1", "b:1"),
        httpx.ConnectError("restarting"),
        listing(1),
        listing(2, "a:1", session="t"),
        listing(3, "a:1", "b:1", session="t"),
        listing(4, "a:1", session="t"),
    )
    assert await take(consul.watch(), 2) == ["a:1 b:1", "a:1"]
    assert caplog.text.count("Consul does not list a:1, b:1 any more") == 1


async def test_a_store_that_was_replaced_unnoticed_takes_no_engine_out() -> None:
    consul = ScriptedConsul(
        listing(50, "a:1", "b:1"),
        listing(60, "a:1", session="t"),
        listing(61, "a:1", "b:1", session="t"),
        listing(62, "b:1", session="t"),
    )
    assert await take(consul.watch(), 2) == ["a:1 b:1", "b:1"]


async def test_an_emptied_prefix_counts_when_the_grace_time_ends() -> None:
    consul = ScriptedConsul(listing(5, "a:1", "b:1"), listing(6), listing(6), listing(6))
    assert await take(consul.watch(grace_s=0), 2) == ["a:1 b:1", ""]


async def test_while_engines_are_held_the_query_waits_no_longer_than_the_grace() -> None:
    consul = ScriptedConsul(listing(5, "a:1", "b:1"), listing(6))
    watch = consul.watch(grace_s=20)
    await take(watch, 1)
    assert await hangs(watch)
    assert 19 < float(consul.requests[-1].url.params["wait"].removesuffix("s")) <= 20


@pytest.mark.parametrize(
    ("sessions", "leaves"),
    [
        pytest.param((), True, id="its-agent-is-gone"),
        pytest.param(("s",), False, id="its-agent-lives"),
    ],
)
async def test_the_only_engine_leaves_with_its_session(
    sessions: tuple[str, ...], leaves: bool
) -> None:
    consul = ScriptedConsul(listing(5, "a:1"), listing(6), sessions=sessions)
    watch = consul.watch()
    assert await take(watch, 1) == ["a:1"]
    if leaves:
        assert await take(watch, 1) == [""]
    else:
        assert await hangs(watch)


async def test_an_only_engine_without_session_is_held() -> None:
    consul = ScriptedConsul(listing(5, "a:1", session=""), listing(6))
    watch = consul.watch()
    assert await take(watch, 1) == ["a:1"]
    assert await hangs(watch)


async def test_a_bad_value_is_told_of_once(caplog: pytest.LogCaptureFixture) -> None:
    consul = ScriptedConsul(*(listing(index, "a:1", "nonsense") for index in (5, 6, 7)))
    watch = consul.watch()
    assert await take(watch, 1) == ["a:1"]
    assert await hangs(watch)
    assert caplog.text.count("is left out") == 1


@pytest.mark.parametrize(
    ("call", "path"),
    [
        (lambda http: http.renew_session("x"), "/v1/session/renew/x"),
        (lambda http: http.destroy_session("x"), "/v1/session/destroy/x"),
        (lambda http: http.entry("p/a:1"), "/v1/kv/p/a:1"),
    ],
)
async def test_errors_of_every_call_are_of_one_kind(
    call: Callable[[ConsulHTTP], object], path: str
) -> None:
    seen: list[str] = []

    def refuse(request: httpx.Request) -> httpx.Response:
        seen.append(request.url.path)
        return httpx.Response(500, text="rpc error\nsecond line" + "x" * 1000)

    http = ConsulHTTP(consul_target("consul://c/p"), transport=httpx.MockTransport(refuse))
    with pytest.raises(
        DiscoveryUnavailableError, match="Consul at c:8500: 500 rpc error"
    ) as caught:
        await call(http)  # type: ignore[misc]
    assert seen == [path]
    assert len(str(caught.value)) < 300
    assert "\n" not in str(caught.value)


async def test_a_session_that_is_gone_cannot_be_renewed() -> None:
    http = ConsulHTTP(
        consul_target("consul://c/p"),
        transport=httpx.MockTransport(lambda _: httpx.Response(404, text="not found")),
    )
    assert await http.renew_session("x") is False
