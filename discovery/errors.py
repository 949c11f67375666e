"""What can go wrong between us and the place where addresses come from.

DiscoveryError
├─ BadDiscoveryError            the user's URI or options cannot be used: say so and stop
├─ NotSupportedError            this discovery can never do what was asked: say so and stop
└─ DiscoveryUnavailableError    no good answer now: keep what is known, try again
"""


class DiscoveryError(Exception):
    """Root of this package's errors; the text is for the user."""


class BadDiscoveryError(DiscoveryError, ValueError):
    """A discovery URI, an entry in it, or an option that cannot be used."""


class NotSupportedError(DiscoveryError):
    """Something that this discovery cannot do, however often it is tried."""


class DiscoveryUnavailableError(DiscoveryError):
    """The discovery did not answer, refused, or answered something unreadable."""
