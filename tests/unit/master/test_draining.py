"""What ends a container, and how long it is drained: `master.cluster.draining`."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from master.cluster.draining import drain_of, ends_it
from services.drain import LONGEST_S


@pytest.mark.parametrize(
    ("environment", "labels", "seconds"),
    [
        pytest.param([], {}, None, id="nothing-asked"),
        pytest.param(["SERVICE_DRAIN=0s"], {}, 0, id="none"),
        pytest.param(["A=b", "SERVICE_DRAIN=5s"], {}, 5, id="environment"),
        pytest.param(["SERVICE_DRAIN=5s"], {"SERVICE_DRAIN": "1.5s"}, 1.5, id="label-counts"),
        pytest.param(["SERVICE_DRAIN=5"], {}, None, id="no-unit"),
        pytest.param(["SERVICE_DRAIN=-5s"], {}, None, id="negative"),
        pytest.param(["SERVICE_DRAIN=99h"], {}, LONGEST_S, id="at-most-a-minute"),
        pytest.param(["SERVICE_DRAINED=5s"], {}, None, id="another-name"),
    ],
)
def test_drain_is_a_short_duration(
    environment: list[str], labels: dict[str, str], seconds: float | None
) -> None:
    assert drain_of(environment, labels) == seconds


@given(st.text(), st.one_of(st.text(), st.none(), st.integers()))
def test_nonsense_is_as_if_nothing_was_said_and_never_raises(text: str, label: object) -> None:
    seconds = drain_of([f"SERVICE_DRAIN={text}"], {"SERVICE_DRAIN": label})
    assert seconds is None or 0 <= seconds <= LONGEST_S


@pytest.mark.parametrize(
    ("method", "path", "query", "ends"),
    [
        pytest.param("POST", "/stop", {}, True, id="stop"),
        pytest.param("POST", "/restart", {}, True, id="restart"),
        pytest.param("POST", "/kill", {}, True, id="kill"),
        pytest.param("POST", "/kill", {"signal": "SIGTERM"}, True, id="kill-term"),
        pytest.param("POST", "/kill", {"signal": "15"}, True, id="kill-number"),
        pytest.param("POST", "/kill", {"signal": "SIGHUP"}, False, id="reload"),
        pytest.param("POST", "/kill", {"signal": "1"}, False, id="reload-by-number"),
        pytest.param("POST", "/kill", {"signal": "usr1"}, False, id="user-signal"),
        pytest.param("POST", "/kill", {"signal": "10"}, False, id="user-signal-by-number"),
        pytest.param("POST", "/kill", {"signal": "37"}, True, id="the-images-own"),
        pytest.param("POST", "/kill", {"signal": "nonsense"}, False, id="refused-by-the-engine"),
        pytest.param("DELETE", "", {"force": "1"}, True, id="forced-removal"),
        pytest.param("DELETE", "", {"force": "y"}, True, id="forced-as-docker-reads-it"),
        pytest.param("DELETE", "", {"force": "0"}, False, id="refused-while-running"),
        pytest.param("DELETE", "", {}, False, id="removal"),
        pytest.param("POST", "/pause", {}, False, id="pause"),
        pytest.param("POST", "/start", {}, False, id="start"),
    ],
)
def test_only_what_ends_it_is_held_back(
    method: str, path: str, query: dict[str, str], ends: bool
) -> None:
    assert ends_it(method, f"/containers/{{id}}{path}", query, "SIGRTMIN+3") is ends
