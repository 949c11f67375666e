"""From a model and the keys behind it to the text of a file; pure but for reading templates.

Templates are Jinja2's, in its sandbox: a value from Consul is never read as a template, and a name
that does not exist is an error instead of an empty place.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from jinja2 import StrictUndefined, Template, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from router.errors import RenderError
from router.rules import toolbox
from router.rules.haproxy_plan import SERVER_OPTIONS
from router.rules.model import Backend, Model
from services.entry import ServiceEntry

_SHIPPED = Path(__file__).parents[1] / "templates"
_REVISION_LENGTH = 16


@dataclass(frozen=True, slots=True)
class Edge:
    """What templates are told of the edge itself."""

    http_host: str = ""
    """Address that the edge listens on; empty: every IPv4 address."""
    http_port: int = 80
    drain_s: int = 30
    """Seconds that requests in progress have after a reload or a stop."""
    stream_module: str = ""
    """Nginx's module for plain connections, where it is not built in."""

    @property
    def http_address(self) -> str:
        """Where the edge accepts http."""
        return self.tcp_address(self.http_port)

    def tcp_address(self, port: int) -> str:
        """Return where the edge accepts connections to *port*."""
        host = f"[{self.http_host}]" if ":" in self.http_host else self.http_host or "0.0.0.0"
        return f"{host}:{port}"


@dataclass(frozen=True, slots=True)
class Paths:
    """Places on disk that a proxy's file names; free of blanks and quotes."""

    socket: str
    """The socket by which the router asks its proxy; empty: none."""
    folder: str
    """Scratch folder of the proxy."""


@dataclass(frozen=True, slots=True)
class View:
    """What there is to render."""

    model: Model
    entries: tuple[ServiceEntry, ...] = ()
    keys: Mapping[str, bytes] | None = None
    """Everything below the prefix; None where no template asks."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """A whole file."""

    text: str
    revision: str
    """What tells whether a running proxy has this file, but perhaps for its servers."""
    model: Model | None = None
    """Set where the servers can be changed on the running proxy."""


class Renderer:
    """One template, ready to be rendered again and again."""

    def __init__(
        self,
        source: str,
        *,
        edge: Edge,
        paths: Paths,
        environ: Mapping[str, str],
        is_adjustable: bool = False,
    ) -> None:
        """Read the template *source*.

        Args:
            source: the template's text.
            edge: for the template.
            paths: for the template.
            environ: what the function ``env`` shows.
            is_adjustable: the servers are not part of the revision, since the running proxy takes
                another list of them without a reload.

        Raises:
            RenderError: not a template.
        """
        self._edge = edge
        self._paths = paths
        self._environ = environ
        self._is_adjustable = is_adjustable
        self._template = _parsed(source)

    @property
    def edge(self) -> Edge:
        """What the template is told of the edge."""
        return self._edge

    def render(self, view: View) -> Rendered:
        """Return the file for *view*.

        Raises:
            RenderError: the template asks for what does not exist.
        """
        bare = View(view.model.without_servers(), view.entries, view.keys)
        revision = _digest(self._text(bare if self._is_adjustable else view, ""))
        text = self._text(view, revision)
        return Rendered(text, revision, view.model if self._is_adjustable else None)

    def _text(self, view: View, revision: str) -> str:
        try:
            return self._template.render(
                model=view.model,
                edge=self._edge,
                paths=self._paths,
                revision=revision,
                server_options=SERVER_OPTIONS,
                can_back_up=_can_back_up,
                **toolbox.functions(view.entries, view.keys or {}, self._environ),
            )
        except (TemplateError, ArithmeticError, LookupError, TypeError, ValueError) as exc:
            raise RenderError(f"the template cannot be rendered: {_told(exc)}") from exc


def shipped_template(kind: str) -> str:
    """Return our own template for ``haproxy`` or ``nginx``."""
    name = {"haproxy": "haproxy.cfg.j2", "nginx": "nginx.conf.j2"}[kind]
    return (_SHIPPED / name).read_text(encoding="utf-8")


def _parsed(source: str) -> Template:
    environment = ImmutableSandboxedEnvironment(
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        # No HTML: values are checked by the model, or go through the filters.
        autoescape=False,
    )
    environment.filters.update(toolbox.FILTERS)
    try:
        return environment.from_string(source)
    except TemplateError as exc:
        raise RenderError(f"the template cannot be read: {_told(exc)}") from exc


def _can_back_up(backend: Backend) -> bool:
    """Whether Nginx takes the word ``backup`` in this backend."""
    return not backend.has_only_backups and backend.balance not in {"source", "random"}


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:_REVISION_LENGTH]


def _told(exc: Exception) -> str:
    line = getattr(exc, "lineno", None)
    return f"{exc} (line {line})" if line else str(exc) or type(exc).__name__
