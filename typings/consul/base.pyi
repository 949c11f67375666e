# Stubs of python-consul 1.1.0, for the part that discovery/consul_http.py uses. The library's
# methods return what the HTTP object's methods return; ours returns coroutines, so these
# signatures say Awaitable where the library's own documentation says the value.
import abc
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

_T = TypeVar("_T")
_Params = Sequence[tuple[str, object]] | None

class ConsulException(Exception): ...
class ACLDisabled(ConsulException): ...
class ACLPermissionDenied(ConsulException): ...
class NotFound(ConsulException): ...
class BadRequest(ConsulException): ...
class ClientError(ConsulException): ...

class Response(NamedTuple):
    code: int
    headers: Mapping[str, str]
    body: str

class HTTPClient(metaclass=abc.ABCMeta):
    @abc.abstractmethod
    def get(
        self, callback: Callable[[Response], _T], path: str, params: _Params = None
    ) -> Awaitable[_T]: ...
    @abc.abstractmethod
    def put(
        self,
        callback: Callable[[Response], _T],
        path: str,
        params: _Params = None,
        data: str | bytes | None = "",
    ) -> Awaitable[_T]: ...
    @abc.abstractmethod
    def delete(
        self, callback: Callable[[Response], _T], path: str, params: _Params = None
    ) -> Awaitable[_T]: ...
    @abc.abstractmethod
    def post(
        self,
        callback: Callable[[Response], _T],
        path: str,
        params: _Params = None,
        data: str | bytes | None = "",
    ) -> Awaitable[_T]: ...

class Consul:
    http: HTTPClient
    token: str | None
    scheme: str
    dc: str | None
    consistency: str
    kv: KV
    session: Session

    class KV:
        def __init__(self, agent: Consul) -> None: ...
        def get(
            self,
            key: str,
            index: int | None = None,
            recurse: bool = False,
            wait: str | None = None,
            consistency: str | None = None,
        ) -> Awaitable[tuple[str, Any]]: ...
        def put(
            self,
            key: str,
            value: str | bytes | None,
            flags: int | None = None,
            acquire: str | None = None,
            release: str | None = None,
        ) -> Awaitable[bool]: ...
        def delete(self, key: str, cas: int | None = None) -> Awaitable[bool]: ...

    class Session:
        def __init__(self, agent: Consul) -> None: ...
        def create(
            self,
            name: str | None = None,
            lock_delay: int = 15,
            behavior: str = "release",
            ttl: float | None = None,
        ) -> Awaitable[str]: ...
        def destroy(self, session_id: str) -> Awaitable[bool]: ...
        def info(self, session_id: str, consistency: str | None = None) -> Awaitable[Any]: ...
        def renew(self, session_id: str) -> Awaitable[Any]: ...
