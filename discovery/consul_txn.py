"""Several changes of keys at once: all of them happen, at one index, or none.

Source: Consul's HTTP API, ``/v1/txn``.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from discovery.errors import DiscoveryUnavailableError

if TYPE_CHECKING:
    from discovery.consul_http import ConsulHTTP

MAX_OPERATIONS = 64
"""Of one transaction, as Consul limits it."""
MAX_VALUE_BYTES = 256 * 1024
"""Of all values of one transaction: Consul takes bodies of 512 KiB, in which they grow by 4/3."""

Operation = Mapping[str, str | int]

_CONFLICT = 409


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a transaction ended."""

    errors: tuple[str, ...] = ()
    """Why nothing was done, in Consul's words; empty: all was done."""
    modify_indexes: Mapping[str, int] = field(default_factory=dict)
    """Key to its new index, for each key that was written."""

    @property
    def is_done(self) -> bool:
        """Whether the changes were made."""
        return not self.errors


def check_index(key: str, index: int) -> Operation:
    """Return the demand that *key* has not been written since *index*."""
    return {"Verb": "check-index", "Key": key, "Index": index}


def check_absent(key: str) -> Operation:
    """Return the demand that there is no *key*."""
    return {"Verb": "check-not-exists", "Key": key}


def delete(key: str) -> Operation:
    """Return the removal of *key*; one that does not exist is fine."""
    return {"Verb": "delete", "Key": key}


def lock(key: str, value: bytes, session: str) -> Operation:
    """Return the writing of *key*, held by *session*; fails if another session holds it."""
    text = base64.b64encode(value).decode("ascii")
    return {"Verb": "lock", "Key": key, "Value": text, "Session": session}


async def transact(http: ConsulHTTP, operations: Sequence[Operation]) -> Outcome:
    """Carry out all of *operations*, in their order, or none.

    Raises:
        DiscoveryUnavailableError: no good answer; whether they were carried out is not known.
    """
    body = [{"KV": dict(operation)} for operation in operations]
    reply = await http.request("PUT", "/v1/txn", body, expected={_CONFLICT})
    try:
        return Outcome(
            errors=tuple(str(error["What"]) for error in reply.body["Errors"] or ()),
            modify_indexes={
                str(result["KV"]["Key"]): int(result["KV"]["ModifyIndex"])
                for result in reply.body["Results"] or ()
            },
        )
    except (LookupError, TypeError, ValueError) as exc:
        raise DiscoveryUnavailableError("the answer to a transaction is not Consul's") from exc
