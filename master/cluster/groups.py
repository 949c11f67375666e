"""Things that belong together by a label: a compose project, a CI job, a test session.

A group's volumes are made on one node if that can be, so that a container can mount any of them
together, and its containers are drawn to the node of its volumes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from master.cluster.rows import epoch
from master.cluster.state import ClusterState
from master.cluster.volumes.listing import volumes_in_use
from scheduler.types import Node

GROUP_LABELS = (
    "com.docker.swarm.group",
    "com.docker.compose.project",
    "com.gitlab.gitlab-runner.job.id",
    "org.testcontainers.session-id",
    "org.testcontainers.sessionId",
)
"""The first one that a thing has decides."""
_REAPER = "testcontainers-ryuk-"
"""Name, before the session's ID, of the container that removes the session's things when its tests
end. It does so with its node's Docker socket, so it sees that node only. Python's bears no label.
Source: testcontainers-python, core/container.py; the same in its other languages."""

_WAIT_S = 600.0
"""Ten minutes after it was made, nobody is about to mount a volume."""

Group = tuple[str, str]
"""Label and value."""


def group_of(labels: Mapping[str, object]) -> Group | None:
    """Return the group that *labels* name; None if they name none."""
    for label in GROUP_LABELS:
        value = labels.get(label)
        if isinstance(value, str) and value:
            return label, value
    return None


def waiting_first(state: ClusterState, nodes: Sequence[Node], now: float) -> list[Node]:
    """Return *nodes* with those first where volumes wait for their first container.

    ``docker volume create a``, ``docker volume create b``, ``docker run -v a:/a -v b:/b``: the
    volumes have to be on one node, though nothing says so when they are made.

    Args:
        state: read only.
        nodes: all of them fit, best first.
        now: seconds since the epoch.
    """
    engines = state.engines()
    used = volumes_in_use(state.containers())
    waiting = {
        volume.engine
        for volume in state.volumes()
        if volume.is_local
        and group_of(volume.labels) is None
        and (volume.engine, volume.name) not in used
        and now - epoch(volume.row.get("CreatedAt")) - engines[volume.engine].clock_skew_s < _WAIT_S
    }
    return sorted(nodes, key=lambda node: node.addr not in waiting)


def nearest_first(
    state: ClusterState, nodes: Sequence[Node], group: Group | None, *, with_containers: bool
) -> list[Node]:
    """Return *nodes* with those first that have local volumes of *group*; else in their order.

    Next comes the node of a test session's reaper, so that it can remove what follows it.

    Args:
        state: read only.
        nodes: all of them fit, best first.
        group: None changes nothing.
        with_containers: nodes that have containers of the group come last of these.
    """
    if group is None:
        return list(nodes)
    label, value = group
    with_volumes = {
        volume.engine
        for volume in state.volumes()
        if volume.is_local and volume.labels.get(label) == value
    }

    def rank(node: Node) -> int:
        if node.addr in with_volumes:
            return 0
        if any(container.name == f"{_REAPER}{value}" for container in node.containers):
            return 1
        if with_containers and any(c.labels.get(label) == value for c in node.containers):
            return 2
        return 3

    return sorted(nodes, key=rank)
