"""Every operation of openapi.json, fuzzed against the running manager over real engines.

The cases are the same in every run. Beside our own rules (`fuzz_tools.judge`) the answers have to
keep what openapi.json promises: statuses, media types, schemas.
"""

import json
from collections.abc import Iterator

import pytest
import schemathesis
from fuzz_tools import Aim, Wire, is_lines, judge, lines, speaks_python
from hypothesis import HealthCheck, Phase, settings
from integration_tools import REPOSITORY, Api, message
from schemathesis import Case, CheckFunction, Response
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from lab.cluster import Lab

_DOCUMENT = json.loads((REPOSITORY / "openapi" / "openapi.json").read_text(encoding="utf-8"))
_EXAMPLES = 15
_IMAGE = "mbajor/deepthought:latest"
"""The lab's registry has it."""

_config = schemathesis.Config()
_config.projects.default.phases.update(phases=["examples", "fuzzing"])
schema = schemathesis.openapi.from_dict(_DOCUMENT, config=_config)


@pytest.fixture(scope="module")
def logged_before(lab: Lab) -> int:
    """How much the manager had logged when the fuzzing began."""
    return len(lab.logs("manager"))


@pytest.fixture(scope="module")
def wire(lab: Lab, logged_before: int) -> Iterator[Wire]:
    """One connection for all cases."""
    wire = Wire(lab.manager.endpoint)
    yield wire
    wire.close()


@pytest.fixture
def aim(lab: Lab) -> Aim:
    """Aims at a container of its own for each operation."""
    return Aim(Api(lab.manager.endpoint), _IMAGE)


# `_clean` in conftest.py waits behind each operation until every engine is healthy, and removes
# what was created.
@schema.parametrize()
@settings(
    max_examples=_EXAMPLES,
    derandomize=True,
    database=None,
    deadline=None,
    # Without shrinking: a case is reported as it was sent, and engines are slow.
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_answers_keep_their_promises(case: Case, wire: Wire, aim: Aim) -> None:
    aim(case)
    answer = wire.send(case)
    label, how = case.operation.label, case.operation.definition.raw["x-swarm-how"]
    judge(label, how, answer)
    case.validate_response(answer, checks=_promises(case, answer))
    if is_lines(label) and answer.status_code < 400:
        assert all(lines(answer.content, is_whole=not answer.stream_cut_short))
    if answer.status_code >= 400:
        sent = json.dumps(dict(vars(answer.request)), default=str)
        word = speaks_python(answer.content.decode(), sent)
        assert word is None, f"{word!r} is no word for a user: {answer.content!r}"


def _promises(case: Case, answer: Response) -> list[CheckFunction]:
    """What openapi.json promises of this answer."""
    label, how = case.operation.label, case.operation.definition.raw["x-swarm-how"]
    is_error = answer.status_code >= 400
    checks: list[CheckFunction] = [status_code_conformance]
    if how == "hijack" and is_error:
        return checks  # the engine has taken its connection over, and writes words without a form
    # Engines name no media type for samples (GET stats), which are JSON all the same.
    if answer.content and "content-type" in answer.headers:
        checks.append(content_type_conformance)
    is_json = answer.headers.get("content-type") == ["application/json"]
    if is_json and not answer.stream_cut_short and (is_error or not is_lines(label)):
        checks.append(response_schema_conformance)
    return checks


def test_the_manager_serves_this_very_document(api: Api) -> None:
    assert api.get("/openapi.json") == _DOCUMENT
    assert b"/openapi.json" in api("GET", "/docs").body


def test_an_exec_named_in_other_letters_is_unknown(api: Api) -> None:
    # Once a 500: "Ä" is a letter to Python, and no byte of a request line.
    answer = api("GET", "/exec/%C3%84/json")
    assert (answer.status, message(answer)) == (404, "No such exec instance: Ä")


def test_the_manager_came_through(lab: Lab, wire: Wire, logged_before: int) -> None:
    assert Api(lab.manager.endpoint)("GET", "/_ping").body == b"OK"
    logged = lab.logs("manager")[logged_before:]
    trouble = [line for line in logged.splitlines() if "Traceback" in line]
    assert trouble == [], "an error was not expected: see the manager's log"
