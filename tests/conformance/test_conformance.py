"""Every case of the book, against engines of both generations: one test each."""

from collections import Counter
from fnmatch import fnmatchcase

import pytest

from tests.conformance.book import Case
from tests.conformance.cases import CASES
from tests.conformance.compare import rows
from tests.conformance.reason import ANYTHING
from tests.conformance.reasons import REASONS, reasons_for
from tests.conformance.runner import run
from tests.conformance.sides import GENERATIONS, Side

MIXED, NEWER = GENERATIONS


@pytest.mark.integration
@pytest.mark.parametrize("sides", [MIXED], indirect=True)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.title)
def test_a_mixed_cluster_answers_as_an_engine_does(case: Case, sides: tuple[Side, Side]) -> None:
    verdict = run(case, MIXED, *sides)
    assert not verdict.faults, "\n".join(verdict.faults)


@pytest.mark.integration
@pytest.mark.parametrize("sides", [NEWER], indirect=True)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.title)
def test_newer_engines_are_answered_for_as_well(case: Case, sides: tuple[Side, Side]) -> None:
    verdict = run(case, NEWER, *sides)
    assert not verdict.faults, "\n".join(verdict.faults)


def test_every_case_has_a_title_of_its_own() -> None:
    titles = Counter(case.title for case in CASES)
    assert [title for title, count in titles.items() if count > 1] == []


def test_every_reason_names_cases_and_a_row_of_the_deviations() -> None:
    titles = [case.title for case in CASES]
    needless = [
        pattern
        for reason in REASONS
        for pattern in reason.cases
        if not any(fnmatchcase(title, pattern) for title in titles)
    ]
    assert needless == []
    assert {reason.row for reason in REASONS} <= rows()


@pytest.mark.parametrize("told", ["status", "body.message", "body.error", "err.0"])
def test_no_reason_lets_any_status_or_any_words_pass(told: str) -> None:
    open_ones = {
        reason.row
        for case in CASES
        for generation in GENERATIONS
        for reason in reasons_for(case, generation)
        if reason.pin(case.title, told) == ANYTHING
    }
    # Warnings of several engines, each over several lines.
    assert open_ones <= {"`docker info`"}
