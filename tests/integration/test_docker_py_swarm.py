"""docker-py: swarm mode, which the cluster refuses as an engine does that is in none."""

from collections.abc import Callable

import pytest
from docker import DockerClient
from docker.errors import APIError

NOT_A_MANAGER = "This node is not a swarm manager"


@pytest.mark.parametrize(
    "call",
    [
        pytest.param(lambda client: client.swarm.reload(), id="inspect"),
        pytest.param(lambda client: client.swarm.get_unlock_key(), id="unlock-key"),
        pytest.param(lambda client: client.nodes.list(), id="nodes"),
        pytest.param(lambda client: client.nodes.get("x"), id="node"),
        pytest.param(lambda client: client.services.list(), id="services"),
        pytest.param(lambda client: client.services.create("busybox"), id="service-create"),
        pytest.param(lambda client: client.services.get("x"), id="service"),
        pytest.param(lambda client: client.api.tasks(), id="tasks"),
        pytest.param(lambda client: client.secrets.list(), id="secrets"),
        pytest.param(lambda client: client.secrets.create(name="x", data=b"y"), id="secret"),
        pytest.param(lambda client: client.configs.list(), id="configs"),
        pytest.param(lambda client: client.configs.create(name="x", data=b"y"), id="config"),
    ],
)
def test_swarm_mode_is_refused(
    client: DockerClient, call: Callable[[DockerClient], object]
) -> None:
    with pytest.raises(APIError, match=NOT_A_MANAGER) as caught:
        call(client)
    assert (caught.value.status_code, caught.value.is_server_error()) == (503, True)


def test_nothing_can_be_left(client: DockerClient) -> None:
    with pytest.raises(APIError, match="This node is not part of a swarm") as caught:
        client.swarm.leave()
    assert caught.value.status_code == 503
    assert client.swarm.leave(force=True) is True
