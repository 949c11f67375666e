"""python-consul, made awaitable over httpx; the only place that imports `consul`.

Its methods call ``self.http.get(callback, path, params)`` and return what that returns, so an HTTP
object whose methods return coroutines makes them awaitable. Its own asyncio flavour is broken
since Python 3.11.
"""

import base64
import ssl
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from json import dumps, loads
from typing import Any, TypeVar
from urllib.parse import quote

import httpx
from consul import base as consul

from common.hostport import join_hostport
from discovery.consul_keys import Entry
from discovery.errors import BadDiscoveryError, DiscoveryUnavailableError
from discovery.uri import ConsulTarget

_T = TypeVar("_T")
_Params = Sequence[tuple[str, object]] | None

_CONNECT_TIMEOUT_S = 5.0
_READ_TIMEOUT_S = 10.0
"""A server without a leader answers after 7 s."""
_MAX_ERROR_TEXT = 200
_FORBIDDEN = 403
_FIRST_FAILURE = 400


@dataclass(frozen=True, slots=True)
class Listing:
    """All keys under a prefix, at one index of the store."""

    index: int
    """Give it to the next query to be woken by a change; 0: unusable, ask without."""
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Session:
    """A session as Consul shows it."""

    id: str
    behavior: str
    ttl: str
    """As its maker wrote it: ``90s`` or ``1m30s``."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer of Consul's."""

    status: int
    body: Any
    """What its JSON says; None for a body that is none."""


class ConsulHTTP:
    """The calls that we need of one Consul agent: keys, sessions, and `request` for the rest.

    Reads are consistent (checked with the leader), since a stale server can answer with a list
    from before, or with none. Each call raises `DiscoveryUnavailableError` when it has no good
    answer.
    """

    def __init__(
        self, target: ConsulTarget, *, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self._where = f"Consul at {join_hostport(target.host, target.port)}"
        self._adapter = _Adapter(target, transport)
        self._consul = _AwaitableConsul(self._adapter)

    async def listing(self, prefix: str, *, index: int = 0, wait_s: float = 0) -> Listing:
        """Return all keys under *prefix*; with *index*, at a change or when *wait_s* passed."""
        with self._errors():
            new_index, items = await self._consul.kv.get(
                prefix, recurse=True, index=index or None, wait=f"{max(wait_s, 0.1):.3f}s"
            )
            return Listing(max(int(new_index), 0), tuple(_entry(item) for item in items or ()))

    async def entry(self, key: str) -> Entry | None:
        """Return one key, None if it does not exist."""
        with self._errors():
            _, item = await self._consul.kv.get(key)
            return None if item is None else _entry(item)

    async def acquire(self, key: str, value: str, *, flags: int, session: str) -> bool:
        """Write *key* held by *session*; False if another session holds it."""
        with self._errors():
            return bool(await self._consul.kv.put(key, value, flags=flags, acquire=session))

    async def release(self, key: str, value: str, *, flags: int, session: str) -> bool:
        """Let go of *key*, which stays; False if *session* does not hold it."""
        with self._errors():
            return bool(await self._consul.kv.put(key, value, flags=flags, release=session))

    async def create_session(self, name: str, *, ttl_s: float) -> str:
        """Return the ID of a new session that deletes its keys when it ends, without delay."""
        with self._errors():
            return await self._consul.session.create(
                name=name, lock_delay=0, behavior="delete", ttl=ttl_s
            )

    async def renew_session(self, session: str) -> bool:
        """Extend *session* by its TTL; False if it does not exist any more."""
        with self._errors():
            try:
                await self._consul.session.renew(session)
            except consul.NotFound:
                return False
            return True

    async def session(self, session: str) -> Session | None:
        """Return *session*, None if it does not exist any more."""
        with self._errors():
            _, item = await self._consul.session.info(session)
            if item is None:
                return None
            return Session(str(item["ID"]), str(item["Behavior"]), str(item["TTL"]))

    async def destroy_session(self, session: str) -> None:
        """End *session*; its keys go with it. One that does not exist is fine."""
        with self._errors():
            await self._consul.session.destroy(session)

    async def request(
        self, method: str, path: str, body: object = None, *, expected: Collection[int] = ()
    ) -> Reply:
        """Make a call that the library has not, or not whole: *body* is sent as JSON.

        Statuses from 400 on are failures, unless *expected*.
        """
        with self._errors():
            response = await self._adapter.send(
                method, lambda answer: answer, path, None, None if body is None else dumps(body)
            )
            if response.code == _FORBIDDEN:
                raise consul.ACLPermissionDenied(response.body)
            if response.code >= _FIRST_FAILURE and response.code not in expected:
                raise consul.ConsulException(f"{response.code} {response.body}")
            return Reply(response.code, loads(response.body) if _is_json(response) else None)

    async def aclose(self) -> None:
        """Close all connections."""
        await self._adapter.aclose()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except httpx.HTTPError as exc:
            reason = str(exc) or type(exc).__name__
            raise DiscoveryUnavailableError(f"{self._where}: {reason}") from exc
        except consul.ACLPermissionDenied as exc:
            raise DiscoveryUnavailableError(
                f"{self._where}: permission denied; is the token right (kv.token)?"
            ) from exc
        except consul.ConsulException as exc:
            raise DiscoveryUnavailableError(f"{self._where}: {_short(exc)}") from exc
        except (LookupError, ValueError, TypeError, AttributeError) as exc:
            # The library takes headers and JSON apart without looking: another server's answer
            # ends in one of these.
            raise DiscoveryUnavailableError(
                f"{self._where}: the answer is not one of Consul's ({_short(exc)})"
            ) from exc


class _AwaitableConsul(consul.Consul):
    """The library's parts over our HTTP object.

    The base class's ``__init__`` is left out on purpose: it lets CONSUL_HTTP_ADDR override what
    the user gave, stops at that variable's usual form (``http://…``), and puts the token into
    URLs, where proxies log it.
    """

    def __init__(self, adapter: "_Adapter") -> None:
        self.http = adapter
        self.token = None
        self.scheme = "http"
        self.dc = None
        self.consistency = "consistent"
        self.kv = consul.Consul.KV(self)
        self.session = consul.Consul.Session(self)


class _Adapter(consul.HTTPClient):
    """python-consul's HTTP object, whose methods return coroutines."""

    def __init__(self, target: ConsulTarget, transport: httpx.AsyncBaseTransport | None) -> None:
        scheme = "https" if target.is_tls else "http"
        self._base = f"{scheme}://{join_hostport(target.host, target.port)}"
        self._client = httpx.AsyncClient(
            verify=_tls_context(target) if target.is_tls else False,
            trust_env=False,
            transport=transport,
            headers={"X-Consul-Token": target.token} if target.token else {},
            timeout=httpx.Timeout(_READ_TIMEOUT_S, connect=_CONNECT_TIMEOUT_S),
        )

    def get(
        self, callback: Callable[[consul.Response], _T], path: str, params: _Params = None
    ) -> Awaitable[_T]:
        return self.send("GET", callback, path, params)

    def put(
        self,
        callback: Callable[[consul.Response], _T],
        path: str,
        params: _Params = None,
        data: str | bytes | None = "",
    ) -> Awaitable[_T]:
        return self.send("PUT", callback, path, params, data)

    def delete(
        self, callback: Callable[[consul.Response], _T], path: str, params: _Params = None
    ) -> Awaitable[_T]:
        return self.send("DELETE", callback, path, params)

    def post(
        self,
        callback: Callable[[consul.Response], _T],
        path: str,
        params: _Params = None,
        data: str | bytes | None = "",
    ) -> Awaitable[_T]:
        return self.send("POST", callback, path, params, data)

    async def aclose(self) -> None:
        await self._client.aclose()

    async def send(
        self,
        method: str,
        callback: Callable[[consul.Response], _T],
        path: str,
        params: _Params,
        data: str | bytes | None = None,
    ) -> _T:
        query = httpx.QueryParams([(name, str(value)) for name, value in params or ()])
        answer = await self._client.request(
            method,
            f"{self._base}{quote(path)}",
            params=query,
            content=data or None,
            timeout=_timeout(query),
        )
        return callback(consul.Response(answer.status_code, answer.headers, answer.text))


def _timeout(query: httpx.QueryParams) -> httpx.Timeout:
    """Return the deadlines; Consul lengthens a blocking query by up to a sixteenth."""
    wait_s = float(query["wait"].removesuffix("s")) if "wait" in query else 0.0
    return httpx.Timeout(_READ_TIMEOUT_S + wait_s * 17 / 16, connect=_CONNECT_TIMEOUT_S)


def _tls_context(target: ConsulTarget) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=target.ca_file or None)
        if target.cert_file:
            context.load_cert_chain(target.cert_file, target.key_file, password=lambda: b"")
    except (OSError, ValueError) as exc:  # ssl.SSLError is an OSError
        files = ", ".join(
            name for name in (target.ca_file, target.cert_file, target.key_file) if name
        )
        reason = getattr(exc, "strerror", None) or str(exc)
        raise BadDiscoveryError(f"cannot use Consul's TLS files ({files}): {reason}") from exc
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _is_json(response: consul.Response) -> bool:
    return str(response.headers.get("Content-Type", "")).startswith("application/json")


def _entry(item: Mapping[str, Any]) -> Entry:
    value = item.get("Value")
    return Entry(
        key=str(item["Key"]),
        value=value if isinstance(value, bytes) else base64.b64decode(value or ""),
        create_index=int(item.get("CreateIndex", 0)),
        session=str(item.get("Session", "")),
        modify_index=int(item.get("ModifyIndex", 0)),
    )


def _short(exc: Exception) -> str:
    text = " ".join(str(exc).split()) or type(exc).__name__
    return text if len(text) <= _MAX_ERROR_TEXT else f"{text[:_MAX_ERROR_TEXT]}…"
