"""The document says what the table says, and the files say what the document says."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from click.testing import CliRunner
from fastapi import APIRouter, Response

from master.api import describe, describe_answers, describe_queries
from master.app import ROUTERS, create_app
from master.route_table import How, Route, RouteTable
from master.routes import ROUTES
from openapi import export

_THOUGHT = (How.LOCAL, How.PLACED, How.FAN_OUT)


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(export.openapi())
    return found


def _operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def _references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"]
        for value in part.values():
            yield from _references(value)
    elif isinstance(part, list):
        for value in part:
            yield from _references(value)


def test_files_are_up_to_date() -> None:
    assert export.stale() == [], "run `make openapi` and commit what it writes"


def test_every_thought_has_exactly_one_handler() -> None:
    rows = [route for route in ROUTES if route.how in _THOUGHT and route.tag != "manager"]
    wanted = {describe.normal(route.method, route.path) for route in rows}
    assert len(wanted) == len(rows)
    # `handlers` itself refuses two for one row.
    assert set(describe.handlers(ROUTERS)) == wanted


def test_the_manager_serves_its_own_description() -> None:
    served = {getattr(route, "path", None) for route in create_app().routes} - {None}
    assert served == {route.path for route in ROUTES if route.tag == "manager"}


def test_two_handlers_for_one_row_are_refused() -> None:
    router = APIRouter()

    async def thing() -> Response:
        return Response()

    for path in ("/things/{a}", "/things/{b:path}"):
        router.add_api_route(path, thing, methods=["GET"])
    with pytest.raises(ValueError, match=r"GET /things/.* has two handlers"):
        describe.handlers([router])


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_every_row_is_found_by_its_own_path(route: Route) -> None:
    # /containers/{id} fits /containers/x/checkpoints/y as well, since references hold slashes.
    found = RouteTable(ROUTES).find(route.method, re.sub(r"\{\w+\}", "x", route.path))
    assert found is not None
    assert found[0] is route


def test_every_row_is_an_operation_and_nothing_else_is(document: dict[str, Any]) -> None:
    told = {(method, path): o["x-swarm-how"] for method, path, o in _operations(document)}
    assert told == {(route.method, route.path): route.how.value for route in ROUTES}


@pytest.mark.parametrize("described", [describe_answers.ANSWERS, describe_answers.BODIES])
def test_no_description_is_left_over(described: dict[tuple[str, str], Any]) -> None:
    answered = {(r.method, r.path) for r in ROUTES if r.how is not How.REFUSED}
    assert set(described) <= answered


def test_every_answered_row_says_what_success_is() -> None:
    answered = {(r.method, r.path) for r in ROUTES if r.how is not How.REFUSED}
    assert set(describe_answers.ANSWERS) == answered


def test_every_query_parameter_is_described_and_used() -> None:
    used = {name for route in ROUTES for name in route.query.split()}
    assert used == describe_queries.described()


def test_an_undescribed_query_parameter_is_noticed() -> None:
    with pytest.raises(KeyError, match="colour"):
        describe_queries.parameters(Route("GET", "/x", How.LOCAL, "x", "colour"))


def test_every_parameter_of_a_path_is_declared(document: dict[str, Any]) -> None:
    for method, path, operation in _operations(document):
        declared = {p["name"] for p in operation.get("parameters", ()) if p["in"] == "path"}
        assert declared == set(re.findall(r"\{(\w+)\}", path)), f"{method} {path}"


def test_operation_ids_are_unique(document: dict[str, Any]) -> None:
    ids = [operation["operationId"] for _, _, operation in _operations(document)]
    assert len(ids) == len(set(ids))


def test_refused_rows_carry_status_and_words_of_the_table(document: dict[str, Any]) -> None:
    refused = [route for route in ROUTES if route.how is How.REFUSED]
    assert refused
    for route in refused:
        operation = document["paths"][route.path][route.method.lower()]
        assert operation["responses"].keys() == {"400", str(route.status)}
        assert route.refusal in operation["description"]


def test_errors_have_one_form_and_heads_have_no_body(document: dict[str, Any]) -> None:
    seen = 0
    for method, _, operation in _operations(document):
        for status, response in operation["responses"].items():
            if status < "400":
                continue
            seen += 1
            if method == "HEAD":
                assert "content" not in response
            else:
                schema = {"$ref": "#/components/schemas/Error"}
                assert response["content"] == {"application/json": {"schema": schema}}
    assert seen > len(ROUTES)


@pytest.mark.parametrize(
    ("method", "path", "header"),
    [
        ("POST", "/containers/create", "X-Registry-Auth"),
        ("POST", "/images/create", "X-Registry-Auth"),
        ("POST", "/plugins/pull", "X-Registry-Auth"),
        ("POST", "/plugins/{name}/upgrade", "X-Registry-Auth"),
        ("POST", "/build", "X-Registry-Config"),
    ],
)
def test_headers_with_credentials_are_described(
    document: dict[str, Any], method: str, path: str, header: str
) -> None:
    told = document["paths"][path][method.lower()]["parameters"]
    assert header in [one["name"] for one in told if one["in"] == "header"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/networks"),
        ("GET", "/networks/{id}"),
        ("DELETE", "/images/{name}"),
        ("GET", "/system/df"),
        ("GET", "/volumes"),
        ("GET", "/plugins"),
    ],
)
def test_answers_that_may_leave_nodes_out_say_how_they_name_them(
    document: dict[str, Any], method: str, path: str
) -> None:
    assert (
        "X-Cluster-Partial"
        in document["paths"][path][method.lower()]["responses"]["200"]["headers"]
    )


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    names = {reference.rpartition("/")[2] for reference in _references(document)}
    assert names == set(document["components"]["schemas"])


@pytest.mark.parametrize(
    ("schema", "body"),
    [
        pytest.param("ContainerCreate", {"Image": "busybox", "Cmd": "true"}, id="shell-form"),
        pytest.param("ContainerCreate", {"Image": "busybox", "Cmd": None, "New": 1}, id="unknown"),
        pytest.param("ContainerCreated", {"Id": "x", "Warnings": None}, id="go-null"),
        pytest.param("Error", {"message": "no"}, id="error"),
    ],
)
def test_real_bodies_fit(document: dict[str, Any], schema: str, body: Any) -> None:
    validator = jsonschema_rs.validator_for(
        {"$ref": f"#/components/schemas/{schema}", "components": document["components"]}
    )
    validator.validate(body)


def test_check_tells_what_is_stale(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(export, "FOLDER", tmp_path)
    stale = CliRunner().invoke(export.main, ["--check"])
    assert stale.exit_code == 1
    assert stale.output == (
        "openapi/openapi.json and openapi/coverage.md are not up to date: "
        "run `make openapi` and commit.\n"
    )
    assert CliRunner().invoke(export.main, []).exit_code == 0
    assert CliRunner().invoke(export.main, ["--check"]).exit_code == 0
    (tmp_path / "coverage.md").write_text("by hand\n")
    stale = CliRunner().invoke(export.main, ["--check"])
    assert (stale.exit_code, stale.output.split()[0]) == (1, "openapi/coverage.md")


def test_coverage_counts_every_row() -> None:
    text = export.coverage()
    assert f"{len(ROUTES)} endpoints" in text
    for route in ROUTES:
        assert f"| `{route.method} {route.path}` | {route.how.value}" in text
