"""Which engines have an image, for those who need one of them, or all: pure, from the state."""

from __future__ import annotations

from collections.abc import Mapping

from master.cluster.images.current import machine, outdated, superseded
from master.cluster.images.listing import resolve_image
from master.cluster.images.reference import parse_reference, reference_key
from master.cluster.model import Engine, Image
from master.cluster.state import ClusterState
from master.errors import BadRequestError, NotFoundError


def image_holders(state: ClusterState, reference: str) -> dict[str, Image]:
    """Return the healthy engines that have *reference*, by address; empty if none has.

    Under one tag engines may have different images: each is its own.
    """
    try:
        found = resolve_image(state, reference)
    except (NotFoundError, BadRequestError):
        return {}
    return {address: image for address, image in found if _is_healthy(state, address)}


def current_holders(state: ClusterState, reference: str) -> dict[str, Image]:
    """Return the `image_holders` that have what *reference* means now.

    An engine that has another image under a tag than the one that was given it last, by an engine
    built like it, is not among them.
    """
    holders = image_holders(state, reference)
    older = outdated(state, reference, holders.items())
    return {address: image for address, image in holders.items() if address not in older}


def full_name(reference: str, image: Image) -> str:
    """Return *reference* with its tag, unless it is *image*'s ID: `docker save app` is all tags."""
    key = reference_key(reference)
    return key if any(reference_key(tag) == key for tag in image.tags) else reference


def repository_tags(state: ClusterState, address: str, reference: str) -> dict[str, Image]:
    """Return an engine's tags of the repository that *reference* names."""
    name = parse_reference(reference).name
    return {
        tag: image
        for image in state.images_on(address)
        for tag in image.tags
        if reference_key(tag).rpartition(":")[0] == name
    }


def repository_holders(state: ClusterState, reference: str) -> list[str]:
    """Return the healthy engines that have any tag of the repository that *reference* names.

    That is what a push of all tags and ``docker save app`` mean by a name without a tag. An engine
    that has older images under some of them is not asked while another one has not.
    """
    try:
        wanted = parse_reference(reference)
    except BadRequestError:
        return []
    if wanted.id or wanted.digest or has_tag(reference):
        return []
    tags = {
        address: repository_tags(state, address, reference)
        for address in state.engines()
        if _is_healthy(state, address)
    }
    older = superseded(state)
    counts = {
        address: sum((address, reference_key(tag)) in older for tag in found)
        for address, found in tags.items()
        if found
    }
    return [address for address, count in counts.items() if count == min(counts.values())]


def others_with_tag(state: ClusterState, tag: str, source: Engine, image_id: str) -> list[Engine]:
    """Return the engines that call another image by *tag*, which *source* now gives to *image_id*.

    Those of another architecture have an image of their own under it, and keep it.
    """
    return [
        engine
        for address, image in image_holders(state, tag).items()
        if (engine := state.engines()[address]).address != source.address
        and image.id != image_id
        and machine(engine) == machine(source)
    ]


def best_collector(holders: Mapping[str, frozenset[str]]) -> tuple[str, list[str]]:
    """Choose where several images are brought together.

    Args:
        holders: each image's reference to the engines that have it; none of them empty.

    Returns:
        The engine that has most of them (the first one of several), and what it lacks.
    """
    engines = dict.fromkeys(address for found in holders.values() for address in sorted(found))
    best = max(engines, key=lambda address: sum(address in found for found in holders.values()))
    return best, [reference for reference, found in holders.items() if best not in found]


def sources_for(state: ClusterState, reference: str, target: Engine) -> list[Engine]:
    """Return the engines that *target* could copy an image from: those that are built like it.

    An image that another architecture has under this name is likely made for that one. Who got
    the tag last comes first.
    """
    holders = image_holders(state, reference)
    newest = state.tag_log.newest(reference, holders)
    return [
        source
        for address in sorted(holders, key=lambda address: address != newest)
        if (source := state.engines()[address]).address != target.address
        and machine(source) == machine(target)
    ]


def newer_source(state: ClusterState, reference: str, target: Engine) -> Engine | None:
    """Return who has the image that *reference* means now; None if *target* has that one.

    Only an engine built like *target* can tell, and only about a tag: an ID and a digest mean one
    image for ever.
    """
    holders = {
        address: image
        for address, image in image_holders(state, reference).items()
        if machine(state.engines()[address]) == machine(target)
    }
    mine = holders.get(target.address)
    if mine is None or len({image.id for image in holders.values()}) == 1:
        return None
    newest = state.tag_log.newest(reference, holders)
    if newest is None or holders[newest].id == mine.id:
        return None
    return state.engines()[newest]


def is_digest(reference: str) -> bool:
    """Whether *reference* is ``name@sha256:…``: that name does not survive a save and load."""
    return "@" in reference


def has_tag(reference: str) -> bool:
    """Whether a tag was typed: the colon of ``host:5000/app`` is a port's."""
    return ":" in reference.rpartition("/")[2]


def _is_healthy(state: ClusterState, address: str) -> bool:
    engine = state.engine(address)
    return engine is not None and engine.is_healthy
