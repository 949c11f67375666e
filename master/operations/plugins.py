"""``docker plugin``: a plugin is of use when every node has it, so each verb goes to all."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field

import orjson

from engine.client import EngineClient
from engine.paths import in_path
from master.cluster.model import ApiVersion, Engine
from master.cluster.system.usage_merge import Answer, common_plugins
from master.errors import NoHealthyNodeError, NotFoundError
from master.operations.bodies import JSON_BODY, answered_json
from master.operations.fanout import ask_all, partial_headers
from master.operations.progress import MergedProgress
from master.supervisor.fleet import Fleet

_READ_LIMIT_S = 30.0


@dataclass(frozen=True)
class PluginCall:
    """One request about plugins, as it came."""

    query: str
    version: ApiVersion
    headers: Mapping[str, str] = field(default_factory=dict)
    """X-Registry-Auth, if it was sent."""
    body: bytes = b""


class Plugins:
    """Plugins of the cluster."""

    def __init__(self, fleet: Fleet) -> None:
        """*fleet* is whom to ask."""
        self._fleet = fleet

    async def list(self, call: PluginCall) -> tuple[bytes, Mapping[str, str]]:
        """``GET /plugins``: those that every healthy node has; headers name nodes that differ.

        Raises:
            EngineError: no engine answers.
        """

        async def ask(engine: Engine, client: EngineClient) -> Answer:
            response = await client.request(
                "GET", f"/plugins?{call.query}", version=engine.version_for(call.version)
            )
            return engine.address, answered_json(engine, response.content)

        found = await ask_all(self._fleet, ask, deadline_s=_READ_LIMIT_S)
        found.raise_if_all_failed()
        plugins, lacking = common_plugins([answer for _, answer in found.answers])
        missing = [engine for engine, _ in found.failures]
        missing += [engine for engine, _ in found.answers if engine.address in lacking]
        return orjson.dumps(plugins) + b"\n", partial_headers(missing)

    async def inspect(self, name: str, call: PluginCall) -> bytes:
        """``GET /plugins/{name}/json``: of the first node that has it.

        Raises:
            EngineError: none has it, in the engine's words.
        """
        path = _path(name, "/json")

        async def ask(engine: Engine, client: EngineClient) -> bytes:
            response = await client.request("GET", path, version=engine.version_for(call.version))
            return response.content

        found = await ask_all(self._fleet, ask, deadline_s=_READ_LIMIT_S)
        found.raise_if_all_failed()
        return found.answers[0][1]

    async def install(self, call: PluginCall) -> AsyncIterator[bytes]:
        """``POST /plugins/pull``: on every node; their progress, as it comes.

        Raises:
            EngineError: every engine refused before anything was sent.
        """
        return await self._progress("/plugins/pull", call)

    async def upgrade(self, name: str, call: PluginCall) -> AsyncIterator[bytes]:
        """``POST /plugins/{name}/upgrade``: on every node; their progress, as it comes.

        Raises:
            EngineError: every engine refused before anything was sent.
        """
        return await self._progress(_path(name, "/upgrade"), call)

    async def change(self, method: str, name: str, verb: str, call: PluginCall) -> bytes:
        """Enable, disable, set or remove, on every node; the first one's answer.

        Args:
            method: of HTTP.
            name: the plugin's.
            verb: what stands behind the name in the path: ``/enable``, or nothing.
            call: what came.

        Raises:
            EngineError: an engine failed, after all were asked.
        """
        path = f"{_path(name, verb)}?{call.query}"
        headers = JSON_BODY if call.body else {}

        async def ask(engine: Engine, client: EngineClient) -> bytes:
            response = await client.request(
                method,
                path,
                content=call.body,
                headers=headers,
                version=engine.version_for(call.version),
                timeout_s=None,
            )
            return response.content

        found = await ask_all(self._fleet, ask, deadline_s=None)
        found.raise_failure()
        return found.answers[0][1]

    async def _progress(self, path: str, call: PluginCall) -> AsyncIterator[bytes]:
        targets = self._fleet.healthy_engines()
        if not targets:
            raise NoHealthyNodeError

        def open_on(engine: Engine) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
            return self._fleet.client(engine.address).stream(
                "POST",
                f"{path}?{call.query}",
                content=_once(call.body),
                headers={**JSON_BODY, **call.headers},
                version=engine.version_for(call.version),
            )

        merged = MergedProgress(f"POST {path}", targets, self._fleet, open_on)
        await merged.start()
        return await merged.lines()


async def _once(body: bytes) -> AsyncIterator[bytes]:
    yield body


def _path(name: str, verb: str) -> str:
    if any(part in ("", ".", "..") for part in name.split("/")):
        raise NotFoundError(f'plugin "{name}" not found')
    return f"/plugins/{in_path(name)}{verb}"
