"""Whether an agent does its job: what its health page says. Pure."""

from collections.abc import Mapping


def troubles(
    *, is_following: bool, consul_up: Mapping[str, bool], is_joined: bool | None
) -> tuple[str, ...]:
    """Return what keeps the agent from its job, a line each; nothing when all is well.

    Args:
        is_following: whether the engine is followed.
        consul_up: by backend, whether Consul took what was last written there.
        is_joined: whether the engine's address was last renewed; None: that is not this agent's.
    """
    found = [] if is_following else ["the engine is not followed"]
    found += [
        f"Consul does not take entries ({name})" for name, is_up in consul_up.items() if not is_up
    ]
    if is_joined is False:
        found.append("the engine's address is not in the cluster's discovery")
    return tuple(found)
