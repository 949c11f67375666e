"""Names that are none, names of nothing, and names of several things."""

from collections import Counter
from urllib.parse import quote

import pytest
from bad_input_tools import REFUSED, ask, told
from integration_tools import Api, message, until

from lab.cluster import Lab


@pytest.mark.parametrize("line", REFUSED.strip().splitlines())
def test_an_engines_status_and_words(api: Api, engine: Api, line: str) -> None:
    api.create("web", Env=["constraint:node==dockerhost01"])
    method, path = line.split(" ")
    ours, theirs = (ask(place, method, f"/v1.41{path}", b"") for place in (api, engine))
    assert told(ours) == told(theirs)
    assert ours.status >= 400
    assert ours.header("content-type") == "application/json"


@pytest.mark.parametrize(
    "filters",
    [
        "{",
        "[]",
        "5",
        '{"name":5}',
        '{"name":[5]}',
        '{"name":{"a":"x"}}',
        "\ufeff{}",
        '{"a":' * 2000,
    ],
)
@pytest.mark.parametrize(
    "path", ["containers/json", "images/json", "volumes", "networks", "events?until=1&since=1"]
)
def test_filters_of_a_wrong_type_are_a_400(api: Api, path: str, filters: str) -> None:
    answer = api("GET", f"/{path}{'&' if '?' in path else '?'}filters={quote(filters)}")
    assert answer.status == 400
    assert message(answer).startswith("invalid filter")


@pytest.mark.parametrize("query", ["limit=1&limit=x", "all=0&all=1", "filters={}&filters=x"])
def test_of_a_parameter_given_twice_the_first_counts(api: Api, engine: Api, query: str) -> None:
    api.create(Env=["constraint:node==dockerhost01"])
    ours, theirs = (place.get(f"/containers/json?{query}") for place in (api, engine))
    assert len(ours) == len(theirs)


def test_a_prefix_of_several_ids(api: Api, engine: Api) -> None:
    """Engines before 23 call it 500, with a capital."""
    here, there = "constraint:node==dockerhost01", "constraint:node==dockerhost02"
    # Of 17 IDs two begin alike, and of 33 on two hosts some begin alike on both.
    ours = [api.create(Env=[here]) for _ in range(17)]
    (on_one, _), *_ = Counter(one[0] for one in ours).most_common()
    theirs = engine("GET", f"/containers/{on_one}/json")
    answer = api("GET", f"/containers/{on_one}/json")
    assert answer.status == 400
    assert message(answer).lower() == message(theirs).lower()
    while not (shared := {one[0] for one in ours} & {api.create(Env=[there])[0]}):
        continue
    answer = api("POST", f"/containers/{shared.pop()}/start")
    assert answer.status == 400
    assert all(row["State"] == "created" for row in api.get("/containers/json?all=1"))


@pytest.mark.parametrize(
    "verb", ["GET {}/json", "POST {}/start", "DELETE {}", "GET {}/logs?stdout=1"]
)
def test_a_name_on_two_hosts(lab: Lab, api: Api, verb: str) -> None:
    for number in (0, 1):
        Api(lab.engines[number].socket).create("twin")
    until(lambda: len(api.get("/containers/json?all=1")) == 2, 5, "both")
    method, path = verb.format("/containers/twin").split(" ")
    answer = api(method, path)
    assert answer.status == 409
    assert {"dockerhost01/twin", "dockerhost02/twin"} <= set(
        message(answer).replace(",", " ").split()
    )
    assert api("GET", "/containers/dockerhost02/twin/json").json()["Node"]["Name"] == "dockerhost02"
