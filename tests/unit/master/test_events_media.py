"""In which form events are sent: `master.cluster.events.media`."""

from __future__ import annotations

import pytest

from master.cluster.events.media import media_type

JSON, LINES = "application/json", "application/jsonl"
ND, SEQ = "application/x-ndjson", "application/json-seq"


@pytest.mark.parametrize(
    ("accepted", "kind"),
    [
        pytest.param([], JSON, id="nothing-said"),
        pytest.param([JSON], JSON, id="as-ever"),
        pytest.param(["text/html"], JSON, id="nothing-there-is"),
        pytest.param([SEQ], SEQ, id="sequence"),
        pytest.param([ND], ND, id="ndjson"),
        pytest.param([LINES], LINES, id="lines"),
        pytest.param([SEQ, ND], ND, id="two-headers"),
        pytest.param([f"{SEQ}, {ND}"], ND, id="of-equals-the-first-that-engines-offer"),
        pytest.param([f"{ND};q=0.5, {SEQ};q=0.8"], SEQ, id="what-is-liked-better"),
        pytest.param([f"{ND};q=0"], JSON, id="refused"),
        pytest.param([f"{SEQ};q=none"], JSON, id="unreadable"),
        pytest.param([f" {SEQ.upper()} ; q=1.0"], SEQ, id="spaces-and-case"),
        pytest.param(["*/*"], LINES, id="anything"),
        pytest.param(["application/*"], LINES, id="anything-of-a-kind"),
        pytest.param([f"*/*, {SEQ}"], SEQ, id="what-is-named-before-anything"),
        pytest.param(["*"], JSON, id="no-range"),
        pytest.param([",;,"], JSON, id="rubbish"),
    ],
)
def test_the_client_chooses(accepted: list[str], kind: str) -> None:
    assert media_type(accepted, (1, 53)) == kind


@pytest.mark.parametrize(
    ("client", "kinds"),
    [((1, 51), [JSON, JSON, JSON]), ((1, 52), [JSON, ND, SEQ]), ((1, 53), [LINES, ND, SEQ])],
)
def test_each_version_has_its_own(client: tuple[int, int], kinds: list[str]) -> None:
    assert [media_type([wanted], client) for wanted in (LINES, ND, SEQ)] == kinds


@pytest.mark.parametrize(("client", "kind"), [((1, 24), JSON), ((1, 52), ND), ((1, 53), LINES)])
def test_curl_gets_what_an_engine_of_that_version_gives_it(
    client: tuple[int, int], kind: str
) -> None:
    assert media_type(["*/*"], client) == kind
