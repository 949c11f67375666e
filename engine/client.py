"""One Docker daemon's API, as calls that need thought: JSON in and out, events, pulls.

What is only passed on goes through `engine.connection` directly; both use the same pool.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any
from urllib.parse import urlencode

import httpx
import orjson

from engine.errors import EngineStatusError, EngineTimeoutError, EngineUnreachableError
from engine.pool import EnginePool
from engine.transport import EngineTransport

Version = tuple[int, int]

Query = Mapping[str, str] | Sequence[tuple[str, str]]
"""Parameters, not yet encoded; pairs where a name may come twice."""

CALL_TIMEOUT_S = 30.0
"""Seconds that an ordinary call may take; a daemon under heavy load still answers in ten."""

Json = Any
"""A parsed JSON body: the engine's shape is documented by the Engine API, not by us."""


class EngineClient:
    """Calls to one engine.

    Every call raises `EngineUnreachableError` if the engine does not answer in time, and
    `EngineStatusError` with the engine's own words if it refuses.
    """

    def __init__(self, address: str, tls: ssl.SSLContext | None = None) -> None:
        """*address* is ``host:port`` or ``unix:///path``."""
        self.address = address
        self.pool = EnginePool(address, tls)
        self.api_version: Version | None = None
        """Sent in each path once it is known; before that the daemon's own default answers."""
        # httpx's client adds cookies, redirects and authentication: an engine has none of them,
        # and they cost more than the call. Its transport and its types are what is needed.
        self._transport = EngineTransport(self.pool)

    async def aclose(self) -> None:
        """Drop every connection."""
        self.pool.close()

    async def ping(self, timeout_s: float) -> None:
        """``GET /_ping``."""
        await self.request("GET", "/_ping", timeout_s=timeout_s)

    async def info(self, timeout_s: float = CALL_TIMEOUT_S) -> Json:
        """``GET /info``."""
        return await self._json("GET", "/info", timeout_s=timeout_s)

    async def version(self, timeout_s: float = CALL_TIMEOUT_S) -> Json:
        """``GET /version``."""
        return await self._json("GET", "/version", timeout_s=timeout_s)

    async def list_containers(
        self, ids: list[str] | None = None, *, size: bool = False
    ) -> list[dict[str, Any]]:
        """``GET /containers/json``: the rows of all containers, or of *ids* only."""
        query: dict[str, str] = {"all": "1"}
        if ids is not None:
            query["filters"] = orjson.dumps({"id": ids}).decode()
        if size:
            query["size"] = "1"
        return await self._rows("/containers/json", query)

    async def inspect_container(
        self, container_id: str, timeout_s: float = CALL_TIMEOUT_S
    ) -> dict[str, Any]:
        """``GET /containers/(id)/json``: waits for what is being done to the container."""
        path = f"/containers/{container_id}/json"
        body: dict[str, Any] = await self._json("GET", path, timeout_s=timeout_s)
        return body

    async def inspect_exec(self, exec_id: str, timeout_s: float = CALL_TIMEOUT_S) -> Json:
        """``GET /exec/(id)/json``."""
        return await self._json("GET", f"/exec/{exec_id}/json", timeout_s=timeout_s)

    async def list_images(self) -> list[dict[str, Any]]:
        """``GET /images/json``, those that other images were built on as well."""
        return await self._rows("/images/json", {"all": "1"})

    async def list_networks(self) -> list[dict[str, Any]]:
        """``GET /networks``: the rows."""
        rows: list[dict[str, Any]] | None = await self._json("GET", "/networks")
        return rows or []

    async def list_volumes(self) -> list[dict[str, Any]]:
        """``GET /volumes``: its rows, sorted by name (an engine's own order changes)."""
        answer = await self._json("GET", "/volumes")
        rows: list[dict[str, Any]] = (answer or {}).get("Volumes") or []
        return sorted(rows, key=lambda row: str(row.get("Name")))

    async def request(
        self,
        method: str,
        path: str,
        query: Query | None = None,
        *,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        version: Version | None = None,
        timeout_s: float | None = CALL_TIMEOUT_S,
    ) -> httpx.Response:
        """Any call, its answer read whole.

        Args:
            method: of HTTP.
            path: without version.
            query: not yet encoded.
            content: the body.
            headers: more than the necessary ones.
            version: to ask in another version than the engine's newest: bodies mean what they
                meant in their client's version.
            timeout_s: None waits as long as the engine takes.
        """
        request = self._request(
            method,
            path,
            query,
            headers=headers,
            content=content,
            version=version,
            timeout_s=timeout_s,
        )
        response = await self._send(request, stream=False)
        if response.status_code >= 400:  # noqa: PLR2004
            raise self._refusal(response)
        return response

    @asynccontextmanager
    async def stream(
        self,
        method: str,
        path: str,
        query: Query | None = None,
        *,
        content: AsyncIterator[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
        version: Version | None = None,
        outlasts_outages: bool = False,
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """A call whose answer is read as it comes.

        Without deadline: a pull's head waits for the registry, an event for something to happen.
        *content* is sent as it comes, in chunks, and no faster than the engine takes it; if it
        raises, the request is broken off in its middle, and what it raised is raised here.

        If the engine is taken to be lost (`EnginePool.fail_silent`), the answer ends with an error,
        unless it *outlasts_outages*.
        """
        request = self._request(
            method, path, query, headers=headers, content=content, version=version
        )
        request.extensions["outlasts_outages"] = outlasts_outages
        response = await self._send(request, stream=True)
        try:
            if response.status_code >= 400:  # noqa: PLR2004
                await self._read_refusal(response)
                raise self._refusal(response)
            yield self._pieces(response)
        finally:
            await response.aclose()

    async def _read_refusal(self, response: httpx.Response) -> None:
        """Read a refusal whole: it is a few words, and has a deadline where a stream has none."""
        try:
            async with asyncio.timeout(CALL_TIMEOUT_S):
                with self._told_as_ours():
                    await response.aread()
        except TimeoutError as exc:
            raise EngineTimeoutError(
                self.address, f"it stopped in the middle of a refusal ({response.status_code})"
            ) from exc

    async def _pieces(self, response: httpx.Response) -> AsyncIterator[bytes]:
        with self._told_as_ours():
            async for piece in response.aiter_raw():
                yield piece

    async def _rows(
        self, path: str, query: Mapping[str, str] | None = None
    ) -> list[dict[str, Any]]:
        rows = await self._json("GET", path, query)
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise EngineUnreachableError(
                self.address, f"{path}: the answer is no list: is this a Docker Engine?"
            )
        return rows

    async def _json(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        *,
        timeout_s: float | None = CALL_TIMEOUT_S,
    ) -> Json:
        response = await self.request(method, path, query, timeout_s=timeout_s)
        try:
            return orjson.loads(response.content)
        except orjson.JSONDecodeError as exc:
            raise EngineUnreachableError(
                self.address, f"{path}: the answer is not JSON: is this a Docker Engine?"
            ) from exc

    def _request(
        self,
        method: str,
        path: str,
        query: Query | None,
        *,
        headers: Mapping[str, str] | None,
        content: bytes | AsyncIterator[bytes] | None = None,
        version: Version | None = None,
        timeout_s: float | None = None,
    ) -> httpx.Request:
        version = version or self.api_version
        prefix = "" if version is None else "/v{}.{}".format(*version)
        target = prefix + path + ("?" + urlencode(query) if query else "")
        # Built directly: the client's own headers would ask the engine to compress.
        return httpx.Request(
            method,
            "http://engine" + prefix,
            # As they came: a text would have to be ASCII.
            headers=httpx.Headers({"Host": "engine", **(headers or {})}, encoding="latin-1"),
            content=content,
            extensions={
                "target": target.encode("ascii"),
                "timeout": {"read": timeout_s},
            },
        )

    async def _send(self, request: httpx.Request, *, stream: bool) -> httpx.Response:
        with self._told_as_ours():
            response = await self._transport.handle_async_request(request)
            response.request = request
            return response if stream else await _read(response)

    @contextmanager
    def _told_as_ours(self) -> Iterator[None]:
        """What httpx says of a broken connection becomes one of our errors."""
        try:
            yield
        except httpx.TimeoutException as exc:
            raise EngineTimeoutError(self.address, str(exc)) from exc
        except httpx.TransportError as exc:
            raise EngineUnreachableError(self.address, str(exc)) from exc

    def _refusal(self, response: httpx.Response) -> EngineStatusError:
        return EngineStatusError(
            self.address, response.status_code, error_message(response.content)
        )


async def _read(response: httpx.Response) -> httpx.Response:
    """Read an answer whole; its connection must not stay half-read if that fails."""
    try:
        await response.aread()
    except BaseException:
        await response.aclose()
        raise
    return response


def error_message(body: bytes) -> str:
    """The words of an engine's error answer: JSON ``message``, else the text itself."""
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError:
        return body.decode("utf-8", "replace").strip()
    if isinstance(parsed, dict) and isinstance(parsed.get("message"), str):
        message: str = parsed["message"]
        return message
    return body.decode("utf-8", "replace").strip()
