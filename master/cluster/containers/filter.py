"""What ``docker ps --filter`` means: each key a test of one container.

Values of one key are alternatives, except for labels, which all have to be there; different keys
all have to fit. Source: docs.docker.com/reference/cli/docker/container/ls, and moby's list.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from master.cluster.containers.status_text import exit_code, health
from master.cluster.filters import (
    Filters,
    Matcher,
    Patterns,
    bad_value,
    check_keys,
    label_test,
    matcher,
    number_fault,
    whole_number,
    yes_or_no,
)
from master.cluster.images.index import ImageIndex
from master.cluster.images.reference import reference_key
from master.cluster.lenient import as_mapping, as_mappings
from master.cluster.model import Container, Engine
from master.cluster.networks.edits import endpoints_of
from master.cluster.resolve import find_prefix, resolve
from master.cluster.state import ClusterState
from master.errors import BadRequestError, NotFoundError

Predicate = Callable[[Container, Engine], bool]
Values = tuple[str, ...]

STATES = frozenset({"created", "dead", "exited", "paused", "removing", "restarting", "running"})
HEALTHS = frozenset({"none", "starting", "healthy", "unhealthy"})

_TASK_LABEL = "com.docker.swarm.task.id"
"""Swarm mode writes it on the containers of its tasks; a list row tells it in no other way."""

_MAX_PORT = 65_535


def check_filters(filters: Filters) -> None:
    """Refuse keys and values that make no sense, whatever containers there are.

    Raises:
        BadRequestError: in Docker's words.
    """
    check_keys(filters, ACCEPTED)
    for value in filters.get("status", ()):
        if value not in STATES:
            raise bad_value("status", value)
    for value in filters.get("health", ()):
        if value not in HEALTHS:
            raise BadRequestError(f"unrecognized filter value for health: {value}")
    yes_or_no(filters, "is-task")
    for value in filters.get("exited", ()):
        if whole_number(value) is None:
            raise bad_value("exited", value, number_fault("Atoi", value))
    for key in ("publish", "expose"):
        _wanted_ports(key, filters.get(key, ()))


def reference_point(state: ClusterState, values: Values) -> Container | None:
    """Return the container that ``before`` or ``since`` means; of several values the last.

    Raises:
        NotFoundError: there is none.
    """
    return resolve(state, values[-1]).container if values else None


def predicates(state: ClusterState, filters: Filters) -> list[Predicate]:
    """Return the tests a container has to pass, the cheap ones first.

    Raises:
        BadRequestError: a value is no regular expression where one is expected.
    """
    given = {key: values for key, values in filters.items() if values}
    tests = [make(given[key]) for key, make in _TESTS.items() if key in given]
    if "id" in given:
        tests.append(_id(state, given["id"]))
    if "ancestor" in given:
        tests.append(_ancestor(state.image_index(), given["ancestor"]))
    if "publish" in given or "expose" in given:
        tests.append(_ports(given.get("publish", ()), given.get("expose", ())))
    return tests


def _status(values: Values) -> Predicate:
    return lambda container, _: container.state in values


def _exited(values: Values) -> Predicate:
    codes = {int(value) for value in values}

    def test(container: Container, _: Engine) -> bool:
        has_run = not container.is_up and container.state != "created"
        return has_run and exit_code(container) in codes

    return test


def _label(values: Values) -> Predicate:
    has_all = label_test(values)
    return lambda container, _: has_all(container.labels)


def _health(values: Values) -> Predicate:
    return lambda container, _: health(container) in values


def _is_task(values: Values) -> Predicate:
    wanted = not {"1", "true"}.isdisjoint(values)
    return lambda container, _: (_TASK_LABEL in container.labels) is wanted


def _node(values: Values) -> Predicate:
    matches = matcher("node", values)
    return lambda _, engine: matches(engine.name) or engine.id in values or engine.address in values


def _name(values: Values) -> Predicate:
    """Match a name in each of its spellings: anchors have to fit ``web`` and ``node/web``.

    The node counts only for values with a slash inside: ``web`` must not mean everything on a
    node that is called ``web-1``.
    """
    on_any_node = Patterns("name", values).matcher("", "/")
    with_node = [value for value in values if "/" in value.lstrip("(^\\/?")]
    if not with_node:
        return lambda container, _: on_any_node(container.name)
    patterns = Patterns("name", with_node)
    by_node: dict[str, Matcher] = {}

    def test(container: Container, engine: Engine) -> bool:
        if on_any_node(container.name):
            return True
        node = engine.name or engine.address
        if (matches := by_node.get(node)) is None:
            matches = by_node[node] = patterns.matcher(f"{node}/", f"/{node}/")
        return matches(container.name)

    return test


def _network(values: Values) -> Predicate:
    def test(container: Container, _: Engine) -> bool:
        networks = endpoints_of(container.row)
        ids = [str(as_mapping(network).get("NetworkID", "")) for network in networks.values()]
        return any(value in networks or any(i.startswith(value) for i in ids) for value in values)

    return test


def _volume(values: Values) -> Predicate:
    def test(container: Container, _: Engine) -> bool:
        return any(
            (mount.get("Name") or mount.get("Source")) in values
            or mount.get("Destination") in values
            for mount in as_mappings(container.row.get("Mounts"))
        )

    return test


def _id(state: ClusterState, values: Values) -> Predicate:
    """Match the one container that a prefix fits; one that fits several fits none, as Docker's."""
    keys = {(c.engine, c.id) for value in values if (c := find_prefix(state, value)) is not None}
    return lambda container, _: (container.engine, container.id) in keys


def _ancestor(images: ImageIndex, values: Values) -> Predicate:
    """Match containers of an image, or of one that was built on it."""
    family = {pair for value in values for pair in _family(images, value)}
    names = {reference_key(value) for value in values} - {""}

    def test(container: Container, _: Engine) -> bool:
        # The row's own word counts too: an engine's images may not have been listed yet.
        is_of_family = (container.engine, container.image_id) in family
        return is_of_family or reference_key(container.image) in names

    return test


def _family(images: ImageIndex, reference: str) -> set[tuple[str, str]]:
    try:
        found = images.resolve(reference)
    except (NotFoundError, BadRequestError):
        # Docker finds no container then, and no fault either.
        return set()
    return {
        (address, image_id)
        for address, image in found
        for image_id in (image.id, *images.descendants(address, image.id))
    }


def _ports(publish: Values, expose: Values) -> Predicate:
    """Match a port that is published as one of *publish*, or exposed as one of *expose*."""
    public = _wanted_ports("publish", publish)
    private = _wanted_ports("expose", expose)

    def test(container: Container, _: Engine) -> bool:
        return any(
            (port.get("PublicPort", 0), port.get("Type")) in public
            or (port.get("PrivatePort"), port.get("Type")) in private
            for port in as_mappings(container.row.get("Ports"))
        )

    return test


def _wanted_ports(key: str, values: Values) -> frozenset[tuple[int, str]]:
    """Read ``80``, ``80/udp``, ``8000-8010/tcp``.

    Raises:
        BadRequestError: it is none of these.
    """
    wanted: set[tuple[int, str]] = set()
    for value in values:
        if ":" in value:
            raise BadRequestError(f"filter for '{key}' should not contain ':': {value}")
        ports, protocol = (*value.split("/"), "tcp")[:2]
        try:
            first, last = _port_range(ports)
        except ValueError as exc:
            raise BadRequestError(f"error while looking up for {key} {value}: {exc}") from exc
        wanted.update((port, protocol or "tcp") for port in range(first, last + 1))
    return frozenset(wanted)


def _port_range(text: str) -> tuple[int, int]:
    """Read ``80`` or ``8000-8010``.

    Raises:
        ValueError: it is neither, in Docker's words.
    """
    if not text:
        raise ValueError("Empty string specified for ports.")
    first, dash, last = text.partition("-")
    start, stop = _port(first), _port(last if dash else first)
    if start > stop:
        raise ValueError(f"Invalid range specified for the Port: {text}")
    return start, stop


def _port(text: str) -> int:
    port = None if text.startswith(("+", "-")) else whole_number(text)
    if port is None or port > _MAX_PORT:
        raise ValueError(number_fault("ParseUint", text))
    return port


_TESTS: Mapping[str, Callable[[Values], Predicate]] = {
    "status": _status,
    "label": _label,
    "node": _node,
    "name": _name,
    "exited": _exited,
    "is-task": _is_task,
    "health": _health,
    "network": _network,
    "volume": _volume,
}

ACCEPTED = frozenset(
    {*_TESTS, "ancestor", "before", "expose", "id", "isolation", "publish", "since"}
)
"""``isolation`` is accepted and lets everything pass, as on every engine that isn't Windows."""
