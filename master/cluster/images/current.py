"""What a tag means now, where engines have different images under it: pure, from the state.

It is the image that was given the tag last. Engines of another architecture have one of their own.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from master.cluster.images.index import Found
from master.cluster.model import Engine
from master.cluster.state import ClusterState


def outdated(state: ClusterState, tag: str, found: Iterable[Found]) -> set[str]:
    """Return those who have another image under *tag* than it means now, by address.

    Args:
        state: knows who was given the tag last.
        tag: in any spelling; of an ID and a digest nobody has an older image.
        found: the engines that count, and what each has under this tag.
    """
    by_machine: defaultdict[tuple[str, str], dict[str, str]] = defaultdict(dict)
    for address, image in found:
        by_machine[machine(state.engines()[address])][address] = image.id
    older: set[str] = set()
    for ids in by_machine.values():
        newest = state.tag_log.newest(tag, ids)
        if newest is not None:
            older |= {address for address, image_id in ids.items() if image_id != ids[newest]}
    return older


def superseded(state: ClusterState) -> set[tuple[str, str]]:
    """Return (engine address, `reference_key`) of each tag that means a newer image elsewhere."""
    return {
        (address, key)
        for key, found in state.image_index().ambiguous()
        for address in outdated(state, key, found)
    }


def machine(engine: Engine) -> tuple[str, str]:
    """Return system and architecture, as the engine calls them."""
    return str(engine.info.get("OSType", "")), str(engine.info.get("Architecture", ""))
