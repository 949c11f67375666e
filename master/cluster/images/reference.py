"""Names of images: ``busybox``, ``docker.io/library/busybox:latest`` and the digest forms.

Two spellings of one image have one normal form, the short one that Docker shows ("familiar").
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from master.errors import BadRequestError, NotFoundError

DEFAULT_TAG = "latest"

_DEFAULT_DOMAINS = frozenset({"docker.io", "index.docker.io"})
_OFFICIAL = "library/"
_LONGEST_NAME = 255
_REMEMBERED_NAMES = 8192
"""The engines of a cluster share most of their images' names."""

_ID = re.compile(r"(?:sha256:)?([0-9a-f]{64})")
_ID_PREFIX = re.compile(r"(?:sha256:)?([0-9a-f]{1,64})")
_TAG = re.compile(r"\w[\w.-]{0,127}", re.ASCII)
_DIGEST = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}")
_COMPONENT = r"[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*"
_PATH = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")
_DOMAIN = re.compile(r"(?:[A-Za-z0-9.-]+|\[[0-9a-fA-F:]+\])(?::[0-9]+)?")


@dataclass(frozen=True, slots=True)
class ImageReference:
    """A parsed reference; either an ID, or a name with a tag or a digest."""

    name: str = ""
    """Familiar: without ``docker.io/library/``. Empty for an ID."""
    tag: str = ""
    digest: str = ""
    """``sha256:…`` behind an ``@``; beats the tag."""
    id: str = ""
    """``sha256:`` and 64 hex digits, if that is what was given."""

    def __str__(self) -> str:
        """Return the familiar form, as Docker's answers show it."""
        if self.id:
            return self.id
        tag = f":{self.tag}" if self.tag else ""
        return f"{self.name}{tag}@{self.digest}" if self.digest else f"{self.name}{tag}"

    @property
    def key(self) -> str:
        """What it is found under: the ID, else ``name@digest``, else ``name:tag``."""
        if self.id:
            return self.id
        return f"{self.name}@{self.digest}" if self.digest else f"{self.name}:{self.tag}"


def parse_reference(text: str) -> ImageReference:
    """Read what a user calls an image; without tag and digest it means ``:latest``.

    Raises:
        BadRequestError: it can be no image's name, in Docker's words.
    """
    if (found := _ID.fullmatch(text)) is not None:
        return ImageReference(id=f"sha256:{found[1]}")
    rest, at, digest = text.partition("@")
    if at and not _DIGEST.fullmatch(digest):
        raise BadRequestError("invalid reference format")
    name, colon, tag = rest.rpartition(":")
    if not colon or "/" in tag:
        name, colon, tag = rest, "", ""
    if colon and not _TAG.fullmatch(tag):
        raise BadRequestError("invalid reference format")
    return ImageReference(
        name=_familiar(name),
        tag=tag or ("" if digest else DEFAULT_TAG),
        digest=digest,
    )


def given_name(repository: str, tag: str) -> str:
    """Return what ``docker tag`` and ``import`` call an image; a tag of its own beats a typed one.

    Nothing is checked: the engines do that.
    """
    path, slash, last = repository.rpartition("/")
    name, _, typed = last.partition(":")
    return f"{path}{slash}{name}:{tag or typed or DEFAULT_TAG}"


def id_prefix(text: str) -> str | None:
    """Return the hex digits if *text* may be the beginning of an image's ID; None otherwise."""
    found = _ID_PREFIX.fullmatch(text)
    return found[1] if found else None


def no_such_image(reference: ImageReference | str) -> NotFoundError:
    """Return Docker's answer to an unknown image: clients look for these words, then pull."""
    return NotFoundError(f"No such image: {reference}")


@lru_cache(maxsize=_REMEMBERED_NAMES)
def reference_key(text: str) -> str:
    """Return what all spellings of one image have in common; "" for what can be no name."""
    try:
        return parse_reference(text).key
    except BadRequestError:
        return ""


def plugin_name(remote: str, alias: str) -> str:
    """Return what a plugin pulled from *remote* is called; "" for what can be no name.

    It is tagged, as engines have it, even if it was asked for by a digest.
    """
    return reference_key((alias or remote).partition("@")[0])


def _familiar(name: str) -> str:
    first, slash, rest = name.partition("/")
    is_domain = bool(slash) and (
        "." in first or ":" in first or first == "localhost" or first != first.lower()
    )
    if is_domain and first not in _DEFAULT_DOMAINS:
        _check(rest, domain=first)
        return name
    path = rest if is_domain else name
    _check(path)
    official = path.removeprefix(_OFFICIAL)
    return path if "/" in official else official


def _check(path: str, domain: str = "") -> None:
    if path != path.lower():
        raise BadRequestError(
            f"invalid reference format: repository name ({path}) must be lowercase"
        )
    is_good = _PATH.fullmatch(path) and (not domain or _DOMAIN.fullmatch(domain))
    if not is_good or len(domain) + len(path) > _LONGEST_NAME:
        raise BadRequestError("invalid reference format")
