"""Every row of docs/DEVIATIONS.md names tests that there are."""

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_TEST = re.compile(r"(\S+\.py)((?: `\w+`)*)")


def _last_cells() -> Iterator[tuple[str, str]]:
    """First and last cell of each row."""
    for line in (ROOT / "docs" / "DEVIATIONS.md").read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if line.startswith("| ") and cells[-1].strip(" |") != "test":
            yield cells[0], cells[-1].strip(" |")


def test_each_row_names_a_test_or_the_comparison() -> None:
    bare = [row for row, cell in _last_cells() if not _TEST.search(cell) and "conf" not in cell]
    assert bare == []


def test_each_test_that_a_row_names_is_there() -> None:
    missing = []
    for row, cell in _last_cells():
        for file, names in _TEST.findall(cell):
            path = ROOT / "tests" / file
            text = path.read_text(encoding="utf-8") if path.exists() else ""
            wanted = re.findall(r"\w+", names)
            if not text or any(f"def {name}(" not in text for name in wanted):
                missing.append(f"{row}: {file}{names}")
    assert missing == []
