"""``python tests/conformance``: run every case and print the table.

Exits with 1 if a case differs without a reason, or has a reason and does not differ.
"""

import argparse
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

_TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(_TESTS.parent), str(_TESTS / "integration")]

from tests.conformance.book import Case, Seen  # noqa: E402 - the folders have to be known first
from tests.conformance.cases import CASES  # noqa: E402
from tests.conformance.compare import Verdict  # noqa: E402
from tests.conformance.runner import run  # noqa: E402
from tests.conformance.sides import GENERATIONS, both_sides  # noqa: E402

_WIDTH = 60


def main() -> int:
    """Print a table for each generation; the exit code says whether all is as it should be."""
    parser = argparse.ArgumentParser(prog="conformance", description=__doc__)
    parser.add_argument("--engine", choices=GENERATIONS, help="one generation only")
    parser.add_argument("--only", default="", help="cases with this in their area or name")
    chosen = parser.parse_args()
    cases = [case for case in CASES if chosen.only in case.title]
    wrong = 0
    for generation in [chosen.engine] if chosen.engine else GENERATIONS:
        wrong += _table(generation, cases)["WRONG"]
    return int(wrong > 0)


def _table(generation: str, cases: list[Case]) -> Counter[str]:
    print(f"\n## Engine {generation}, and the manager over three\n")
    print("| area | case | engine | manager | |")
    print("|---|---|---|---|---|")
    totals: Counter[str] = Counter()
    for verdict in _verdicts(generation, cases):
        totals[verdict.word] += 1
        cells = [verdict.case.area, verdict.case.name]
        cells += [_brief(verdict.engine), _brief(verdict.manager), _why(verdict)]
        print("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |", flush=True)
    print(
        f"\n{totals.total()} cases: {totals['same']} the same, {totals['stated']} differ as "
        f"docs/DEVIATIONS.md says, {totals['WRONG']} are wrong."
    )
    return totals


def _verdicts(generation: str, cases: list[Case]) -> Iterator[Verdict]:
    name = f"conformance-{os.getpid()}"
    with (
        tempfile.TemporaryDirectory(prefix="swarm-conformance-") as folder,
        both_sides(generation, Path(folder), name) as (engine, manager),
    ):
        for case in cases:
            yield run(case, generation, engine, manager)


def _why(verdict: Verdict) -> str:
    if verdict.faults:
        return f"**WRONG**: {'; '.join(verdict.faults)}"
    return "; ".join(verdict.explained) or "same"


def _brief(seen: Seen) -> str:
    """What a side saw, in a few words: status and message, or exit code and last line."""
    while isinstance(seen, list | tuple) and seen:
        seen = seen[-1]
    text = str(seen)
    if isinstance(seen, dict) and "status" in seen:
        body = seen["body"]
        text = str(seen["status"])
        if isinstance(body, dict) and "message" in body:
            text += f" {body['message']}"
    elif isinstance(seen, dict) and "code" in seen:
        text = " ".join([f"exit {seen['code']}", *(seen["err"] or seen["out"])[-1:]])
    text = " ".join(text.split())
    return text if len(text) <= _WIDTH else f"{text[: _WIDTH - 1]}…"


if __name__ == "__main__":
    sys.exit(main())
