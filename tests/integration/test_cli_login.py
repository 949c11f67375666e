"""``docker login`` and what it opens: private images, at a registry that wants a password."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from image_tools import ids, reset_images
from integration_tools import Api, Cli, at_an_engine, message
from registry_tools import PASSWORD, USER, private_registry

from lab.cluster import Lab
from lab.install import find

REFUSED = "no basic auth credentials"


@pytest.fixture(scope="module")
def registry(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Host and port of the registry."""
    with private_registry(lab, tmp_path_factory.mktemp("registry")) as endpoint:
        yield endpoint


@pytest.fixture(scope="module")
def image(lab: Lab, registry: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Name of an image that only this registry has."""
    name = f"{registry}/private:1"
    settings = {"DOCKER_CONFIG": str(tmp_path_factory.mktemp("settings"))}
    cli = Cli(find().current_docker, lab.engines[0].url, environment=settings)
    log_in(cli, registry)
    cli("tag", "busybox", name)
    cli("push", name)
    cli("rmi", name)
    return name


@pytest.fixture
def stranger(any_docker: Cli, tmp_path: Path, lab: Lab, api: Api) -> Iterator[Cli]:
    """Each client in turn, with settings of its own, which know no password."""
    yield replace(any_docker, environment={"DOCKER_CONFIG": str(tmp_path)})
    reset_images(lab, api)


@pytest.fixture
def user(stranger: Cli, registry: str) -> Cli:
    """The same client, logged in."""
    log_in(stranger, registry)
    return stranger


def log_in(cli: Cli, registry: str) -> None:
    """Log in as somebody whom the registry knows."""
    done = cli("login", "-u", USER, "--password-stdin", registry, stdin=PASSWORD.encode())
    assert "Login Succeeded" in done.out


def known(cli: Cli) -> list[str]:
    """The registries that a client has a password for."""
    settings = Path(cli.environment["DOCKER_CONFIG"]) / "config.json"
    return list(json.loads(settings.read_text()).get("auths", {}))


def test_login_and_logout(user: Cli, registry: str) -> None:
    assert known(user) == [registry]
    assert "Login Succeeded" in user("login", registry).out  # by the password that it has
    assert f"Removing login credentials for {registry}" in user("logout", registry).out
    assert known(user) == []


def test_a_wrong_password_is_refused_as_by_an_engine(
    stranger: Cli, registry: str, lab: Lab
) -> None:
    words = ("login", "-u", USER, "-p", "wrong", registry)
    done = stranger.fails(*words, code=1)
    alone = at_an_engine(stranger, lab).fails(*words, code=1)
    assert done.err == alone.err
    assert "401 Unauthorized" in done.err


def test_the_call_gets_the_registrys_answer(api: Api, engine: Api, registry: str) -> None:
    body = {"username": USER, "password": PASSWORD, "serveraddress": registry}
    told = {"IdentityToken": "", "Status": "Login Succeeded"}
    for one in (api, engine):
        answer = one("POST", "/auth", body)
        assert (answer.status, answer.json()) == (200, told)
    wrong = {**body, "password": "wrong"}
    answer, alone = (one("POST", "/auth", wrong) for one in (api, engine))
    assert (answer.status, message(answer)) == (alone.status, message(alone))
    assert message(answer).endswith("failed with status: 401 Unauthorized")


def test_a_stranger_gets_nothing(stranger: Cli, image: str) -> None:
    assert REFUSED in stranger.fails("pull", image, code=1).err
    assert REFUSED in stranger.fails("run", "--rm", image, "true", code=125).err
    stranger("tag", "busybox", image)
    assert REFUSED in stranger.fails("push", image, code=1).err


def test_a_pull_brings_it_to_every_engine(user: Cli, image: str, lab: Lab) -> None:
    user("pull", image)
    (one,) = set(ids(lab, image))
    assert one


def test_a_run_brings_it_where_the_container_lands(user: Cli, image: str, lab: Lab) -> None:
    here = ("-e", "constraint:node==dockerhost02")
    done = user("run", "--rm", *here, image, "echo", "hi")
    assert done.out == "hi\n"
    assert f"Unable to find image '{image}' locally" in done.err
    assert [bool(one) for one in ids(lab, image)] == [False, True, False]


def test_another_engine_gets_it_from_the_first(user: Cli, image: str, lab: Lab) -> None:
    for host in ("dockerhost02", "dockerhost03"):
        here = ("-e", f"constraint:node=={host}")
        assert user("run", "--rm", *here, image, "echo", "hi").out == "hi\n"
    assert [bool(one) for one in ids(lab, image)] == [False, True, True]


def test_what_the_cluster_has_is_anybodys_as_on_one_engine(
    user: Cli, image: str, registry: str
) -> None:
    user("run", "--rm", "-e", "constraint:node==dockerhost02", image, "true")
    user("logout", registry)
    elsewhere = ("-e", "constraint:node==dockerhost03")
    assert user("run", "--rm", *elsewhere, image, "echo", "hi").out == "hi\n"
    assert REFUSED in user.fails("pull", image, code=1).err


def test_a_push_and_a_pull_of_its_own(user: Cli, registry: str, lab: Lab) -> None:
    name = f"{registry}/made:{user.program.parent.name}"
    user("tag", "busybox", name)
    assert "digest: sha256:" in user("push", name).out
    user("rmi", name)
    assert set(ids(lab, name)) == {""}
    assert user("run", "--rm", name, "echo", "hi").out == "hi\n"
