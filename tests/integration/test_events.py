"""``docker events``: one stream of what happens on every host."""

import json
import time
from urllib.parse import quote

import pytest
from integration_tools import Api, Cli, message, until

from lab.cluster import Lab


def past(api: Api, since: float, **filters: list[str]) -> list[dict[str, object]]:
    """The events from *since* until now."""
    query = f"since={since:.9f}&until={time.time():.9f}"
    if filters:
        query += "&filters=" + quote(json.dumps(filters))
    answer = api("GET", f"/events?{query}")
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    return [json.loads(line) for line in answer.body.splitlines()]


def actions(events: list[dict[str, object]]) -> list[str]:
    """What happened, in order."""
    return [str(event["Action"]) for event in events]


def test_events_of_every_host_in_one_stream(any_docker: Cli, api: Api, lab: Lab) -> None:
    before = api.get("/info")["NEventsListener"]
    with any_docker.start(
        "events", "--format", "{{json .}}", "--filter", "type=container"
    ) as client:
        assert client.stdout is not None
        until(lambda: api.get("/info")["NEventsListener"] > before, 5, "the stream")
        for number in (1, 2, 3):
            any_docker(
                "run", "--rm", "--name", f"c{number}", "-e",
                f"constraint:node==dockerhost0{number}", "busybox", "true",
            )  # fmt: skip
        seen: dict[str, list[str]] = {}
        while sum(action == "destroy" for one in seen.values() for action in one) < 3:
            event = json.loads(client.stdout.readline())
            attributes = event["Actor"]["Attributes"]
            number = int(attributes["name"].removeprefix("c"))
            plan = lab.engines[number - 1].plan
            assert attributes["node.name"] == plan.name
            assert attributes["node.addr"] == plan.endpoint
            assert attributes["node.ip"] == plan.address
            assert attributes["node.id"]
            assert event["from"] == f"busybox node:{plan.name}"
            seen.setdefault(attributes["name"], []).append(event["Action"])
    for happened in seen.values():
        order = [one for one in happened if one in ("create", "start", "die", "destroy")]
        assert order == ["create", "start", "die", "destroy"]


def test_node_stands_beside_the_event_too(api: Api) -> None:
    since = time.time()
    api.create("web", Env=["constraint:node==dockerhost02"])
    event = past(api, since, type=["container"])[0]
    node = event["node"]
    assert isinstance(node, dict)
    assert node["Name"] == "dockerhost02"
    assert node.keys() == {"Name", "Id", "Addr", "Ip"}


def test_the_past_and_the_present_follow_without_gap_or_double(api: Api) -> None:
    since = time.time()
    for number in range(4):
        api.create(f"before{number}")
    with api.connect() as sock:
        query = f"since={since:.9f}&filters=" + quote('{"event":["create"],"type":["container"]}')
        sock.sendall(f"GET /events?{query} HTTP/1.0\r\n\r\n".encode())
        for number in range(4):
            api.create(f"after{number}")
        text = b""
        while text.count(b"\n{") < 8 and text.count(b'"create"') < 8:
            text += sock.recv(65536)
    names = [
        json.loads(line)["Actor"]["Attributes"]["name"]
        for line in text.partition(b"\r\n\r\n")[2].splitlines()
        if line.startswith(b"{")
    ]
    wanted = [f"before{number}" for number in range(4)] + [f"after{number}" for number in range(4)]
    assert names == wanted


def test_until_ends_the_stream(docker: Cli) -> None:
    started = time.monotonic()
    docker("events", "--since", "0", "--until", "1s", check=False)
    docker("events", "--until", str(int(time.time()) + 1))
    assert time.monotonic() - started < 5


def test_filters(api: Api) -> None:
    since = time.time()
    one = api.run("one", Env=["constraint:node==dockerhost01"], Labels={"a": "b"})
    two = api.run("two", Env=["constraint:node==dockerhost02"])
    api("POST", "/containers/two/kill")
    api("POST", "/containers/two/wait")
    assert actions(past(api, since, container=["one"])) == ["create", "start"]
    assert actions(past(api, since, container=[one])) == ["create", "start"]
    assert {e["id"] for e in past(api, since, type=["container"])} == {one, two}
    assert actions(past(api, since, label=["a=b"], type=["container"])) == ["create", "start"]
    assert actions(past(api, since, event=["kill", "die"])) == ["kill", "die"]
    assert actions(past(api, since, image=["busybox"], event=["start"])) == ["start", "start"]
    assert "connect" in actions(past(api, since, type=["network"]))
    on_two = past(api, since, node=["dockerhost02"], type=["container"])
    assert {e["id"] for e in on_two} == {two}


def test_events_are_in_order_of_time(api: Api) -> None:
    since = time.time()
    for number in range(6):
        api.run(f"c{number}", Cmd=["true"])
    times = [event["timeNano"] for event in past(api, since)]
    assert len(times) >= 18
    assert times == sorted(times)  # type: ignore[type-var]


@pytest.mark.parametrize(
    "query",
    [
        # 20.10 takes this one and never answers with anything; newer engines refuse it.
        pytest.param("filters=" + quote('{"nonsense":["a"]}'), id="unknown-key"),
        pytest.param("filters={", id="no-json"),
        pytest.param("since=yesterday", id="no-time"),
        pytest.param("since=10&until=5", id="ends-before-it-begins"),
    ],
)
def test_bad_query(api: Api, query: str) -> None:
    answer = api("GET", f"/events?{query}", timeout_s=5)
    assert answer.status == 400
    assert message(answer)


def test_a_client_that_leaves_is_forgotten(api: Api) -> None:
    before = api.get("/info")["NEventsListener"]
    with api.connect() as sock:
        sock.sendall(b"GET /events HTTP/1.1\r\nHost: x\r\n\r\n")
        assert sock.recv(20).startswith(b"HTTP/1.1 200")
        assert api.get("/info")["NEventsListener"] == before + 1
    until(lambda: api.get("/info")["NEventsListener"] == before, 3)
