"""What spread and binpack share: who has room, and how full a node is.

Two questions, two answers about containers that do not run:

- *Is there room?* Containers in any state count. A stopped one can be started
  again at any time, and then its memory must be there (classic Swarm's rule).
- *How full is it?* Only containers that run or are pending count. Ten stopped
  jobs are no load, and classic Swarm, which counted them, sent new containers
  away from idle nodes (docker-archive/classicswarm#671).
"""

from __future__ import annotations

from collections.abc import Sequence

from scheduler.types import Node, Ranking, Request
from scheduler.wording import bytes_text

_UNASKED = 100
"""Percent that count for a resource that is not asked for: the same for all nodes."""

_NANOCPUS = 1_000_000_000


def with_room(request: Request, nodes: Sequence[Node]) -> Ranking:
    """Return the nodes that have what *request* asks for, in their given order."""
    if request.memory <= 0 and request.nanocpus <= 0:
        return Ranking(list(nodes))
    ranking = Ranking([])
    for node in nodes:
        if (lack := lack_of_room(request, node)) is None:
            ranking.nodes.append(node)
        else:
            ranking.without_room.append((node, lack))
    return ranking


def lack_of_room(request: Request, node: Node) -> str | None:
    """Return what *node* has too little of, in words; None if it has enough.

    What is not asked for is not looked at, so a container without wishes fits on
    an overfull node.
    """
    free = node.memory_total - node.memory_used
    if request.memory > max(free, 0):
        return (
            f"{bytes_text(request.memory)} of memory asked,"
            f" {bytes_text(max(free, 0))} of {bytes_text(node.memory_total)} free"
        )
    free = node.nanocpus_total - node.nanocpus_used
    if request.nanocpus > max(free, 0):
        return (
            f"{request.cpus:.4g} CPUs asked,"
            f" {max(free, 0) / _NANOCPUS:.4g} of {node.cpus_total:.4g} free"
        )
    return None


def fullness(request: Request, node: Node) -> int:
    """Return how full *node*, which must have room, will be: 0 to 200, the sum of two percentages.

    Whole percents, as in classic Swarm: nodes that differ by less are equally
    full, and the number of their containers decides.
    """
    memory = cpus = _UNASKED
    if request.memory > 0:
        memory = (node.memory_active + request.memory) * 100 // node.memory_total
    if (asked := request.nanocpus) > 0:
        cpus = (node.nanocpus_active + asked) * 100 // node.nanocpus_total
    return memory + cpus


def lacks_image(request: Request, node: Node) -> bool:
    """Return whether *node* would have to get the image first.

    Between nodes that are equally full this decides: it saves a copy or a pull, and costs no
    balance. False sorts before True.
    """
    image = request.full_image or request.image
    return bool(image) and image not in node.images
