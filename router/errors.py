"""What can go wrong at the edge.

RouterError
├─ RenderError      a template does not render: the old file stays
├─ RefusedError     the proxy's own check says no: the old file stays
├─ ReloadError      the checked file did not come into force: the file before it comes back
└─ RuntimeApiError  HAProxy's socket did not answer, or said no: a reload does it instead
"""

from typing import ClassVar


class RouterError(Exception):
    """Root of this package's errors; the text is for the operator."""

    outcome: ClassVar[str] = "failed"
    """What a try that ends with it is counted as."""


class RenderError(RouterError):
    """A template asks for what does not exist, or breaks a rule of the sandbox."""

    outcome = "render-failed"


class RefusedError(RouterError):
    """The proxy's own check refuses what was rendered."""

    outcome = "check-failed"


class ReloadError(RouterError):
    """The proxy, or the command that reloads it, did not take the new file."""

    outcome = "reload-failed"


class RuntimeApiError(RouterError):
    """A change could not be made on the running HAProxy."""
