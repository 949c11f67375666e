"""Whom to ask first when an image is removed everywhere: pure, from the state.

An image in use stays where it is, on all engines, as with one. Nobody can have several engines do a
thing together or not at all, so those that are going to refuse are asked before the others. Their
rules stand here for the order only: what an engine really does, it decides itself.
"""

from __future__ import annotations

from collections.abc import Sequence

from master.cluster.images.holders import image_holders
from master.cluster.images.reference import reference_key
from master.cluster.model import Container, Engine, Image
from master.cluster.state import ClusterState


def removal_order(
    state: ClusterState, reference: str, holders: Sequence[Engine], *, is_forced: bool
) -> list[list[Engine]]:
    """Return *holders* in groups: each is asked only when the one before has agreed.

    The first are those that refuse by Docker's rules, then come those that have containers of the
    image, since their engine may know another rule, then all others.
    """
    found = image_holders(state, reference)
    ranks: tuple[list[Engine], list[Engine], list[Engine]] = ([], [], [])
    for engine in holders:
        image = found[engine.address]
        users = [c for c in state.containers_on(engine.address) if c.image_id == image.id]
        is_by_name = _is_by_name(image, reference)
        has_children = any(state.image_index().descendants(engine.address, image.id))
        if will_refuse(
            image, users, is_by_name=is_by_name, has_children=has_children, is_forced=is_forced
        ):
            ranks[0].append(engine)
        else:
            ranks[1 if users else 2].append(engine)
    return [group for group in ranks if group]


def will_refuse(
    image: Image,
    users: Sequence[Container],
    *,
    is_by_name: bool,
    has_children: bool,
    is_forced: bool,
) -> bool:
    """Whether an engine is going to refuse to remove *image*.

    Args:
        image: the engine's.
        users: its containers on that engine, stopped ones too.
        is_by_name: one of its names is to be removed, and the image only with its last one.
        has_children: other images were built on it there.
        is_forced: ``rmi -f``.

    Source: moby, daemon/images/image_delete.go.
    """
    if is_by_name:
        return not is_forced and bool(users) and _has_one_name(image)
    if has_children or any(user.is_up for user in users):
        return True
    return not is_forced and (bool(users) or not _has_one_name(image))


def _is_by_name(image: Image, reference: str) -> bool:
    key = reference_key(reference)
    return any(reference_key(name) == key for name in (*image.tags, *image.digests))


def _has_one_name(image: Image) -> bool:
    """Whether it has one tag at most, and all its names are of one repository."""
    tags = {reference_key(tag).rpartition(":")[0] for tag in image.tags}
    digests = {reference_key(digest).partition("@")[0] for digest in image.digests}
    return len(image.tags) <= 1 and len(tags | digests) <= 1
