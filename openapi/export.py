"""Writes openapi.json and coverage.md from the application and its table of routes.

``python -m openapi.export`` writes them; with ``--check`` it only tells whether they are up to
date. Nobody edits the two files by hand.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path

import click

from master.app import create_app
from master.route_table import How, Route
from master.routes import ROUTES

FOLDER = Path(__file__).parent

_LANES = {
    How.LOCAL: "thought",
    How.PLACED: "thought",
    How.FAN_OUT: "thought",
    How.FORWARD: "bytes",
    How.HIJACK: "bytes",
    How.REFUSED: "table",
}


_ABOUT = """\
Made from `master/routes.py` by `make openapi`. *Thought* goes through FastAPI, *bytes* are relayed
below it, and what the *table* refuses is answered from there."""


def files() -> dict[Path, str]:
    """What the files have to say."""
    return {FOLDER / "openapi.json": openapi(), FOLDER / "coverage.md": coverage()}


def stale() -> list[Path]:
    """Those of the files that say something else, or are missing."""
    return [
        path
        for path, text in files().items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    ]


def openapi() -> str:
    """The OpenAPI document, the same text for the same table."""
    document = create_app().openapi()
    return json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def coverage() -> str:
    """Every endpoint of the Engine API, and how the cluster answers it."""
    hows = Counter(route.how for route in ROUTES)
    lanes = Counter(_LANES[route.how] for route in ROUTES)
    answered = len(ROUTES) - hows[How.REFUSED]
    lines = [
        "# What the cluster answers",
        "",
        _ABOUT,
        "",
        f"{len(ROUTES)} endpoints, {answered} of them answered: "
        + ", ".join(f"{count} {lane}" for lane, count in sorted(lanes.items()))
        + ".",
        "",
        "| how | endpoints |",
        "|---|---:|",
        *(f"| {how.value} | {hows[how]} |" for how in How),
        "",
        "| endpoint | how | lane | |",
        "|---|---|---|---|",
        *(_row(route) for route in sorted(ROUTES, key=_order)),
    ]
    return "\n".join(lines) + "\n"


def _row(route: Route) -> str:
    how = route.how.value + (f" ({route.status})" if route.how is How.REFUSED else "")
    return f"| `{route.method} {route.path}` | {how} | {_LANES[route.how]} | {route.summary} |"


def _order(route: Route) -> tuple[bool, str, str, str]:
    return route.how is How.REFUSED, route.tag, route.path, route.method


@click.command()
@click.option("--check", is_flag=True, help="Change nothing; fail if a file is not up to date.")
def main(*, check: bool) -> None:
    """Write openapi/openapi.json and openapi/coverage.md."""
    old = stale()
    if check and old:
        names = " and ".join(f"openapi/{path.name}" for path in old)
        are = "is" if len(old) == 1 else "are"
        click.echo(f"{names} {are} not up to date: run `make openapi` and commit.", err=True)
        sys.exit(1)
    if not check:
        texts = files()
        for path in old:
            path.write_text(texts[path], encoding="utf-8")
            click.echo(f"wrote openapi/{path.name}")


if __name__ == "__main__":
    main()
