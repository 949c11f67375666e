"""The API version in front of a path: ``/v1.44/info``."""

from __future__ import annotations

import re

from master.cluster.model import ApiVersion

_PREFIXED = re.compile(r"/v([0-9]+(?:\.[0-9]+)*)(/.*)")
_DIGITS = 9
"""More of one number are too many, however many they are."""


def split_path(path: str) -> tuple[str, str]:
    """The version as typed, without its ``v`` (empty if there is none), and the rest."""
    match = _PREFIXED.fullmatch(path)
    return (match[1], match[2]) if match is not None else ("", path)


def parse_version(typed: str) -> ApiVersion:
    """What `split_path` found, as numbers; what is behind the second one does not count."""
    major, minor, *_ = (*_numbers(typed), 0)
    return major, minor


def _numbers(typed: str) -> tuple[int, ...]:
    return tuple(int(number[:_DIGITS]) for number in typed.split("."))


def complaint_about(typed: str, least: ApiVersion, newest: ApiVersion) -> str:
    """The engine's own words on a version that the cluster does not speak; empty if it does."""
    if not typed:
        return ""
    version = (*_numbers(typed), 0)  # 1 means 1.0; 1.41.2 is newer than 1.41, 1.41.0 is not
    if version < least:
        return (
            f"client version {typed} is too old. Minimum supported API version is "
            f"{least[0]}.{least[1]}, please upgrade your client to a newer version"
        )
    if version > (*newest, *[0] * (len(version) - len(newest))):
        return (
            f"client version {typed} is too new. "
            f"Maximum supported API version is {newest[0]}.{newest[1]}"
        )
    return ""
