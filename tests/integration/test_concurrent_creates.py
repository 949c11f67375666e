"""Many clients at once: nothing is given out twice."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from integration_tools import Api, message, nodes_of

from lab.http import Answer

CLIENTS = 30


def at_once(api: Api, name: str = "", **body: object) -> list[Answer]:
    """Create so many containers at the same time."""
    target = "/containers/create" + (f"?name={name}" if name else "")
    full = {"Image": "busybox", "Cmd": ["true"], **body}
    with ThreadPoolExecutor(CLIENTS) as pool:
        return list(pool.map(lambda _: api("POST", target, full, timeout_s=40), range(CLIENTS)))


def test_one_name_is_given_to_one(api: Api) -> None:
    answers = at_once(api, "only")
    assert Counter(answer.status for answer in answers) == {201: 1, 409: CLIENTS - 1}
    refusals = {message(answer) for answer in answers if answer.status == 409}
    assert len(refusals) == 1
    assert "The name only is already assigned" in refusals.pop()
    assert len(api.get("/containers/json?all=1")) == 1


def test_one_port_is_given_to_one_on_each_host(api: Api) -> None:
    answers = at_once(
        api, ExposedPorts={"80/tcp": {}},
        HostConfig={"PortBindings": {"80/tcp": [{"HostPort": "8099"}]}},
    )  # fmt: skip
    assert Counter(answer.status for answer in answers) == {201: 3, 500: CLIENTS - 3}
    nodes = {api.node_of(answer.json()["Id"]) for answer in answers if answer.status == 201}
    assert len(nodes) == 3


def test_memory_is_given_out_once(api: Api) -> None:
    total = int(api.get("/info")["MemTotal"]) // 3
    share = total // 4 + (1 << 20)  # three fit on a host, four don't
    answers = at_once(api, HostConfig={"Memory": share})
    assert Counter(answer.status for answer in answers) == {201: 9, 500: CLIENTS - 9}
    nodes = nodes_of(api.get("/info"))
    assert [facts["Containers"].split()[0] for facts in nodes.values()] == ["3", "3", "3"]


def test_they_are_spread(api: Api) -> None:
    answers = at_once(api)
    assert {answer.status for answer in answers} == {201}
    for answer in answers:
        assert api("POST", f"/containers/{answer.json()['Id']}/start").status == 204
    assert len(api.get("/containers/json?all=1")) == CLIENTS
