"""From one container to the entries that it should have."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from agent.rules import checks
from agent.rules.addresses import address_of
from agent.rules.container import Container, Port
from agent.rules.flags import flag
from agent.rules.metadata import (
    STEERING,
    Metadata,
    checked_tags,
    read_metadata,
    split_tags,
    within_limit,
)
from agent.rules.refusal import Refusal, RefusedError, shown
from common.durations import parse_duration
from services import drain
from services.entry import ServiceEntry, is_name

MAX_ENTRIES = 256
"""Of one container: a range of ten thousand ports is one thing's, not ten thousand services."""

_OURS = STEERING | {"tags", "drain"}
"""Keys that only agents and managers need."""
_FOR_ROUTERS = "check_http"
"""Of the checks, the one that a proxy can make as well as Consul."""
_PROTOCOLS = frozenset({"tcp", "udp"})
_HEX = re.compile(r"(?:sha256:)?([0-9a-f]{7,64})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Options:
    """How this host registers."""

    host: str
    """The engine's name."""
    host_ip: str
    """Where others reach what the host publishes on all its interfaces."""
    is_internal: bool = False
    """Containers' own addresses and ports, for networks that reach over hosts."""
    is_explicit: bool = False
    """Only what has a SERVICE_NAME."""
    tags: tuple[str, ...] = ()
    """For every entry."""


@dataclass(frozen=True, slots=True)
class Registration:
    """An entry, and what only Consul's catalog makes use of."""

    entry: ServiceEntry
    checks: Mapping[str, str] = field(default_factory=dict)
    """The ``check_*`` keys."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What one container should have."""

    registrations: tuple[Registration, ...] = ()
    refusals: tuple[Refusal, ...] = ()


@dataclass(frozen=True, slots=True)
class HostWanted:
    """What one host should have."""

    registrations: tuple[Registration, ...] = ()
    unread: frozenset[str] = frozenset()
    """Names of containers of which nothing is known: what they have already is left as it is."""


def wanted_of(container: Container, options: Options) -> Wanted:
    """Return the entries of *container*, sorted by port; none while it does not serve.

    Whatever its variables and labels say, each entry can be read back by `services.entry`.
    """
    if not container.is_serving:
        return Wanted()
    metadata = read_metadata(container)
    registrations: list[Registration] = []
    refusals = [*metadata.refusals, *_drain_refusals(metadata)]
    for port in sorted(container.exposed | container.published.keys()):
        try:
            found, problems = _registration(container, port, metadata, options)
        except RefusedError as exc:
            refusals.append(Refusal(exc.refusal.reason, f"port {port.number}: {exc.refusal.text}"))
            continue
        refusals += problems
        if found is None:
            continue
        if len(registrations) == MAX_ENTRIES:
            text = f"more than {MAX_ENTRIES} ports: those from {port.number} on are left out"
            refusals.append(Refusal("ports", text))
            break
        registrations.append(found)
    # Several ports share a bad value: it is told of once.
    return Wanted(tuple(registrations), tuple(dict.fromkeys(refusals)))


def _registration(
    container: Container, port: Port, metadata: Metadata, options: Options
) -> tuple[Registration | None, tuple[Refusal, ...]]:
    """Return what stands for *port* (None: nothing), and what is left out of it.

    Raises:
        RefusedError: it asks for what cannot be.
    """
    said = metadata.of_port(port.number)
    # Any value counts, as in classic Registrator.
    if said.get("ignore") or (options.is_explicit and not said.get("name")):
        return None, ()
    internal, problems = _is_internal(said, options)
    address = address_of(container, port, said, options.host_ip, internal=internal)
    if address is None:
        return None, problems
    waits, more = _waits_for_health(container, said)
    problems += more
    if waits:
        return None, problems
    entry, more = _entry(container, port, said, options, address)
    asked = {key: value for key, value in said.items() if key.startswith(checks.PREFIX)}
    return Registration(entry, asked), (*problems, *more)


def _is_internal(said: Mapping[str, str], options: Options) -> tuple[bool, tuple[Refusal, ...]]:
    usual = options.is_internal or bool(said.get("network"))
    if "internal" not in said:
        return usual, ()
    try:
        return flag(said["internal"]), ()
    except ValueError as exc:
        return usual, (Refusal("internal", f"SERVICE_INTERNAL {exc}: {shown(said['internal'])}"),)


def _drain_refusals(metadata: Metadata) -> Iterable[Refusal]:
    """Yield what managers cannot make of SERVICE_DRAIN; the logs that people read are here."""
    text = metadata.general.get("drain", "")
    try:
        if text and parse_duration(text) > drain.seconds_of(text):
            yield Refusal(
                "drain", f"{drain.SETTING} is {drain.LONGEST_S:g}s at most: {shown(text)}"
            )
    except ValueError:
        yield Refusal("drain", f"{drain.SETTING} is no duration, such as 5s: {shown(text)}")
    if any("drain" in said for said in metadata.by_port.values()):
        yield Refusal("drain", f"{drain.SETTING} is of a whole container, not of one port")


def _waits_for_health(
    container: Container, said: Mapping[str, str]
) -> tuple[bool, tuple[Refusal, ...]]:
    when = said.get("register", "healthy").strip().lower()
    is_not_healthy = container.health not in {"", "healthy"}
    if when in {"healthy", "start"}:
        return is_not_healthy and when == "healthy", ()
    text = f"SERVICE_REGISTER is neither healthy nor start: {shown(when)}"
    return is_not_healthy, (Refusal("register", text),)


def _entry(
    container: Container,
    port: Port,
    said: Mapping[str, str],
    options: Options,
    address: tuple[str, int],
) -> tuple[ServiceEntry, tuple[Refusal, ...]]:
    if port.protocol not in _PROTOCOLS:
        raise RefusedError("protocol", f"{shown(port.protocol)} is neither tcp nor udp")
    service = said.get("name") or _image_name(container)
    for kind, name in (("service", service), ("container", container.name)):
        if not is_name(name):
            raise RefusedError("name", f"the {kind}'s name cannot be used: {shown(name)}")
    tags, bad_tags = checked_tags(_tags(options, said))
    attributes, too_much = within_limit(
        {key: value for key, value in said.items() if _is_attribute(key)}
    )
    entry = ServiceEntry(
        service=service,
        host=options.host,
        container=container.name,
        port=port.number,
        ip=address[0],
        published_port=address[1],
        protocol=port.protocol,
        tags=tags,
        attributes=attributes,
    )
    return entry, (*bad_tags, *too_much)


def _tags(options: Options, said: Mapping[str, str]) -> Iterable[str]:
    return (*options.tags, *split_tags(said.get("tags", "")))


def _is_attribute(key: str) -> bool:
    return key == _FOR_ROUTERS or not (key in _OURS or key.startswith(checks.PREFIX))


def _image_name(container: Container) -> str:
    """Return the last part of the image's name, without tag and digest."""
    image = container.image
    match = _HEX.fullmatch(image)
    if match and container.image_id.removeprefix("sha256:").startswith(match[1]):
        raise RefusedError("name", "its image has an ID and no name: give it a SERVICE_NAME")
    return image.partition("@")[0].rpartition("/")[2].partition(":")[0]
