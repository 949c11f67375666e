"""``swarm.cpushares=cores``: CPU shares that are a number of CPUs, as classic Swarm had them."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

CORES_LABEL = "com.docker.swarm.cpus"
"""The CPUs that were asked for so: the engine itself only knows shares."""

_CORES = re.compile(r"[0-9]{1,9}", re.ASCII)
_SHARES_PER_ENGINE = 1024


def cores_of(labels: Mapping[str, str]) -> float:
    """Return the CPUs that stand in `CORES_LABEL`; 0 if there is nonsense."""
    text = labels.get(CORES_LABEL, "")
    return float(text) if _CORES.fullmatch(text) else 0.0


def shares_of(cores: int, engine_cpus: int) -> int:
    """Return so many CPUs as shares of an engine's 1024.

    Source: classic Swarm, cluster/engine.go.
    """
    return math.ceil(cores * _SHARES_PER_ENGINE / engine_cpus)
