"""The two proxies: how each is checked, asked what it runs, changed, reloaded and stopped."""

import asyncio
import http.client
import signal
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from router.errors import RuntimeApiError
from router.haproxy_socket import RuntimeApi
from router.rules.haproxy_plan import is_in_force, steps
from router.rules.render import Rendered

Kind = Literal["haproxy", "nginx"]
Adjusted = Literal["nothing to do", "done", "needs a reload"]
_TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True)
class Generation:
    """What runs, as far as the proxy tells; a reload brings forth another one."""

    process: str = ""
    """The worker's process; empty for Nginx, which has several."""
    revision: str = ""
    """`Rendered.revision` of the file in force."""


class Proxy(Protocol):
    """What the router knows of its proxy."""

    @property
    def socket(self) -> str:
        """Path by which it tells what it runs, where its file says so."""
        ...

    @property
    def withdrawal_wait_s(self) -> float | None:
        """How long servers that go wait for other changes; None: as any change does.

        Short where it costs no reload: until then, requests are sent to where nobody is.
        """
        ...

    @property
    def check(self) -> str:
        """Command that checks the file ``{}``."""
        ...

    @property
    def run(self) -> str:
        """Command that runs with the file ``{}`` in the foreground, until it is stopped."""
        ...

    @property
    def reload_signal(self) -> signal.Signals:
        """To the main process: take the file anew, lose nothing."""
        ...

    @property
    def stop_signal(self) -> signal.Signals:
        """To the main process: take nothing new, end what is in progress, then end."""
        ...

    async def adjust(self, rendered: Rendered) -> Adjusted:
        """Bring the running proxy to *rendered* without a reload, where that can be done."""
        ...

    async def generation(self) -> Generation:
        """Return what runs; an empty one where it cannot be told."""
        ...


@dataclass(frozen=True, slots=True)
class HAProxy:
    """HAProxy from 2.6 on, in master-worker mode."""

    program: str
    socket: str
    withdrawal_wait_s = 0.05
    reload_signal = signal.SIGUSR2
    stop_signal = signal.SIGUSR1

    @property
    def check(self) -> str:
        """See `Proxy`."""
        return f"{self.program} -c -f {{}}"

    @property
    def run(self) -> str:
        """See `Proxy`."""
        return f"{self.program} -W -db -f {{}}"

    async def adjust(self, rendered: Rendered) -> Adjusted:
        """See `Proxy`: done by the runtime API if only servers differ from what runs."""
        if rendered.model is None:
            return "needs a reload"
        api = RuntimeApi(self.socket)
        try:
            if (await api.info()).description != rendered.revision:
                return "needs a reload"
            servers = await api.servers()
            if is_in_force(rendered.model, servers):
                return "nothing to do"
            todo = steps(rendered.model, servers)
            if todo is None:
                return "needs a reload"
            await api.carry_out(todo)
            is_done = is_in_force(rendered.model, await api.servers())
        except RuntimeApiError:
            return "needs a reload"
        return "done" if is_done else "needs a reload"

    async def generation(self) -> Generation:
        """See `Proxy`."""
        try:
            info = await RuntimeApi(self.socket).info()
        except RuntimeApiError:
            return Generation()
        return Generation(str(info.pid), info.description)


@dataclass(frozen=True, slots=True)
class Nginx:
    """Nginx from 1.22 on; its file says by a unix socket which one it is."""

    program: str
    socket: str
    withdrawal_wait_s = None
    reload_signal = signal.SIGHUP
    stop_signal = signal.SIGQUIT

    @property
    def check(self) -> str:
        """See `Proxy`."""
        return f"{self.program} -t -q -c {{}}"

    @property
    def run(self) -> str:
        """See `Proxy`."""
        return f"{self.program} -c {{}} -g 'daemon off;'"

    async def adjust(self, rendered: Rendered) -> Adjusted:
        """See `Proxy`: Nginx takes every change by a reload."""
        is_there = (await self.generation()).revision == rendered.revision
        return "nothing to do" if is_there else "needs a reload"

    async def generation(self) -> Generation:
        """See `Proxy`."""
        return Generation(revision=await asyncio.to_thread(_ask_revision, self.socket))


def proxy_of(kind: Kind, program: str, socket_path: Path) -> Proxy:
    """Return the proxy that *program* is."""
    if kind == "haproxy":
        return HAProxy(program, str(socket_path))
    return Nginx(program, str(socket_path))


def _ask_revision(path: str) -> str:
    connection = http.client.HTTPConnection("localhost", timeout=_TIMEOUT_S)
    try:
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.settimeout(_TIMEOUT_S)
        connection.sock.connect(path)
        connection.request("GET", "/")
        return connection.getresponse().read().decode(errors="replace").strip()
    except (OSError, http.client.HTTPException):
        return ""
    finally:
        connection.close()
