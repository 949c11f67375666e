"""docker-py and a registry that wants a password."""

from collections.abc import Iterator

import pytest
from docker import DockerClient
from docker.errors import APIError
from docker_py_tools import run
from image_tools import ids, reset_images
from integration_tools import Api, until
from registry_tools import PASSWORD, USER, private_registry

from lab.cluster import Lab

ME = {"username": USER, "password": PASSWORD}


@pytest.fixture(scope="module")
def registry(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Host and port of a registry that knows `ME` only."""
    with private_registry(lab, tmp_path_factory.mktemp("registry")) as endpoint:
        yield endpoint


@pytest.fixture
def private(client: DockerClient, lab: Lab, api: Api, registry: str) -> Iterator[str]:
    """An image that only this registry has."""
    name = f"{registry}/private"
    client.images.get("busybox").tag(name, "1")
    told = client.images.push(name, "1", auth_config=ME)
    assert "error" not in told
    client.images.remove(f"{name}:1")
    yield name
    reset_images(lab, api)


def test_login(client: DockerClient, registry: str) -> None:
    told = client.login(**ME, email="me@lab.test", registry=registry, reauth=True)
    assert told["Status"] == "Login Succeeded"
    with pytest.raises(APIError, match=r"unauthorized|401") as caught:
        client.login("me", "wrong", registry=registry, reauth=True)
    assert caught.value.is_error()


def test_without_a_password(client: DockerClient, private: str) -> None:
    with pytest.raises(APIError, match="no basic auth credentials"):
        client.images.pull(private, tag="1")
    with pytest.raises(APIError, match="no basic auth credentials"):
        client.containers.run(f"{private}:3", "true")
    client.images.get("busybox").tag(private, "2")
    assert "no basic auth credentials" in client.images.push(private, "2")


def test_a_password_with_the_call(client: DockerClient, lab: Lab, private: str) -> None:
    image = client.images.pull(private, tag="1", auth_config=ME)
    assert ids(lab, f"{private}:1") == [image.id] * 3
    told = client.images.get_registry_data(f"{private}:1", auth_config=ME)
    assert told.has_platform("linux/amd64")


def test_a_login_is_remembered(client: DockerClient, lab: Lab, private: str, registry: str) -> None:
    client.login(**ME, registry=registry)
    assert run(client, ["echo", "hi"], image=f"{private}:1") == "hi\n"
    client.images.get("busybox").tag(private, "2")
    assert "error" not in client.images.push(private, "2")
    assert client.images.get_registry_data(f"{private}:2").id.startswith("sha256:")


def test_what_only_another_host_may_have_is_pulled_with_the_users_password(
    client: DockerClient, lab: Lab, private: str, registry: str
) -> None:
    """A name with a digest can't be copied between hosts, and without a password it is refused."""
    client.login(**ME, registry=registry)
    client.images.pull(private, tag="1", auth_config=ME)
    for engine in lab.engines[1:]:
        engine.docker("rmi", f"{private}:1")
    until(lambda: ids(lab, f"{private}:1")[1:] == ["", ""])
    digests = client.images.get(f"{private}:1").attrs["RepoDigests"]
    by_digest = next(name for name in digests if name.startswith(private))
    on_another = ["constraint:node==dockerhost02"]
    assert run(client, ["echo", "hi"], image=by_digest, environment=on_another) == "hi\n"
