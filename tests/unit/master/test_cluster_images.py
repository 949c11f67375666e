"""Images of the cluster: their names, where they are, and ``docker images``."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from master.cluster.images.glob import image_glob
from master.cluster.images.listing import ImageList, ImageQuery, resolve_image
from master.cluster.images.reference import given_name, parse_reference, reference_key
from master.cluster.model import Engine, Health
from master.cluster.rows import image_from_row
from master.cluster.state import ClusterState
from master.errors import BadRequestError, NotFoundError

A, B = "10.0.0.1:2375", "10.0.0.2:2375"
BUSYBOX, OTHER, BASE = "sha256:aa1" + "0" * 61, "sha256:aa2" + "0" * 61, "sha256:b" + "0" * 63
DIGEST = "sha256:" + "d" * 64
NOW = 1_800_000_000.0


def row(image_id: str, *tags: str, created: int = 5, **fields: Any) -> dict[str, Any]:
    values = {"RepoTags": list(tags), "RepoDigests": [], "Created": created, "ParentId": ""}
    return {"Id": image_id, "Containers": -1, "Labels": None, **values, **fields}


def put(state: ClusterState, address: str, *rows: dict[str, Any]) -> None:
    state.replace_images(address, [image_from_row(address, each) for each in rows])


@pytest.fixture
def state() -> ClusterState:
    state = ClusterState()
    for address, name in ((A, "node-1"), (B, "node-2")):
        state.put_engine(
            Engine(address=address, id=f"{name}|{address}", name=name, health=Health.HEALTHY)
        )
    put(
        state,
        A,
        row(BUSYBOX, "busybox:latest", created=20, RepoDigests=[f"busybox@{DIGEST}"]),
        row(BASE, "registry:5000/team/base:1.0", created=10, Labels={"team": "x"}),
    )
    put(
        state,
        B,
        row(BUSYBOX, "busybox:latest", "busybox:1.36", created=20),
        row(OTHER, created=30),
    )
    return state


def images(
    state: ClusterState, *, everything: bool = False, **filters: str
) -> list[dict[str, Any]]:
    query = ImageQuery(all=everything, filters={key: (value,) for key, value in filters.items()})
    rows: list[dict[str, Any]] = orjson.loads(ImageList(state).render(query, NOW))
    return rows


def ids(rows: list[dict[str, Any]]) -> list[str]:
    return [each["Id"] for each in rows]


# References


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("busybox", "busybox:latest"),
        ("busybox:1.36", "busybox:1.36"),
        ("library/busybox", "busybox:latest"),
        ("docker.io/busybox", "busybox:latest"),
        ("docker.io/library/busybox:latest", "busybox:latest"),
        ("index.docker.io/library/busybox", "busybox:latest"),
        ("docker.io/team/app", "team/app:latest"),
        ("library/team/app", "library/team/app:latest"),
        ("localhost/app", "localhost/app:latest"),
        ("registry:5000/app", "registry:5000/app:latest"),
        ("registry:5000/team/app:2", "registry:5000/team/app:2"),
        ("quay.io/library/app", "quay.io/library/app:latest"),
        (f"busybox@{DIGEST}", f"busybox@{DIGEST}"),
        (f"busybox:1@{DIGEST}", f"busybox:1@{DIGEST}"),
        ("a" * 64, "sha256:" + "a" * 64),
        ("sha256:" + "a" * 64, "sha256:" + "a" * 64),
        ("abc123", "abc123:latest"),
    ],
)
def test_an_images_name_in_its_short_form(text: str, expected: str) -> None:
    assert str(parse_reference(text)) == expected
    assert reference_key(text) == reference_key(expected)


@pytest.mark.parametrize(
    "text",
    ["", ":", "a:", "a:b c", "-a", "a//b", "a@b", "a@sha256:12", "a b", "a:" + "t" * 129,
     "n" * 256, "é", "a/../b", "x@", "/a", "a/", "x\n"],
)  # fmt: skip
def test_what_can_be_no_images_name(text: str) -> None:
    with pytest.raises(BadRequestError, match=r"^invalid reference format"):
        parse_reference(text)
    assert reference_key(text) == ""


def test_capital_letters_are_told() -> None:
    with pytest.raises(BadRequestError, match=r"repository name \(Busybox\) must be lowercase"):
        parse_reference("Busybox")


@given(st.text(max_size=40))
def test_any_text_is_a_reference_or_a_bad_request(text: str) -> None:
    try:
        parsed = parse_reference(text)
    except BadRequestError:
        return
    assert parse_reference(str(parsed)) == parsed


# Where an image is


@pytest.mark.parametrize(
    ("reference", "image_id", "engines"),
    [
        pytest.param("busybox", BUSYBOX, [A, B], id="default-tag"),
        pytest.param("busybox:1.36", BUSYBOX, [B], id="tag"),
        pytest.param("docker.io/library/busybox:latest", BUSYBOX, [A, B], id="long-name"),
        pytest.param(f"busybox@{DIGEST}", BUSYBOX, [A], id="digest"),
        pytest.param(f"busybox:nope@{DIGEST}", BUSYBOX, [A], id="digest-beats-tag"),
        pytest.param(BUSYBOX, BUSYBOX, [A, B], id="id"),
        pytest.param(BUSYBOX.removeprefix("sha256:"), BUSYBOX, [A, B], id="id-without-algorithm"),
        pytest.param(BUSYBOX[:19], BUSYBOX, [A, B], id="id-prefix-with-algorithm"),
        pytest.param("aa1", BUSYBOX, [A, B], id="id-prefix"),
        pytest.param("registry:5000/team/base:1.0", BASE, [A], id="registry"),
        pytest.param("b", BASE, [A], id="one-digit"),
    ],
)
def test_a_reference_leads_to_the_engines_that_have_it(
    state: ClusterState, reference: str, image_id: str, engines: list[str]
) -> None:
    found = resolve_image(state, reference)
    assert [address for address, _ in found] == engines
    assert {image.id for _, image in found} == {image_id}


@pytest.mark.parametrize(
    ("reference", "asked"),
    [
        pytest.param("nope", "nope:latest", id="unknown"),
        pytest.param("busybox:nope", "busybox:nope", id="unknown-tag"),
        pytest.param("docker.io/library/nope:1", "nope:1", id="long-name"),
        pytest.param("aa", "aa:latest", id="prefix-of-two"),
        pytest.param("sha256:aa", "sha256:aa", id="long-prefix-of-two"),
        pytest.param("sha256:" + "e" * 64, "sha256:" + "e" * 64, id="id"),
        pytest.param("e" * 64, "sha256:" + "e" * 64, id="id-without-algorithm"),
        pytest.param("registry:5000/team/base", "registry:5000/team/base:latest", id="other-tag"),
    ],
)
def test_what_no_engine_has_is_told_in_the_words_that_make_clients_pull(
    state: ClusterState, reference: str, asked: str
) -> None:
    with pytest.raises(NotFoundError) as caught:
        resolve_image(state, reference)
    assert str(caught.value) == f"No such image: {asked}"


def test_a_name_comes_before_an_id(state: ClusterState) -> None:
    put(state, B, row(OTHER, "aa1:latest"))
    assert [image.id for _, image in resolve_image(state, "aa1")] == [OTHER]


def test_one_tag_may_mean_another_image_on_each_engine(state: ClusterState) -> None:
    put(state, B, row(OTHER, "busybox:latest"))
    found = [(address, image.id) for address, image in resolve_image(state, "busybox")]
    assert found == [(A, BUSYBOX), (B, OTHER)]


def test_the_index_follows_the_state(state: ClusterState) -> None:
    assert state.image_index() is state.image_index()
    state.remove_engine(A)
    assert [address for address, _ in resolve_image(state, "busybox")] == [B]
    put(state, B)
    with pytest.raises(NotFoundError):
        resolve_image(state, "busybox")


# The list


def test_each_image_is_there_once_with_all_its_names(state: ClusterState) -> None:
    rows = images(state)
    assert ids(rows) == [OTHER, BUSYBOX, BASE]
    assert rows[1]["RepoTags"] == ["busybox:latest", "busybox:1.36"]
    assert rows[1]["RepoDigests"] == [f"busybox@{DIGEST}"]
    assert rows[0]["RepoTags"] == []


@pytest.mark.parametrize(
    ("first", "second", "expected"), [(-1, -1, -1), (2, 3, 5), (-1, 3, 3), (0, 0, 0)]
)
def test_uses_are_counted_together(
    state: ClusterState, first: int, second: int, expected: int
) -> None:
    put(state, A, row(BUSYBOX, Containers=first))
    put(state, B, row(BUSYBOX, Containers=second))
    assert images(state)[0]["Containers"] == expected


def test_unknown_fields_survive(state: ClusterState) -> None:
    put(state, A, row(BUSYBOX, "busybox:latest", New={"kept": 1}))
    assert images(state, reference="busybox")[0]["New"] == {"kept": 1}


def test_the_engines_own_row_is_not_changed(state: ClusterState) -> None:
    images(state, reference="busybox:1.36")
    assert state.images_on(B)[0].row["RepoTags"] == ["busybox:latest", "busybox:1.36"]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        pytest.param({"dangling": "true"}, [OTHER], id="dangling"),
        pytest.param({"dangling": "0"}, [BUSYBOX, BASE], id="not-dangling"),
        pytest.param({"label": "team"}, [BASE], id="label"),
        pytest.param({"label": "team=y"}, [], id="other-label"),
        pytest.param({"before": "busybox"}, [BASE], id="before"),
        pytest.param({"since": "registry:5000/team/base:1.0"}, [OTHER, BUSYBOX], id="since"),
        pytest.param({"until": "21"}, [BUSYBOX, BASE], id="until"),
        pytest.param({"until": "10m"}, [OTHER, BUSYBOX, BASE], id="until-some-time-ago"),
        pytest.param({"node": "node-1"}, [BUSYBOX, BASE], id="node"),
        pytest.param({"node": B}, [OTHER, BUSYBOX], id="node-by-address"),
        pytest.param({"reference": "busybox"}, [BUSYBOX], id="reference"),
        pytest.param({"reference": "busy*:1.3?"}, [BUSYBOX], id="glob"),
        pytest.param({"reference": "*/*/base"}, [BASE], id="glob-with-slashes"),
        pytest.param({"reference": "nope"}, [], id="unknown-reference"),
    ],
)
def test_filters(state: ClusterState, filters: dict[str, str], expected: list[str]) -> None:
    assert ids(images(state, **filters)) == expected


def test_a_filter_by_name_leaves_only_the_names_that_fit(state: ClusterState) -> None:
    found = images(state, reference="busybox:1.36")
    assert found[0]["RepoTags"] == ["busybox:1.36"]
    assert found[0]["RepoDigests"] == []


def test_by_node_only_its_own_names_are_shown(state: ClusterState) -> None:
    assert images(state, node="node-1")[0]["RepoTags"] == ["busybox:latest"]


def test_layers_in_between_show_up_with_all(state: ClusterState) -> None:
    put(state, A, row(BUSYBOX, "app:latest", ParentId=BASE, created=2), row(BASE, created=1))
    put(state, B)
    assert ids(images(state)) == [BUSYBOX]
    assert ids(images(state, everything=True)) == [BUSYBOX, BASE]


def test_what_others_were_built_on_is_not_dangling(state: ClusterState) -> None:
    put(state, B, row(OTHER, created=30), row(BASE, "new:1", created=10, ParentId=OTHER))
    assert images(state, everything=True, dangling="true") == []
    put(state, B, row(OTHER, created=30))
    assert [image["Id"] for image in images(state, everything=True, dangling="true")] == [OTHER]


def test_a_tag_is_shown_at_the_image_that_it_means_now(state: ClusterState) -> None:
    put(
        state, B, row(BUSYBOX, "busybox:1.36", created=20), row(OTHER, "busybox:latest", created=30)
    )
    names = {image["Id"]: image["RepoTags"] for image in images(state)}
    assert names[OTHER] == ["busybox:latest"]
    assert names[BUSYBOX] == ["busybox:1.36"]
    assert [image["Id"] for image in images(state, reference="busybox:latest")] == [OTHER]


@pytest.mark.parametrize("key", ["before", "since"])
def test_a_point_of_reference_has_to_exist(state: ClusterState, key: str) -> None:
    with pytest.raises(NotFoundError, match="No such image: nope:latest"):
        images(state, **{key: "nope"})


def test_answers_are_kept_until_images_change(state: ClusterState) -> None:
    listing = ImageList(state)
    first = listing.render(ImageQuery(), NOW)
    assert listing.render(ImageQuery(), NOW + 9) is first
    put(state, B)
    assert len(orjson.loads(listing.render(ImageQuery(), NOW))) == 2


def test_until_is_reckoned_anew_each_time(state: ClusterState) -> None:
    listing = ImageList(state)
    query = ImageQuery(filters={"until": ("10s",)})
    assert len(orjson.loads(listing.render(query, 25.0))) == 1
    assert len(orjson.loads(listing.render(query, 35.0))) == 2


def test_an_image_with_a_digest_alone_is_dangling_and_is_not(state: ClusterState) -> None:
    """Docker hides from ``dangling=false`` what has neither tag nor digest, and nothing else."""
    put(state, B, row(OTHER, RepoDigests=[f"busybox@{DIGEST}"]))
    assert OTHER in ids(images(state, dangling="true"))
    assert OTHER in ids(images(state, dangling="false"))


def test_clients_on_both_sides_of_a_shim_get_answers_of_their_own(state: ClusterState) -> None:
    listing = ImageList(state)
    for version, names in (((1, 42), ["<none>:<none>"]), ((1, 43), []), ((1, 44), [])):
        first = orjson.loads(listing.render(ImageQuery(version=version), NOW))[0]
        assert (first["Id"], first["RepoTags"]) == (OTHER, names)


# Parameters


def test_parameters_are_read() -> None:
    query = ImageQuery.parse({"all": "true", "filters": '{"dangling":["true"]}'}, (1, 44))
    assert query == ImageQuery(all=True, filters={"dangling": ("true",)}, version=(1, 44))


@pytest.mark.parametrize(
    ("version", "expected"), [((1, 27), {"reference": ("busybox",)}), ((1, 28), {})]
)
def test_old_clients_filter_by_name_in_a_parameter(
    version: tuple[int, int], expected: dict[str, tuple[str, ...]]
) -> None:
    assert dict(ImageQuery.parse({"filter": "busybox"}, version).filters) == expected


@pytest.mark.parametrize(
    ("filters", "message"),
    [
        ('{"x":["y"]}', r"^invalid filter 'x'$"),
        ('{"dangling":["maybe"]}', r"^invalid filter 'dangling=\[maybe\]'$"),
        ("x", r"^invalid filter"),
    ],
)
def test_what_makes_no_sense_is_told(filters: str, message: str) -> None:
    with pytest.raises(BadRequestError, match=message):
        ImageQuery.parse({"filters": filters}, (1, 44))


# Globs


@pytest.mark.parametrize(
    ("pattern", "name", "expected"),
    [
        ("busybox", "busybox:latest", True),
        ("busybox:latest", "busybox:latest", True),
        ("busy", "busybox:latest", False),
        ("busy*", "busybox:latest", True),
        ("*", "team/app:1", False),
        ("*/*", "team/app:1", True),
        ("team/*", "team/app:1", True),
        ("*:1", "app:1", True),
        ("app:?", "app:12", False),
        ("app:[0-9]", "app:7", True),
        ("app:[^0-9]", "app:7", False),
        ("app:[^0-9]", "app:x", True),
        (r"app:\*", "app:*", True),
        (r"app:\*", "app:1", False),
        ("a.p", "axp:1", False),
        ("a+p:1", "a+p:1", True),
        ("a+p:1", "aap:1", False),
        ("localhost:5000/*", "localhost:5000/app:1", True),
    ],
)
def test_globs(pattern: str, name: str, expected: bool) -> None:
    assert image_glob(pattern)(name) is expected


@pytest.mark.parametrize("pattern", ["[", "[a", "[]", "[^]", "a\\", "[a\\", "x" * 300])
def test_broken_globs_are_told(pattern: str) -> None:
    with pytest.raises(BadRequestError, match="syntax error in pattern"):
        image_glob(pattern)


@given(st.text(alphabet=r"ab/*?[]^-\:.", max_size=8), st.text(alphabet="ab/:.-", max_size=8))
def test_any_glob_matches_or_is_told(pattern: str, name: str) -> None:
    try:
        assert isinstance(image_glob(pattern)(name), bool)
    except BadRequestError as error:
        assert str(error).startswith("invalid filter 'reference=")  # noqa: PT017


@pytest.mark.parametrize(
    ("repository", "tag", "name"),
    [
        ("app", "", "app:latest"),
        ("app", "1", "app:1"),
        ("app:1", "", "app:1"),
        ("app:1", "2", "app:2"),
        ("host:5000/app", "", "host:5000/app:latest"),
        ("host:5000/app:1", "", "host:5000/app:1"),
    ],
)
def test_what_an_image_is_called_when_it_is_tagged(repository: str, tag: str, name: str) -> None:
    assert given_name(repository, tag) == name
