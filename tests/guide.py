"""The operating guide's blocks that people copy, so that tests run the very text."""

import re
from pathlib import Path

GUIDE = Path(__file__).parents[1] / "docs" / "OPERATING.md"


def block(mark: str) -> str:
    """The block behind ``<!-- mark -->``."""
    found = re.search(rf"<!-- {mark} -->\n```\w*\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    assert found is not None, f"the guide has no block for {mark}"
    return found[1]
