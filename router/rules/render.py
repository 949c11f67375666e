"""From a model and the keys behind it to the text of a file; pure but for reading templates.

Templates are Jinja2's, in its sandbox: a value from Consul is never read as a template, and a name
that does not exist is an error instead of an empty place.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
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
PARTS = "parts"
"""Folder, in the proxy's own one, of the files that its file names."""


@dataclass(frozen=True, slots=True)
class Edge:
    """What templates are told of the edge itself."""

    http_host: str = ""
    """Address that the edge listens on; empty: every IPv4 address."""
    http_port: int = 80
    drain_s: int = 30
    """Seconds that requests in progress have after a reload or a stop."""
    user: str = ""
    """Account of the processes that serve, where the proxy starts as root; empty: its own choice,
    which for HAProxy is to stay root."""
    group: str = ""
    """Set together with *user*."""
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
    parts: Mapping[str, str] = field(default_factory=dict)
    """Files that the text names, by path. A path tells its content apart from every other, so that
    putting the text in place brings exactly its parts into force, or those of before stay."""


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
            RenderError: the template asks for what does not exist, or makes what is no text.
        """
        bare = View(view.model.without_servers(), view.entries, view.keys)
        try:
            parts = _Parts(f"{self._paths.folder}/{PARTS}")
            revision = _digest(self._text(bare if self._is_adjustable else view, "", parts))
            parts.texts.clear()
            text = self._text(view, revision, parts)
        except Exception as exc:
            # A template is a program of the operator's over values of anybody's: there is no list
            # of what it may raise.
            raise RenderError(f"the template cannot be rendered: {_told(exc)}") from exc
        return Rendered(text, revision, view.model if self._is_adjustable else None, parts.texts)

    def _text(self, view: View, revision: str, parts: "_Parts") -> str:
        return self._template.render(
            model=view.model,
            edge=self._edge,
            paths=self._paths,
            revision=revision,
            server_options=SERVER_OPTIONS,
            can_back_up=_can_back_up,
            beside=parts.add,
            **toolbox.functions(view.entries, view.keys or {}, self._environ),
        )


class _Parts:
    """The files that a template has put beside its own."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self.texts: dict[str, str] = {}

    def add(self, name: str, text: str) -> str:
        """Let there be a file *text*; return its path, which ends in *name*."""
        path = f"{self._folder}/{_digest(text)}-{toolbox.ident(name)}"
        self.texts[path] = text
        return path


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
    """Return what tells *text* apart.

    Raises:
        UnicodeEncodeError: it is no text that a file can hold.
    """
    # What the environment has of bytes that are no UTF-8 comes in, and goes out, as it is.
    whole = text.encode(errors="surrogateescape")
    return hashlib.sha256(whole).hexdigest()[:_REVISION_LENGTH]


def _told(exc: Exception) -> str:
    line = getattr(exc, "lineno", None)
    return f"{exc} (line {line})" if line else str(exc) or type(exc).__name__
