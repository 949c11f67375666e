"""What ``consul://host:8500/prefix``, ``nodes://a,b`` or ``file:///path`` point to; pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from common.hostport import join_hostport, split_hostport
from discovery.base import Address
from discovery.entries import parse_list
from discovery.errors import BadDiscoveryError

DEFAULT_KV_PATH = "docker/swarm/nodes"
_DEFAULT_CONSUL_PORT = 8500
_OPTIONS = ("kv.path", "kv.token", "kv.cacertfile", "kv.certfile", "kv.keyfile")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://(.*)", re.DOTALL)
_GONE = frozenset({"etcd", "zk", "token"})


@dataclass(frozen=True, slots=True)
class NodesTarget:
    """A list of addresses."""

    addresses: tuple[Address, ...]


@dataclass(frozen=True, slots=True)
class FileTarget:
    """A file with a list of addresses."""

    path: Path


@dataclass(frozen=True, slots=True)
class ConsulTarget:
    """A folder in a Consul server's key/value store."""

    host: str
    port: int
    prefix: str
    """Without slashes at its ends; may be empty."""
    kv_path: str
    """Folder below the prefix that classic Swarm writes to; without slashes at its ends."""
    is_tls: bool = False
    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""
    token: str = field(default="", repr=False)

    def __str__(self) -> str:
        scheme = "consuls" if self.is_tls else "consul"
        return f"{scheme}://{join_hostport(self.host, self.port)}/{self.prefix}".rstrip("/")


Target = NodesTarget | FileTarget | ConsulTarget


def parse_uri(
    uri: str, options: Mapping[str, str] | None = None, *, environ: Mapping[str, str] | None = None
) -> Target:
    """Return what *uri* points to; a URI without scheme is a list of nodes.

    *options* are the ``--discovery-opt`` pairs. Of *environ* only ``CONSUL_HTTP_TOKEN`` counts,
    and only where ``kv.token`` is not given.

    Raises:
        BadDiscoveryError: the URI or an option cannot be used.
    """
    options = options or {}
    for name in options:
        if name not in _OPTIONS:
            raise BadDiscoveryError(
                f'unknown --discovery-opt "{name}" (known are {", ".join(_OPTIONS)})'
            )
    match = _SCHEME.fullmatch(uri.strip())
    scheme, rest = (match[1].lower(), match[2]) if match else ("nodes", uri.strip())
    if scheme in {"unix", "tcp"}:  # an entry of a list whose "nodes://" was left out
        scheme, rest = "nodes", uri.strip()
    if scheme == "nodes":
        return NodesTarget(_addresses(rest))
    if scheme == "file":
        return FileTarget(_path(rest))
    if scheme in {"consul", "consuls"}:
        return _consul(rest, options, environ or {}, is_tls=scheme == "consuls")
    if scheme in _GONE:
        raise BadDiscoveryError(
            f"{scheme}:// is not supported: this version finds engines with"
            " consul://host:8500/prefix, nodes://host:port,… or file:///path"
        )
    raise BadDiscoveryError(
        f'unknown discovery "{scheme}://": use consul://host:8500/prefix, nodes://host:port,…'
        " or file:///path"
    )


def _addresses(text: str) -> tuple[Address, ...]:
    addresses = parse_list(text)
    if not addresses:
        raise BadDiscoveryError("no engine's address is given: expected nodes://host:port,…")
    return addresses


def _path(text: str) -> Path:
    if not text:
        raise BadDiscoveryError("no file is given: expected file:///path")
    return Path(text)


def _consul(
    rest: str, options: Mapping[str, str], environ: Mapping[str, str], *, is_tls: bool
) -> ConsulTarget:
    authority, _, prefix = rest.partition("/")
    if "," in authority:
        raise BadDiscoveryError("consul does not support multiple endpoints")
    host, port = _consul_host(authority)
    ca_file, cert_file, key_file = (
        options.get(f"kv.{name}", "") for name in ("cacertfile", "certfile", "keyfile")
    )
    if bool(cert_file) != bool(key_file):
        raise BadDiscoveryError("kv.certfile and kv.keyfile must be given together")
    return ConsulTarget(
        host=host,
        port=port,
        prefix=_clean(prefix),
        kv_path=_clean(options.get("kv.path", DEFAULT_KV_PATH)),
        is_tls=is_tls or bool(ca_file or cert_file),
        ca_file=ca_file,
        cert_file=cert_file,
        key_file=key_file,
        token=_checked_token(options.get("kv.token") or environ.get("CONSUL_HTTP_TOKEN", "")),
    )


def _consul_host(authority: str) -> tuple[str, int]:
    has_port = bool(re.search(r":[^\]:]*$", authority))
    try:
        host, port = split_hostport(
            authority if has_port else f"{authority}:{_DEFAULT_CONSUL_PORT}"
        )
    except ValueError as exc:
        raise BadDiscoveryError(f"consul://{authority}: {exc}") from exc
    if not host or not port:
        raise BadDiscoveryError(f"consul://{authority}: expected consul://host:8500/prefix")
    return host, port


def _clean(path: str) -> str:
    """Return *path* with single slashes between its parts and none at its ends."""
    return "/".join(part for part in path.split("/") if part)


def _checked_token(token: str) -> str:
    if not (token.isascii() and token.isprintable()):
        raise BadDiscoveryError("the Consul token has characters that no HTTP header can carry")
    return token
