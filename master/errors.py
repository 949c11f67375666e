"""What the manager refuses, by kind. `master.api.errors` alone turns a kind into a status.

ManagerError
├─ BadRequestError      400  the request makes no sense
├─ NotFoundError        404  no such thing in the cluster
├─ ConflictError        409  it exists already, or more than one fits
├─ UnavailableError     503  nothing can serve it now
│  └─ NoHealthyNodeError     no engine can be asked at all
└─ PlacementError       500  no engine fits, or the fitting one doesn't answer
"""

from __future__ import annotations


class ManagerError(Exception):
    """Something the client is told, in Docker's form: ``{"message": str(self)}``."""

    status = 500


class BadRequestError(ManagerError):
    """The request makes no sense."""

    status = 400


class NotFoundError(ManagerError):
    """No such thing in the cluster."""

    status = 404


class ConflictError(ManagerError):
    """It exists already, or it is in use."""

    status = 409


class UnavailableError(ManagerError):
    """Nothing can serve it now."""

    status = 503


class NoHealthyNodeError(UnavailableError):
    """No engine can be asked, in classic Swarm's words."""

    def __init__(self) -> None:
        super().__init__("No healthy node available in the cluster")


class PlacementError(ManagerError):
    """No engine fits, or the fitting one doesn't answer."""
