"""Constraints: a container lands only where it may, and the refusal says why not elsewhere.

Hosts: 01 application/ssd/prod, 02 application/hdd/dev, 03 database/ssd/prod.
"""

import pytest
from integration_tools import Api, Cli, message

ALL = {1, 2, 3}


def create(api: Api, *expressions: str, as_labels: bool = False) -> int | str:
    """The number of the host that a container with these constraints lands on, or the error."""
    body: dict[str, object] = {"Image": "busybox"}
    if as_labels:
        quoted = ",".join(f'"{expression}"' for expression in expressions)
        body["Labels"] = {"com.docker.swarm.constraints": f"[{quoted}]"}
    else:
        body["Env"] = [f"constraint:{expression}" for expression in expressions]
    answer = api("POST", "/containers/create", body)
    if answer.status != 201:
        assert answer.status == 500
        return message(answer)
    return int(api.node_of(answer.json()["Id"])[-1])


@pytest.mark.parametrize("as_labels", [False, True], ids=["env", "labels"])
@pytest.mark.parametrize(
    ("expressions", "allowed"),
    [
        pytest.param(["zone==database"], {3}, id="equal"),
        pytest.param(["zone!=database"], {1, 2}, id="not-equal"),
        pytest.param(["disk==ssd", "zone==application"], {1}, id="two"),
        pytest.param(["env==p*"], {1, 3}, id="glob"),
        pytest.param(["env!=p*"], {2}, id="not-glob"),
        pytest.param(["disk==/^(hdd|floppy)$/"], {2}, id="regex"),
        pytest.param(["disk!=/ssd/"], {2}, id="not-regex"),
        pytest.param(["node==dockerhost02"], {2}, id="node"),
        pytest.param(["node!=dockerhost02"], {1, 3}, id="not-node"),
        pytest.param(["node==/0[23]$/"], {2, 3}, id="node-regex"),
        pytest.param(["ostype==linux"], ALL, id="of-the-engine"),
        pytest.param(["storagedriver==*"], ALL, id="any-value"),
        pytest.param(["disk==~floppy"], ALL, id="soft-that-nobody-fits"),
        pytest.param(["disk==~hdd"], {2}, id="soft-that-somebody-fits"),
        pytest.param(["disk==ssd", "zone==~database"], {3}, id="soft-and-hard"),
        pytest.param(["nothing!=here"], ALL, id="label-that-nobody-has"),
    ],
)
def test_lands_only_where_it_may(
    api: Api, expressions: list[str], allowed: set[int], as_labels: bool
) -> None:
    landed = {create(api, *expressions, as_labels=as_labels) for _ in range(len(allowed) + 1)}
    assert landed == allowed


def test_several_are_spread_over_those_that_fit(api: Api) -> None:
    landed = [create(api, "zone==application") for _ in range(4)]
    assert sorted(landed) == [1, 1, 2, 2]


def test_refusal_names_every_node_and_its_reason(api: Api, docker: Cli) -> None:
    text = create(api, "zone==moon")
    assert isinstance(text, str)
    first, *rest = text.split("\n")
    assert first == "Unable to find a node that satisfies the following conditions "
    assert "zone==moon" in text
    for node in ("dockerhost01", "dockerhost02", "dockerhost03"):
        assert any(node in line for line in rest), text
    done = docker.fails("run", "-e", "constraint:zone==moon", "busybox", code=125)
    assert "Unable to find a node that satisfies the following conditions" in done.err


@pytest.mark.parametrize(
    "expression",
    [
        pytest.param("zone=ssd", id="one-equals-sign"),
        pytest.param("zone", id="no-operator"),
        pytest.param("==ssd", id="no-key"),
        pytest.param("z one==ssd", id="space-in-key"),
        pytest.param("zone==", id="no-value"),
        pytest.param("zone==a@b", id="letter-that-no-value-has"),
        pytest.param("zone==/(/", id="no-regex"),
    ],
)
def test_expression_that_makes_no_sense(api: Api, expression: str) -> None:
    body = {"Image": "busybox", "Env": [f"constraint:{expression}"]}
    answer = api("POST", "/containers/create", body)
    assert answer.status == 400, message(answer)
    assert message(answer)


def test_constraints_stay_with_the_container(api: Api) -> None:
    container = api.create(Env=["constraint:disk==hdd", "KEPT=1"])
    config = api.get(f"/containers/{container}/json")["Config"]
    assert config["Env"] == ["KEPT=1"] or "KEPT=1" in config["Env"]
    assert not any(entry.startswith("constraint") for entry in config["Env"])
    assert config["Labels"]["com.docker.swarm.constraints"] == '["disk==hdd"]'


def test_whitelist(api: Api) -> None:
    body = {"Image": "busybox", "Env": ["whitelist:node==dockerhost02|dockerhost03"]}
    landed = set()
    for _ in range(4):
        landed.add(api.node_of(api("POST", "/containers/create", body).json()["Id"]))
    assert landed == {"dockerhost02", "dockerhost03"}
