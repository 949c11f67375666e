"""Whether an edge does its job: what its health page says. Pure."""


def troubles(*, is_supervised: bool, is_proxy_up: bool, failure: str) -> tuple[str, ...]:
    """Return what keeps the edge from its job, a line each; nothing when all is well.

    That Consul is away is none: the edge goes on serving what it knows.

    Args:
        is_supervised: whether the router runs the proxy; if not, somebody else watches it.
        is_proxy_up: whether that one runs.
        failure: why the last change did not come into force; empty if it did.
    """
    found = ["the proxy does not run"] if is_supervised and not is_proxy_up else []
    if failure:
        found.append(f"the last change is not in force: {failure}")
    return tuple(found)
