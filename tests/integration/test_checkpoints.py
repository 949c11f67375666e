"""Checkpoints: engines that are not experimental refuse them, and so does the cluster."""

import pytest
from integration_tools import Api, Cli, at_an_engine

from lab.cluster import Lab


@pytest.mark.parametrize(
    "words",
    [("create", "web", "one"), ("ls", "web"), ("rm", "web", "one")],
    ids=["create", "ls", "rm"],
)
def test_the_client_says_what_it_says_of_an_engine(
    any_docker: Cli, lab: Lab, words: tuple[str, ...]
) -> None:
    any_docker("run", "-d", "--name", "web", "busybox", "sleep", "600")
    done = any_docker.fails("checkpoint", *words, code=1)
    alone = at_an_engine(any_docker, lab).fails("checkpoint", *words, code=1)
    assert done.err == alone.err
    assert "experimental" in done.err


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", ""), ("POST", ""), ("DELETE", "/one"), ("POST", "?force=1")],
)
def test_a_call_gets_the_engines_own_refusal(api: Api, lab: Lab, method: str, path: str) -> None:
    container = api.run("web")
    home = next(e for e in lab.engines if e.name == api.node_of(container))
    target = f"/containers/{container}/checkpoints{path}"
    body = {"CheckpointID": "one"} if method == "POST" else None
    answer, alone = (one(method, target, body) for one in (api, Api(home.socket)))
    assert (answer.status, answer.body) == (alone.status, alone.body)
    assert answer.status >= 400
