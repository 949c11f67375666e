"""docker-py: commands in a running container."""

import socket

import pytest
from docker import DockerClient
from docker.errors import APIError, NotFound
from docker.models.containers import Container
from docker_py_tools import script, sleeper
from integration_tools import read_all, unframed, until


@pytest.fixture
def container(client: DockerClient) -> Container:
    """A running container."""
    return sleeper(client, name="web")


def test_code_and_output(container: Container) -> None:
    code, output = container.exec_run(script("echo out; exit 4"))
    assert (code, output) == (4, b"out\n")


def test_a_command_may_be_a_string(container: Container) -> None:
    assert container.exec_run("echo 'a  b' c").output == b"a  b c\n"


@pytest.mark.parametrize(
    ("stdout", "stderr", "output"),
    [(True, False, b"out\n"), (False, True, b"err\n"), (True, True, b"out\nerr\n")],
)
def test_streams_can_be_chosen(
    container: Container, stdout: bool, stderr: bool, output: bytes
) -> None:
    command = script("echo out; sleep 0.1; echo err >&2")
    assert container.exec_run(command, stdout=stdout, stderr=stderr).output == output


def test_streams_can_be_told_apart(container: Container) -> None:
    code, output = container.exec_run(script("echo out; echo err >&2; exit 4"), demux=True)
    assert (code, output) == (4, (b"out\n", b"err\n"))
    assert container.exec_run("true", demux=True).output == (None, None)


def test_output_as_it_comes(container: Container) -> None:
    code, pieces = container.exec_run(script("echo 1; sleep 0.2; echo 2"), stream=True)
    assert code is None
    assert list(pieces) == [b"1\n", b"2\n"]


def test_output_as_it_comes_told_apart(container: Container) -> None:
    command = script("echo out; sleep 0.2; echo err >&2")
    _, pieces = container.exec_run(command, stream=True, demux=True)
    assert list(pieces) == [(b"out\n", None), (None, b"err\n")]


def test_a_megabyte(container: Container) -> None:
    output = container.exec_run(script("head -c 1000000 /dev/zero")).output
    assert output == bytes(1000000)


@pytest.mark.parametrize(
    ("options", "command", "output"),
    [
        pytest.param({"workdir": "/tmp"}, "pwd", b"/tmp\n", id="workdir"),
        pytest.param({"environment": {"A": "1"}}, script("echo $A"), b"1\n", id="environment"),
        pytest.param({"environment": ["A=2"]}, script("echo $A"), b"2\n", id="environment-list"),
        pytest.param({"user": "nobody"}, "id -u", b"65534\n", id="user"),
        pytest.param({"user": "12:34"}, script("id -u; id -g"), b"12\n34\n", id="user-and-group"),
        pytest.param({"tty": True}, "tty", b"/dev/pts/0\r\n", id="tty"),
    ],
)
def test_settings(
    container: Container, options: dict[str, object], command: str | list[str], output: bytes
) -> None:
    assert container.exec_run(command, **options).output == output


def test_a_privileged_one_is_told_as_such(client: DockerClient, container: Container) -> None:
    made = client.api.exec_create(container.id, "true", privileged=True)
    assert client.api.exec_inspect(made)["ProcessConfig"]["privileged"] is True


def test_one_in_the_background(client: DockerClient, container: Container) -> None:
    code, output = container.exec_run(script("sleep 0.2; touch /done"), detach=True)
    assert (code, output) == (None, "")
    until(lambda: container.exec_run("test -e /done").exit_code == 0, 5, "its end")


def test_its_socket_takes_input_to_its_end(client: DockerClient, container: Container) -> None:
    made = client.api.exec_create(container.id, "cat", stdin=True)
    reader = client.api.exec_start(made, socket=True)
    assert client.api.exec_inspect(made)["Running"] is True
    reader._sock.sendall(b"typed\n")
    reader._sock.shutdown(socket.SHUT_WR)
    assert unframed(read_all(reader._sock))[1] == b"typed\n"
    reader.close()
    until(lambda: client.api.exec_inspect(made)["ExitCode"] == 0, 5, "its end")


def test_its_terminal_echoes(container: Container) -> None:
    _, reader = container.exec_run("cat", stdin=True, socket=True, tty=True)
    reader._sock.sendall(b"typed\n")
    text = b""
    while text.count(b"typed\r\n") < 2:
        text += reader.read(1)
    assert text == b"typed\r\ntyped\r\n"
    reader.close()


def test_its_terminal_has_a_size(client: DockerClient, container: Container) -> None:
    made = client.api.exec_create(container.id, script("read x; stty size"), stdin=True, tty=True)
    reader = client.api.exec_start(made, tty=True, socket=True)
    client.api.exec_resize(made, height=33, width=99)
    reader._sock.sendall(b"go on\n")
    assert read_all(reader._sock).endswith(b"33 99\r\n")
    reader.close()


def test_inspect(client: DockerClient, container: Container) -> None:
    made = client.api.exec_create("web", ["sh", "-c", "exit 4"], user="nobody")
    before = client.api.exec_inspect(made["Id"])
    assert (before["Running"], before["ExitCode"]) == (False, None)
    assert before["ContainerID"] == container.id
    assert before["ProcessConfig"]["entrypoint"] == "sh"
    assert before["ProcessConfig"]["arguments"] == ["-c", "exit 4"]
    client.api.exec_start(made)
    assert client.api.exec_inspect(made)["ExitCode"] == 4
    container.reload()
    assert container.attrs["ExecIDs"] is None


def test_a_command_that_is_not_there(container: Container) -> None:
    code, output = container.exec_run("no-such")
    assert code == 126
    assert b"executable file not found" in output


def test_an_unknown_one(client: DockerClient) -> None:
    with pytest.raises(NotFound, match="No such exec instance"):
        client.api.exec_inspect("0" * 64)


def test_a_container_must_run(client: DockerClient) -> None:
    stopped = client.containers.create("busybox")
    with pytest.raises(APIError, match=f"[Cc]ontainer {stopped.id} is not running") as caught:
        stopped.exec_run("true")
    assert caught.value.status_code == 409
    paused = sleeper(client)
    paused.pause()
    with pytest.raises(APIError, match="is paused, unpause the container before exec"):
        paused.exec_run("true")
