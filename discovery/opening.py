"""From a discovery URI to the discovery behind it.

Commands import this inside their functions: httpx and consul cost 0.2 s, which ``--help`` must not
pay.
"""

from collections.abc import Mapping

from discovery.base import Discovery
from discovery.consul import ConsulDiscovery
from discovery.file import FileDiscovery
from discovery.nodes import NodesDiscovery
from discovery.uri import FileTarget, NodesTarget, parse_uri

_EXTRA_GRACE_S = 10.0
"""Time that an agent has to write itself down once its heartbeat is due."""


def open_discovery(
    uri: str,
    options: Mapping[str, str] | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    heartbeat_s: float = 60.0,
    grace_s: float | None = None,
) -> Discovery:
    """Return the discovery behind *uri*; nothing is asked of it yet.

    Args:
        uri: see `discovery.uri.parse_uri`.
        options: the ``--discovery-opt`` pairs.
        environ: the environment, for ``CONSUL_HTTP_TOKEN``; None: not looked at.
        heartbeat_s: seconds between two looks at a file, and what agents are taken to use.
        grace_s: seconds for which a doubtful loss of engines is held back; None: a heartbeat and
            ten seconds, in which living agents register again.

    Raises:
        BadDiscoveryError: the URI or an option cannot be used.
    """
    target = parse_uri(uri, options, environ=environ)
    if isinstance(target, NodesTarget):
        return NodesDiscovery(target.addresses)
    if isinstance(target, FileTarget):
        return FileDiscovery(target.path, heartbeat_s)
    return ConsulDiscovery(
        target, grace_s=heartbeat_s + _EXTRA_GRACE_S if grace_s is None else grace_s
    )
