"""Why a pattern cannot be used. No SchedulingError: :mod:`scheduler.expr` puts it into words."""


class PatternError(ValueError):
    """The pattern cannot be read; the text says why, after "is invalid: "."""


class CostError(PatternError):
    """Matching took more steps than any reasonable pattern needs."""
