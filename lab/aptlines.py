"""Where another Debian release is found, derived from the sources that this machine has.

Pure text work. No registry's host may stand in this repository, and a machine often reaches one
mirror only; so the line for another suite is made from a line that is already in use here.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit, urlunsplit

_KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
_ONE_LINE = re.compile(r"^deb\s+(?:\[(?P<options>[^\]]*)\]\s+)?(?P<uri>\S+)\s+(?P<rest>\S.*)$")


@dataclass(frozen=True, slots=True)
class Source:
    """One place that apt reads packages from."""

    uri: str
    suites: tuple[str, ...]
    components: tuple[str, ...]


def parse_one_line(text: str) -> Iterator[Source]:
    """Yield the ``deb`` entries of a ``sources.list`` in the one-line style."""
    for line in text.splitlines():
        found = _ONE_LINE.match(line.split("#", 1)[0].strip())
        if found:
            suite, *components = found["rest"].split()
            yield Source(found["uri"], (suite,), tuple(components))


def parse_deb822(text: str) -> Iterator[Source]:
    """Yield the enabled ``deb`` entries of a ``.sources`` file (stanzas of ``Key: value``)."""
    for stanza in re.split(r"\n\s*\n", text):
        fields = _fields(stanza)
        if "deb" not in fields.get("types", "").split():
            continue
        if fields.get("enabled", "yes").lower() in {"no", "false", "0"}:
            continue
        suites = tuple(fields.get("suites", "").split())
        components = tuple(fields.get("components", "").split())
        for uri in fields.get("uris", "").split():
            yield Source(uri, suites, components)


def other_suite_lines(sources: Iterable[Source], suite: str) -> list[str]:
    """Return source lines to try for Debian's *suite*, likeliest first, without repeats.

    A release that left the mirrors lives on in an archive: beside the mirror's own folder, or on
    the sibling host named ``archive``. Empty when no source here looks like Debian's main archive.
    """
    uris: list[str] = []
    for source in sources:
        if "main" in source.components and _is_main_archive(source):
            uris.extend(_candidates(source.uri))
    return [f"deb [signed-by={_KEYRING}] {uri} {suite} main" for uri in dict.fromkeys(uris)]


def _fields(stanza: str) -> dict[str, str]:
    """Read one deb822 stanza: lower-case key to value, continuation lines joined by blanks."""
    fields: dict[str, str] = {}
    key = ""
    for line in stanza.splitlines():
        if line.lstrip().startswith("#") or not line.strip():
            continue
        if line[0].isspace():
            fields[key] = f"{fields.get(key, '')} {line.strip()}"
            continue
        key, _, value = line.partition(":")
        key = key.strip().lower()
        fields[key] = value.strip()
    return fields


def _is_main_archive(source: Source) -> bool:
    """Whether *source* is Debian's archive itself: no security, no third party's."""
    path = [part for part in urlsplit(source.uri).path.split("/") if part]
    return "debian" in path and not any("security" in suite for suite in source.suites)


def _candidates(uri: str) -> Iterator[str]:
    """Yield *uri* and the places where the same mirror keeps retired releases."""
    yield uri
    parts = urlsplit(uri)
    head, found, tail = parts.path.partition("/debian")
    if found:
        yield urlunsplit(parts._replace(path=f"{head}/debian-archive/debian{tail}"))
    archive = _sibling_host(parts, "archive")
    if archive:
        yield urlunsplit(archive)


def _sibling_host(parts: SplitResult, label: str) -> SplitResult | None:
    """Return *parts* with the host's first label replaced, if the host has a name to spare."""
    labels = (parts.hostname or "").split(".")
    if len(labels) < 3 or labels[-1].isdigit():  # noqa: PLR2004 - host, domain, top level
        return None
    return parts._replace(netloc=".".join([label, *labels[1:]]))
