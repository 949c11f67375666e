"""What a router is told at its start."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from discovery.uri import ConsulTarget
from router.proxies import Kind
from router.rules.render import Edge, Paths
from router.rules.wishes import Rules


@dataclass(frozen=True, slots=True)
class OwnTemplate:
    """A file that the operator's template makes."""

    source: Path
    target: Path
    command: str = ""
    """Run after a change, with ``{}`` for the target; empty: nothing."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything; see the flags of ``swarm router`` for what each is for."""

    target: ConsulTarget
    kind: Kind = "haproxy"
    program: str = "haproxy"
    config: Path = Path("/var/lib/swarm-router/haproxy.cfg")
    socket: Path = Path("/var/lib/swarm-router/haproxy.cfg.sock")
    edge: Edge = field(default_factory=Edge)
    rules: Rules = field(default_factory=Rules)
    templates: tuple[OwnTemplate, ...] = ()
    check: str = ""
    """Command that checks a candidate ``{}``; empty: the proxy's own."""
    run: str = ""
    """Command that runs the proxy with the file ``{}``; empty: somebody else runs it."""
    reload: str = ""
    """Command that makes a proxy of somebody else take the file ``{}``; empty: none."""
    wait_s: tuple[float, float] = (1.0, 5.0)
    empty_grace_s: float = 30.0
    keep_empty_s: float = 600.0
    status: tuple[str, int] | None = ("127.0.0.1", 8480)
    environ: Mapping[str, str] = field(default_factory=dict, repr=False)
    """For the templates' function ``env``."""

    @property
    def paths(self) -> Paths:
        """What the proxy's file names."""
        # A proxy that crashed leaves Nginx's socket behind, and cannot start before somebody has
        # removed it: only who runs the proxy can know that nobody uses it.
        has_socket = self.kind == "haproxy" or bool(self.run)
        return Paths(str(self.socket) if has_socket else "", str(self.folder))

    @property
    def folder(self) -> Path:
        """Scratch folder beside the file."""
        return self.config.with_name(f"{self.config.name}.d")

    @property
    def claims_file(self) -> Path:
        """Remembers which service claimed what first."""
        return self.folder / "claims.json"

    @property
    def pid_file(self) -> Path:
        """Remembers the proxy that the router runs."""
        return self.config.with_name(f"{self.config.name}.pid")
