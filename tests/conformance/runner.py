"""Runs cases on both sides at once."""

from concurrent.futures import ThreadPoolExecutor

from tests.conformance.book import Case, Seen
from tests.conformance.compare import Verdict, judge
from tests.conformance.sides import Side


def run(case: Case, generation: str, engine: Side, manager: Side) -> Verdict:
    """Ask both sides, clean both, and judge."""
    with ThreadPoolExecutor(2) as pool:
        looks = {
            name: pool.submit(_look, case, side)
            for name, side in (("engine", engine), ("manager", manager))
        }
    failures = [f"{name}: {error!r}" for name, look in looks.items() if (error := look.exception())]
    if failures:
        return Verdict(case, None, None, (), tuple(failures))
    return judge(case, generation, looks["engine"].result(), looks["manager"].result())


def _look(case: Case, side: Side) -> Seen:
    try:
        return case.look(side)
    finally:
        side.clean()
