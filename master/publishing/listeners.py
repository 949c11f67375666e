"""Keeps the manager's listeners what the state says: one for each published TCP port.

Nothing is opened or closed for an event's sake. After changes of the state what is published is
compared with what is open, so that nothing missed leaves a port open or shut for long. One task
does that; who has to know that a port is open waits for it.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from functools import partial

from common.hostport import TcpEndpoint
from master.cluster.containers.published import Published, published
from master.cluster.placing.drawn_ports import is_loopback
from master.listen import ListenError, listen_on
from master.publishing.tunnel import Place, Tunnels
from master.supervisor.fleet import Fleet

_log = logging.getLogger(__name__)

_EVERY_INTERFACE = ("0.0.0.0", "::")
_DISCARD_PORT = 9
_GAP_S = 0.1
"""Between two comparisons, each of which looks at every container: a change alone is followed at
once, many together cost little."""


class PublishedPorts:
    """The cluster's published ports at one address of the manager's machine."""

    def __init__(self, fleet: Fleet, address: str) -> None:
        """*address* is an IP address; ``0.0.0.0`` and ``::`` mean all."""
        self._fleet = fleet
        self._address = address
        self._changed = asyncio.Event()
        self._waiting: list[asyncio.Future[None]] = []
        """For a comparison that begins from now on."""
        self._version = -1
        self._places: dict[int, tuple[Published, ...]] = {}
        self._open: dict[int, asyncio.Server] = {}
        self._refused: dict[int, str] = {}
        """Ports that can't be listened on, and why, as the log knows already."""
        self._tunnels = Tunnels()
        fleet.state.on_change.append(self._changed.set)

    async def run(self) -> None:
        """Follow the state until cancelled; then everything is closed."""
        try:
            while True:
                await self._changed.wait()
                self._changed.clear()
                waiting, self._waiting = self._waiting, []
                try:
                    await self._follow()
                finally:
                    _wake(waiting)
                await asyncio.sleep(_GAP_S)
        finally:
            for server in self._open.values():
                server.close()
            self._tunnels.abort()
            _wake(self._waiting)

    async def seen(self) -> None:
        """Wait until what has just been started can be connected to; about a second at most."""
        await self._fleet.settled()
        if not self._is_current:
            followed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(followed)
            self._changed.set()
            await followed

    @property
    def _is_current(self) -> bool:
        return self._version == self._fleet.state.containers_version and not self._refused

    async def _follow(self) -> None:
        if self._is_current:
            return
        self._version = self._fleet.state.containers_version
        places = self._elsewhere(published(self._fleet.state))
        self._tell_shared(places)
        self._places = places
        for port in self._open.keys() - places.keys():
            self._open.pop(port).close()
        for port in self._refused.keys() - places.keys():
            del self._refused[port]
        for port in sorted(places.keys() - self._open.keys()):
            await self._listen(port)

    def _elsewhere(
        self, places: dict[int, tuple[Published, ...]]
    ) -> dict[int, tuple[Published, ...]]:
        """Leave out what is at this address without us: a tunnel would lead to itself."""
        here = {ip: self._is_here(ip) for ip in {found[0].ip for found in places.values()}}
        return {port: found for port, found in places.items() if not here[found[0].ip]}

    def _is_here(self, ip: str) -> bool:
        if self._address in _EVERY_INTERFACE:
            return is_loopback(ip) or _is_of_this_machine(ip)
        return ip == self._address

    def _tell_shared(self, places: dict[int, tuple[Published, ...]]) -> None:
        for port, found in places.items():
            if len(found) > 1 and self._places.get(port) != found:
                others = ", ".join(one.label for one in found[1:])
                _log.info("Port %d is that of %s, not of %s", port, found[0].label, others)

    async def _listen(self, port: int) -> None:
        try:
            (sock,) = listen_on([str(TcpEndpoint(self._address, port))])
            try:
                self._open[port] = await asyncio.get_running_loop().create_server(
                    lambda: self._tunnels.accept(partial(self._place, port)), sock=sock
                )
            except BaseException:
                sock.close()
                raise
        except (ListenError, OSError) as exc:
            if self._refused.get(port) != str(exc):
                _log.warning("A published port is not served here: %s", exc)
            self._refused[port] = str(exc)
        else:
            self._refused.pop(port, None)

    def _place(self, port: int) -> Place | None:
        found = self._places.get(port)
        return (found[0].ip, port) if found else None


def check_address(address: str) -> None:
    """Raise if nothing can be listened on at *address*.

    Raises:
        ListenError: it is not an address of this machine.
    """
    for sock in listen_on([str(TcpEndpoint(address, 0))]):
        sock.close()


def _wake(waiting: list[asyncio.Future[None]]) -> None:
    for one in waiting:
        if not one.done():
            one.set_result(None)


def _is_of_this_machine(ip: str) -> bool:
    """Whether packets to *ip* stay on this machine; nothing is sent to find out."""
    family = socket.AF_INET6 if ":" in ip else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((ip, _DISCARD_PORT))
        except OSError:
            return False
        return bool(probe.getsockname()[0] == ip)
