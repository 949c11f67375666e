"""Directives: what a user tells the scheduler through environment entries and labels.

``docker run -e constraint:disk==ssd`` and
``--label com.docker.swarm.constraints='["disk==ssd"]'`` say the same. The
entries leave the environment, the labels stay on the container: they are how
a rescheduled container remembers its wishes.

Texts only: :mod:`scheduler.expr` reads them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from scheduler.errors import BadExpressionError
from scheduler.wording import shorten

NAMESPACE = "com.docker.swarm"


class SplitEnvironment(NamedTuple):
    """An environment taken apart; each list keeps the order of the entries."""

    kept_env: list[str]
    constraints: list[str]
    affinities: list[str]
    reschedule_policies: list[str]
    whitelists: list[str]


@dataclass(frozen=True, slots=True)
class Directives:
    """What one container asks for, as texts without the prefix: ``disk==ssd``."""

    constraints: tuple[str, ...] = ()
    affinities: tuple[str, ...] = ()
    reschedule_policies: tuple[str, ...] = ()
    whitelists: tuple[str, ...] = ()

    def __add__(self, later: Directives) -> Directives:
        """Both, those of *self* first."""
        return Directives(
            self.constraints + later.constraints,
            self.affinities + later.affinities,
            self.reschedule_policies + later.reschedule_policies,
            self.whitelists + later.whitelists,
        )


def split_environment(env: Iterable[str]) -> SplitEnvironment:
    """Take the directives out of a container's environment.

    Only the exact lower-case prefixes count, as in classic Swarm: ``CONSTRAINT:x==y`` is kept.
    """
    split = SplitEnvironment([], [], [], [], [])
    lists_by_prefix = {
        "constraint": split.constraints,
        "affinity": split.affinities,
        "reschedule": split.reschedule_policies,
        "whitelist": split.whitelists,
    }
    for entry in env:
        prefix, colon, text = entry.partition(":")
        directives = lists_by_prefix.get(prefix) if colon else None
        if directives is None:
            split.kept_env.append(entry)
        else:
            directives.append(text)
    return split


def read_labels(labels: Mapping[str, str]) -> Directives:
    """Return the directives that *labels* carry.

    Raises:
        BadExpressionError: one of the four labels is not a JSON array of strings.
            Classic Swarm ignored it, and the container went anywhere.
    """
    return Directives(
        _read_label(labels, "constraints"),
        _read_label(labels, "affinities"),
        _read_label(labels, "reschedule-policies"),
        _read_label(labels, "whitelists"),
    )


def write_labels(labels: Mapping[str, str], directives: Directives) -> dict[str, str]:
    """Return a copy of *labels* that carries exactly *directives*; an empty kind has no label."""
    texts_by_label = {
        f"{NAMESPACE}.constraints": directives.constraints,
        f"{NAMESPACE}.affinities": directives.affinities,
        f"{NAMESPACE}.reschedule-policies": directives.reschedule_policies,
        f"{NAMESPACE}.whitelists": directives.whitelists,
    }
    written = {key: value for key, value in labels.items() if key not in texts_by_label}
    for label, texts in texts_by_label.items():
        if texts:
            written[label] = json.dumps(texts, separators=(",", ":"))
    return written


def merge(
    env: Sequence[str], labels: Mapping[str, str]
) -> tuple[list[str], dict[str, str], Directives]:
    """Move the directives of *env* into the labels, behind those that were given as labels.

    Returns:
        The environment without them, the new labels, and all the directives.

    Raises:
        BadExpressionError: a label is not a JSON array of strings.
    """
    kept_env, *texts = split_environment(env)
    directives = read_labels(labels) + Directives(*map(tuple, texts))
    return kept_env, write_labels(labels, directives), directives


def _read_label(labels: Mapping[str, str], name: str) -> tuple[str, ...]:
    label = f"{NAMESPACE}.{name}"
    text = labels.get(label)
    if text is None:
        return ()
    try:
        texts = json.loads(text)
    except (ValueError, RecursionError) as exc:
        # RecursionError: a label of a few thousand opening brackets.
        raise _bad_label(label, text) from exc
    if not isinstance(texts, list) or not all(isinstance(item, str) for item in texts):
        raise _bad_label(label, text)
    return tuple(texts)


def _bad_label(label: str, text: str) -> BadExpressionError:
    return BadExpressionError(
        f"Label {label} must be a JSON array of strings, such as"
        f' ["disk==ssd"], and is: {shorten(text)}'
    )
