"""Figures of a running process in Prometheus' text format; pure.

Source: the "Exposition formats" page of Prometheus' documentation, version 0.0.4.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_ESCAPES = str.maketrans({"\\": "\\\\", "\n": "\\n", '"': '\\"'})
_HELP_ESCAPES = str.maketrans({"\\": "\\\\", "\n": "\\n"})


@dataclass(frozen=True, slots=True)
class Metric:
    """One figure, with one value for each set of labels.

    A name ends in its unit; that of a counter in ``_total``.
    """

    name: str
    help: str
    kind: Literal["counter", "gauge"]
    values: Mapping[tuple[tuple[str, str], ...], float] = field(default_factory=dict)
    """Label pairs (``(("reason", "name"),)``; ``()`` without labels) to the value."""


def gauge(name: str, help_text: str, value: float) -> Metric:
    """Return a figure without labels that goes up and down."""
    return Metric(name, help_text, "gauge", {(): value})


def counter(name: str, help_text: str, value: float) -> Metric:
    """Return a figure without labels that only grows while the process lives."""
    return Metric(name, help_text, "counter", {(): value})


def labelled(
    kind: Literal["counter", "gauge"],
    name: str,
    help_text: str,
    label: str,
    values: Mapping[str, float],
) -> Metric:
    """Return a figure with one label: *values* are by the label's value."""
    return Metric(name, help_text, kind, {((label, key),): value for key, value in values.items()})


def render(metrics: Iterable[Metric]) -> str:
    """Return *metrics* as text, in their order; the values of each sorted by label."""
    return "".join(line for metric in metrics for line in _lines(metric))


def _lines(metric: Metric) -> Iterable[str]:
    yield f"# HELP {metric.name} {metric.help.translate(_HELP_ESCAPES)}\n"
    yield f"# TYPE {metric.name} {metric.kind}\n"
    for labels, value in sorted(metric.values.items()):
        yield f"{metric.name}{_labels(labels)} {_number(value)}\n"


def _labels(labels: tuple[tuple[str, str], ...]) -> str:
    if not labels:
        return ""
    pairs = ",".join(f'{name}="{value.translate(_ESCAPES)}"' for name, value in labels)
    return f"{{{pairs}}}"


def _number(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else repr(float(value))
