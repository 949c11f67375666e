"""JSON bodies of wrong types, wrong letters and wrong depth, to the engine and to the manager."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from bad_input_tools import JSON, ask
from integration_tools import Api, message
from network_tools import remove_networks

from lab.cluster import Lab

CREATE = "/v1.41/containers/create"
_DECODER = re.compile(
    r"cannot unmarshal (\w+)(?: \S+)? into Go (?:struct field \S*?(\w+)|value) of"
)
"""What Go's decoder minds: the JSON type, and the field; the struct around it has many names."""


def minds(text: str) -> tuple[str, str | None]:
    """The JSON type and the field that a decoder's message is about."""
    found = _DECODER.search(text)
    assert found is not None, text
    return found[1], found[2]


def of(field: str, value: Any) -> dict[str, Any]:
    """A body for create with one field, in the body itself or one below (``HostConfig.Memory``)."""
    outer, _, inner = field.rpartition(".")
    fields = {inner: value}
    return {"Image": "nope", **({outer: fields} if outer else fields)}


WRONG_TYPES: list[tuple[str, Any]] = [
    ("Image", 5),
    ("Image", ["a"]),
    ("Image", {"a": "b"}),
    ("Image", True),
    ("Env", "A=1"),
    ("Env", {"A": "1"}),
    ("Env", [1]),
    ("Cmd", 5),
    ("Entrypoint", {}),
    ("Labels", ["a"]),
    ("Labels", {"a": 1}),
    ("Labels", "a=b"),
    ("Tty", "yes"),
    ("Hostname", 5),
    ("Healthcheck", "x"),
    ("StopTimeout", "5"),
    ("ExposedPorts", ["80"]),
    ("HostConfig", []),
    ("HostConfig", "x"),
    ("HostConfig.Memory", "1g"),
    ("HostConfig.Memory", 1.5),
    ("HostConfig.Memory", 2**63),
    ("HostConfig.NanoCpus", 2**64 - 1),
    ("HostConfig.NanoCpus", "1"),
    ("HostConfig.CpuShares", "1"),
    ("HostConfig.CpusetCpus", 1),
    ("HostConfig.Binds", "a:b"),
    ("HostConfig.Binds", [1]),
    ("HostConfig.Links", "a"),
    ("HostConfig.VolumesFrom", "a"),
    ("HostConfig.NetworkMode", 5),
    ("HostConfig.PortBindings", []),
    ("HostConfig.PortBindings", {"80/tcp": "80"}),
    ("HostConfig.PortBindings", {"80/tcp": [{"HostPort": 80}]}),
    ("HostConfig.Mounts", {}),
    ("HostConfig.Mounts", ["a"]),
    ("HostConfig.Mounts", [{"Type": 1, "Target": "/x"}]),
    ("HostConfig.RestartPolicy", "always"),
    ("HostConfig.Devices", ["a"]),
    ("HostConfig.Ulimits", {"a": 1}),
    ("HostConfig.LogConfig", "x"),
    ("NetworkingConfig", []),
    ("NetworkingConfig.EndpointsConfig", []),
    ("NetworkingConfig.EndpointsConfig", {"a": "b"}),
]


@pytest.mark.parametrize(
    ("field", "value"), WRONG_TYPES, ids=[f"{f}={json.dumps(v)}" for f, v in WRONG_TYPES]
)
def test_a_wrong_type_in_a_create(api: Api, engine: Api, field: str, value: Any) -> None:
    """Engines before 23 call it 500; the manager says what newer ones say."""
    body = of(field, value)
    ours, theirs = api("POST", CREATE, body), engine("POST", CREATE, body)
    assert minds(message(ours)) == minds(message(theirs))
    assert ours.status in (400, theirs.status)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        pytest.param(b'{"Image":"nope:1","Image":"nope:2"}', 404, id="twice"),
        pytest.param(b'{"Image":"nope:1","image":"nope:2"}', 404, id="twice-in-other-case"),
        pytest.param(b'{"image":"nope:2"}', 404, id="lower-case"),
        pytest.param(b'{"Image":"nope:2","Env":null,"Labels":{"a":null}}', 404, id="nulls"),
        pytest.param(b'{"Image":"nope:2","Env":["a=\xe9"]}', 404, id="latin-1"),
        pytest.param(rb'{"Image":"nope:2","Env":["a=\udce9"]}', 404, id="half-a-surrogate"),
        pytest.param(b'{"Image":"nope:2"}\n\n', 404, id="line-ends-behind"),
        pytest.param(rb'{"Image":"nope\u0000"}', 400, id="nul"),
        pytest.param(b'{"Image":"a//b"}', 400, id="two-slashes"),
        pytest.param(b'{"Image":".."}', 400, id="dots"),
        pytest.param(b'{"Image":"x@y"}', 400, id="at"),
        pytest.param(b'{"Image":"UPPER"}', 400, id="capitals"),
        pytest.param(b'{"Image":"busybox@sha256:12"}', 400, id="short-digest"),
        pytest.param(b'{"Image":"busybox@sha256:%s"}' % (b"0" * 64), 404, id="unknown-digest"),
        pytest.param(b'{"Image":"busybox:%s"}' % (b"a" * 300), 400, id="long-tag"),
        pytest.param(b'{"Image":"%s"}' % (b"a" * 300), 400, id="long-name"),
        pytest.param('{"Image":"büsybox"}'.encode(), 400, id="umlaut"),
        pytest.param(b'{"Image":"busybox","Env":[""]}', 400, id="empty-variable"),
        pytest.param(b'{"Image":"busybox","HostConfig":{"Binds":["../x:/y"]}}', 400, id="up"),
        pytest.param(b'{"Image":"busybox","HostConfig":{"Memory":-5}}', 400, id="negative"),
    ],
)
def test_what_a_decoder_takes_is_judged_in_the_engines_words(
    api: Api, engine: Api, body: bytes, status: int
) -> None:
    ours, theirs = ask(api, "POST", CREATE, body, JSON), ask(engine, "POST", CREATE, body, JSON)
    assert (ours.status, ours.message) == (theirs.status, theirs.message)
    assert ours.status == status


@pytest.mark.parametrize("path", ["containers", "networks", "volumes"])
@pytest.mark.parametrize(
    ("body", "words"),
    [
        pytest.param(b" ", "EOF", id="blank"),
        pytest.param(b"{", "invalid JSON", id="cut"),
        pytest.param(b"\xef\xbb\xbf{}", "invalid JSON", id="byte-order-mark"),
        pytest.param('{"Name":"x"}'.encode("utf-16"), "invalid JSON", id="utf-16"),
        pytest.param(b'{"Name":"xy"} x', "invalid JSON", id="more-behind"),
        pytest.param(b'{"Odd":%s}' % (b"9" * 400), "invalid JSON", id="giant-number"),
        pytest.param(b'{"Odd":%s%s}' % (b"[" * 300, b"]" * 300), "max depth", id="deep"),
        pytest.param(b"[" * 100_000, "invalid JSON", id="bomb"),
    ],
)
def test_what_is_no_json_is_a_400(api: Api, path: str, body: bytes, words: str) -> None:
    answer = ask(api, "POST", f"/v1.41/{path}/create", body, JSON)
    assert answer.status == 400
    assert words in answer.message


@pytest.fixture
def _no_networks_left(lab: Lab) -> Iterator[None]:
    yield
    remove_networks(lab)


@pytest.mark.usefixtures("_no_networks_left")
@pytest.mark.parametrize(
    "fields",
    [
        {"Driver": 5},
        {"Labels": []},
        {"Labels": "a"},
        {"Labels": {"a": 1}},
        {"Options": "a"},
        {"IPAM": []},
        {"IPAM": {"Config": {}}},
        {"IPAM": {"Config": ["a"]}},
        {"IPAM": {"Config": [{"Subnet": 5}]}},
        {"CheckDuplicate": "yes"},
        {"Internal": 1},
    ],
    ids=json.dumps,
)
def test_a_wrong_type_in_a_network(api: Api, engine: Api, fields: dict[str, Any]) -> None:
    body = {"Name": "wrong", **fields}
    ours = api("POST", "/v1.41/networks/create", body)
    theirs = engine("POST", "/v1.41/networks/create", body)
    assert (ours.status, message(ours)) == (theirs.status, message(theirs))
    assert ours.status == 400
    assert not [row for row in api.get("/networks") if row["Name"] == "wrong"]


@pytest.mark.parametrize(
    ("target", "body"),
    [
        ("/exec", []),
        ("/exec", {"Cmd": 5}),
        ("/exec", {"Cmd": []}),
        ("/exec", {"Cmd": ["a"], "Env": "x"}),
        ("/exec", {"Cmd": ["a"], "DetachKeys": "zzz-zzz"}),
        ("/update", []),
        ("/update", {"Memory": "x"}),
        ("/update", {"Memory": 1}),
        ("/update", {"RestartPolicy": 5}),
    ],
    ids=str,
)
def test_a_wrong_body_about_a_container(api: Api, engine: Api, target: str, body: object) -> None:
    api.run("web", Env=["constraint:node==dockerhost01"])
    ours = api("POST", f"/v1.41/containers/web{target}", body)
    theirs = engine("POST", f"/v1.41/containers/web{target}", body)
    assert (ours.status, message(ours)) == (theirs.status, message(theirs))
    assert ours.status >= 400
