"""docker-py in the integration tests: a client that leaves nothing open, and what it often does."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from docker import DockerClient
from docker.models.containers import Container
from requests import Response

SLEEP = ["sleep", "600"]
"""A command that goes on until it is killed."""


@contextmanager
def connect(url: str, **options: Any) -> Iterator[DockerClient]:
    """A client of the library, pointed at *url*; nothing of it is open at the end."""
    with closing_all(DockerClient(base_url=url, **options)) as client:
        yield client


@contextmanager
def closing_all(client: DockerClient) -> Iterator[DockerClient]:
    """*client*; at the end it is closed, with the connections that the library forgets.

    Those are the ones of its streams, and of each exec and attach.
    """
    answers: list[Response] = []
    client.api.hooks["response"].append(lambda answer, **_: answers.append(answer))
    try:
        yield client
    finally:
        for answer in answers:
            with suppress(ValueError):  # its file is closed if a test has closed its socket
                answer.close()
            if (connection := answer.raw._connection) is not None:
                connection.close()
        client.close()


def sleeper(client: DockerClient, **options: Any) -> Container:
    """A container of busybox that runs until it is killed, and that dies of the first signal."""
    return client.containers.run("busybox", SLEEP, detach=True, stop_signal="SIGKILL", **options)


def run(
    client: DockerClient, command: str | list[str] | None, image: str = "busybox", **options: Any
) -> str:
    """What a command in a container writes; the container is gone afterwards."""
    output: bytes = client.containers.run(image, command, remove=True, **options)
    return output.decode()


def script(text: str) -> list[str]:
    """*text* for busybox's shell."""
    return ["sh", "-c", text]


def node_of(container: Container) -> str:
    """The node that a container is on, as its inspect tells."""
    return str(container.attrs["Node"]["Name"])
