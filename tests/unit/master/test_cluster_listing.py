"""``docker ps`` for the cluster: rows, order, filters, and caches that never show old things."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from master.cluster.containers.listing import ContainerList, ListQuery
from master.cluster.containers.row import NameStyle, name_style
from master.cluster.model import Container, ContainerConfig, Engine, Health, Image
from master.cluster.rows import container_from_row
from master.cluster.state import ClusterState
from master.errors import BadRequestError, ManagerError, NotFoundError

A, B = "10.0.0.1:2375", "10.0.0.2:2375"
NOW = 1_800_000_000.0
IMAGE_1, IMAGE_2 = "sha256:" + "1" * 64, "sha256:" + "2" * 64
TEXTS = {
    "running": "Up 2 minutes",
    "exited": "Exited (3) 2 minutes ago",
    "created": "Created",
    "paused": "Up 2 minutes (Paused)",
}


def engine(address: str, **changes: Any) -> Engine:
    number = address[7]
    values = {
        "id": f"ID{number}|{address}",
        "name": f"node-{number}",
        "ip": address.partition(":")[0],
        "health": Health.HEALTHY,
    }
    return Engine(address=address, **(values | changes))


def container(
    address: str, name: str, number: int, state: str = "running", **row: Any
) -> Container:
    times = {
        "running": ContainerConfig(started_at=NOW - 180),
        "paused": ContainerConfig(started_at=NOW - 180),
        "exited": ContainerConfig(started_at=NOW - 180, finished_at=NOW - 60, exit_code=3),
    }
    values = {
        "Id": f"{number:x}" * 64,
        "Names": [f"/{name}"],
        "Image": "busybox",
        "ImageID": IMAGE_1,
        "Created": 1_700_000_000 + number,
        "State": state,
        "Status": TEXTS[state],
        "Ports": [],
        "Labels": {"number": str(number)},
    }
    return container_from_row(address, values | row, times.get(state, ContainerConfig()))


@pytest.fixture
def state() -> ClusterState:
    state = ClusterState()
    state.put_engine(engine(A))
    state.put_engine(engine(B))
    state.put_container(container(A, "web", 1))
    state.put_container(container(B, "db", 2, Status="Up 2 minutes (healthy)"))
    state.put_container(container(A, "job", 3, "exited"))
    state.put_container(container(B, "new", 4, "created"))
    return state


def render(state: ClusterState, now: float = NOW, **query: Any) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = orjson.loads(ContainerList(state).render(ListQuery(**query), now))
    return rows


def listed(state: ClusterState, **query: Any) -> list[str]:
    return [row["Names"][0].removeprefix("/") for row in render(state, **query)]


def filtered(state: ClusterState, **filters: str | tuple[str, ...]) -> list[str]:
    values = {
        key.replace("_", "-"): (value,) if isinstance(value, str) else value
        for key, value in filters.items()
    }
    return listed(state, all=True, filters=values)


# Rows


def test_nothing_is_an_empty_list() -> None:
    assert ContainerList(ClusterState()).render(ListQuery(all=True), NOW) == b"[]"


def test_a_row_keeps_every_field_that_the_engine_sent(state: ClusterState) -> None:
    state.put_container(container(A, "web", 1, SomethingNew={"kept": [1, None]}))
    row = render(state)[-1]
    assert row["SomethingNew"] == {"kept": [1, None]}
    assert row["Image"] == "busybox"
    assert row["State"] == "running"


def test_a_row_of_nothing_but_names_and_status_is_still_json() -> None:
    state = ClusterState()
    state.put_engine(engine(A))
    bare = Container("a" * 64, "web", A, "", "", 0, "created", {}, {})
    state.put_container(bare)
    names = ["/web", "/node-1/web"]
    assert render(state, all=True) == [{"Names": names, "Status": "Created"}]


@pytest.mark.parametrize(
    ("user_agent", "expected"),
    [
        pytest.param("Docker-Client/28.2.2 (linux)", NameStyle.NODE_ONLY, id="28"),
        pytest.param("Docker-Client/20.10.24+dfsg1 (linux)", NameStyle.NODE_ONLY, id="20.10"),
        pytest.param("Docker-Client/29.3.1 (linux)", NameStyle.NODE_ONLY, id="29.3"),
        pytest.param("Docker-Client/29.4.0 (linux)", NameStyle.PLAIN_FIRST, id="29.4"),
        pytest.param("Docker-Client/29.10.0 (darwin)", NameStyle.PLAIN_FIRST, id="29.10"),
        pytest.param("Docker-Client/30.0.0 (linux)", NameStyle.PLAIN_FIRST, id="30"),
        pytest.param("Docker-Client/unknown-version (linux)", NameStyle.PLAIN_FIRST, id="unknown"),
        pytest.param("compose/v2.26.1", NameStyle.PLAIN_FIRST, id="compose"),
        pytest.param("docker-sdk-python/7.1.0", NameStyle.PLAIN_FIRST, id="docker-py"),
        pytest.param("", NameStyle.PLAIN_FIRST, id="empty"),
        pytest.param(None, NameStyle.PLAIN_FIRST, id="absent"),
    ],
)
def test_each_client_gets_the_names_it_can_show(
    user_agent: str | None, expected: NameStyle
) -> None:
    assert name_style(user_agent) is expected


@pytest.mark.parametrize(
    ("style", "expected"),
    [
        (NameStyle.PLAIN_FIRST, ["/db", "/node-1/db", "/node-1/web/store"]),
        (NameStyle.NODE_ONLY, ["/node-1/db", "/node-1/web/store"]),
    ],
)
def test_link_aliases_stand_behind_the_names(style: NameStyle, expected: list[str]) -> None:
    state = ClusterState()
    state.put_engine(engine(A))
    state.put_container(container(A, "db", 1, Names=["/web/store", "/db"]))
    assert render(state, style=style)[0]["Names"] == expected


def test_published_ports_are_where_the_engine_is(state: ClusterState) -> None:
    both = {"PrivatePort": 80, "PublicPort": 8080, "Type": "tcp"}
    ports = [
        {"IP": "0.0.0.0", **both},
        {"IP": "::", **both},
        {"IP": "127.0.0.1", **both},
        {"PrivatePort": 443, "Type": "tcp"},
    ]
    state.put_container(container(A, "web", 1, Ports=ports))
    assert render(state)[-1]["Ports"] == [
        {"IP": "10.0.0.1", **both},
        {"IP": "127.0.0.1", **both},
        {"PrivatePort": 443, "Type": "tcp"},
    ]


def test_without_an_address_ports_stay_as_they_are(state: ClusterState) -> None:
    ports = [{"IP": "0.0.0.0", "PrivatePort": 80, "PublicPort": 80, "Type": "tcp"}, "odd"]
    state.put_engine(engine(A, ip=""))
    state.put_container(container(A, "web", 1, Ports=ports))
    assert render(state)[-1]["Ports"] == ports


def test_the_status_counts_on(state: ClusterState) -> None:
    listing = ContainerList(state)
    told = [
        orjson.loads(listing.render(ListQuery(), now))[1]["Status"]
        for now in (NOW, NOW + 59, NOW + 60, NOW + 3600, NOW - 150)
    ]
    assert told == [
        "Up 3 minutes",
        "Up 3 minutes",
        "Up 4 minutes",
        "Up About an hour",
        "Up 30 seconds",
    ]


def test_a_wrong_clock_of_an_engine_is_put_right(state: ClusterState) -> None:
    state.put_engine(engine(A, clock_skew_s=100.0))
    row = render(state)[0]
    assert row["Names"][0] == "/web"
    assert row["Created"] == 1_700_000_101
    assert row["Status"] == "Up About a minute"


def test_an_engine_that_does_not_answer(state: ClusterState) -> None:
    state.put_engine(engine(A, health=Health.UNHEALTHY))
    assert listed(state) == ["db"]
    rows = {row["Names"][0]: row for row in render(state, all=True)}
    assert (rows["/web"]["Status"], rows["/web"]["State"]) == ("Host Down", "running")
    assert rows["/job"]["Status"] == "Host Down"
    assert rows["/db"]["Status"] == "Up 3 minutes (healthy)"
    state.put_engine(engine(A))
    assert listed(state) == ["db", "web"]


@pytest.mark.parametrize(
    "query",
    [{"all": True}, {"limit": 9}, {"filters": {"before": ("new",)}}],
    ids=["all", "limit", "before"],
)
def test_its_running_containers_show_up_when_asked_for(
    state: ClusterState, query: dict[str, Any]
) -> None:
    state.put_engine(engine(A, health=Health.UNHEALTHY))
    assert "web" in listed(state, **query)


def test_sizes_are_put_in(state: ClusterState) -> None:
    sizes = {(A, "1" * 64): {"SizeRw": 5, "SizeRootFs": 10}}
    body = ContainerList(state).render(ListQuery(size=True), NOW, sizes)
    rows = {row["Names"][0]: row for row in orjson.loads(body)}
    assert (rows["/web"]["SizeRw"], rows["/web"]["SizeRootFs"]) == (5, 10)
    assert "SizeRw" not in rows["/db"]
    assert rows["/web"]["Status"] == "Up 3 minutes"


# Which containers, in which order


def test_only_running_ones_newest_first(state: ClusterState) -> None:
    assert listed(state) == ["db", "web"]
    assert listed(state, all=True) == ["new", "job", "db", "web"]


def test_within_a_second_the_order_is_that_of_creation(state: ClusterState) -> None:
    for number, name, exact in ((6, "later", 0.9), (7, "sooner", 0.1)):
        row = container(A, name, number, Created=1_700_000_009)
        config = replace(row.config, created_at=1_700_000_009 + exact)
        state.put_container(replace(row, config=config))
    assert listed(state)[:2] == ["later", "sooner"]
    assert listed(state, filters={"before": ("later",)})[0] == "sooner"
    assert listed(state, filters={"since": ("sooner",)}) == ["later"]


def test_the_order_of_equally_old_ones_is_by_id(state: ClusterState) -> None:
    for number in (9, 7, 8):
        state.put_container(container(A, f"c{number}", number, Created=1_900_000_000))
    assert listed(state)[:3] == ["c7", "c8", "c9"]


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        (1, ["new"]),
        (3, ["new", "job", "db"]),
        (9, ["new", "job", "db", "web"]),
        (-1, ["db", "web"]),
    ],
)
def test_the_last_n_are_of_any_state(state: ClusterState, limit: int, expected: list[str]) -> None:
    assert listed(state, limit=limit) == expected


def test_paused_and_restarting_ones_are_up(state: ClusterState) -> None:
    state.put_container(container(A, "web", 1, "paused"))
    assert listed(state) == ["db", "web"]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        pytest.param({"status": "exited"}, ["job"], id="status"),
        pytest.param({"status": ("exited", "running")}, ["job", "db", "web"], id="statuses"),
        pytest.param({"exited": "3"}, ["job"], id="exited"),
        pytest.param({"exited": "0"}, [], id="other-exit-code"),
        pytest.param({"label": "number"}, ["new", "job", "db", "web"], id="label"),
        pytest.param({"label": "number=2"}, ["db"], id="label-value"),
        pytest.param({"label": ("number=2", "number=3")}, [], id="labels-all-have-to-fit"),
        pytest.param({"health": "healthy"}, ["db"], id="health"),
        pytest.param({"health": "none"}, ["new", "job", "web"], id="no-health"),
        pytest.param({"name": "w"}, ["new", "web"], id="name-part"),
        pytest.param({"name": "^web$"}, ["web"], id="name-anchored"),
        pytest.param({"name": "^/web$"}, ["web"], id="name-with-slash"),
        pytest.param({"name": "^node-2/"}, ["new", "db"], id="name-with-node"),
        pytest.param({"name": "node-2/"}, ["new", "db"], id="name-with-node-anywhere"),
        pytest.param({"name": "^/node-1/web$"}, ["web"], id="name-as-inspect-says-it"),
        pytest.param({"name": "node"}, [], id="name-of-a-node-alone"),
        pytest.param({"name": "^/n"}, ["new"], id="name-that-begins-like-a-node"),
        pytest.param({"name": "\\d"}, [], id="name-with-what-only-nodes-have"),
        pytest.param({"name": "^/?(web|db)$"}, ["db", "web"], id="name-as-compose-asks"),
        pytest.param({"name": "^[a-z]{3}$"}, ["new", "job", "web"], id="name-with-a-count"),
        pytest.param({"name": ("^job$", "^db$")}, ["job", "db"], id="names"),
        pytest.param({"id": "1"}, ["web"], id="id-prefix"),
        pytest.param({"id": ("1" * 64, "222")}, ["db", "web"], id="ids"),
        pytest.param({"id": "5"}, [], id="unknown-id"),
        pytest.param({"id": ""}, [], id="empty-id"),
        pytest.param({"node": "node-1"}, ["job", "web"], id="node-name"),
        pytest.param({"node": f"ID2|{B}"}, ["new", "db"], id="node-id"),
        pytest.param({"node": B}, ["new", "db"], id="node-address"),
        pytest.param({"before": "job"}, ["db", "web"], id="before"),
        pytest.param({"since": "db"}, ["new", "job"], id="since"),
        pytest.param({"since": "node-1/web", "before": "4444"}, ["job", "db"], id="between"),
        pytest.param({"before": "web", "since": "web"}, [], id="nothing-between"),
        pytest.param({"is_task": "true"}, [], id="task"),
        pytest.param({"is_task": "false"}, ["new", "job", "db", "web"], id="no-task"),
        pytest.param({"isolation": "hyperv"}, ["new", "job", "db", "web"], id="isolation"),
        pytest.param({"name": "w", "node": "node-2"}, ["new"], id="keys-all-have-to-fit"),
        pytest.param({"name": ()}, ["new", "job", "db", "web"], id="key-without-values"),
    ],
)
def test_filters(
    state: ClusterState, filters: dict[str, str | tuple[str, ...]], expected: list[str]
) -> None:
    assert filtered(state, **filters) == expected


def test_asking_for_a_state_means_all_containers(state: ClusterState) -> None:
    assert listed(state, filters={"status": ("exited",)}) == ["job"]
    assert listed(state, filters={"exited": ("3",)}) == []


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        pytest.param({"publish": "8080"}, True, id="publish"),
        pytest.param({"publish": "8080/tcp"}, True, id="publish-protocol"),
        pytest.param({"publish": "8080/udp"}, False, id="publish-other-protocol"),
        pytest.param({"publish": "8000-9000"}, True, id="publish-range"),
        pytest.param({"publish": "80"}, False, id="publish-is-not-expose"),
        pytest.param({"expose": "80"}, True, id="expose"),
        pytest.param({"expose": "53/udp"}, True, id="expose-unpublished"),
        pytest.param({"expose": "443", "publish": "8080"}, True, id="either-will-do"),
        pytest.param({"volume": "data"}, True, id="volume-name"),
        pytest.param({"volume": "/var/data"}, True, id="volume-destination"),
        pytest.param({"volume": "/host/etc"}, True, id="bind-source"),
        pytest.param({"volume": "other"}, False, id="other-volume"),
        pytest.param({"network": "front"}, True, id="network-name"),
        pytest.param({"network": "abc"}, True, id="network-id-prefix"),
        pytest.param({"network": "back"}, False, id="other-network"),
    ],
)
def test_filters_that_look_into_the_row(
    state: ClusterState, filters: dict[str, str], found: bool
) -> None:
    row = {
        "Ports": [
            {"IP": "0.0.0.0", "PrivatePort": 80, "PublicPort": 8080, "Type": "tcp"},
            {"PrivatePort": 53, "Type": "udp"},
        ],
        "Mounts": [
            {"Type": "volume", "Name": "data", "Source": "/x", "Destination": "/var/data"},
            {"Type": "bind", "Source": "/host/etc", "Destination": "/etc2"},
        ],
        "NetworkSettings": {"Networks": {"front": {"NetworkID": "abc" + "0" * 61}}},
    }
    state.put_container(container(A, "full", 7, **row))
    odd = {"Ports": None, "Mounts": {}, "NetworkSettings": {"Networks": None}}
    state.put_container(container(A, "odd", 8, **odd))
    assert filtered(state, **filters) == (["full"] if found else [])


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        pytest.param("busybox", ["job", "web"], id="name-means-what-each-engine-has"),
        pytest.param("docker.io/library/busybox:latest", ["job", "web"], id="long-name"),
        pytest.param(IMAGE_1, ["new", "job", "db", "web"], id="id-everywhere"),
        pytest.param("1" * 12, ["new", "job", "db", "web"], id="id-prefix"),
        pytest.param("base", ["job", "web"], id="image-it-was-built-on"),
        pytest.param("unknown", [], id="unknown"),
        pytest.param("No Such", [], id="no-name-at-all"),
    ],
)
def test_ancestors(state: ClusterState, reference: str, expected: list[str]) -> None:
    for name, number in (("web", 1), ("job", 3)):
        state.put_container(container(A, name, number, Image="busybox"))
    for name, number in (("db", 2), ("new", 4)):
        # Its busybox has been moved to another image since, so the engine shows the ID.
        state.put_container(container(B, name, number, Image=IMAGE_1))
    base = "sha256:" + "b" * 64
    state.replace_images(
        A,
        [
            Image(IMAGE_1, A, ("busybox:latest",), (), {"ParentId": base}),
            Image(base, A, ("base:latest",), (), {"ParentId": ""}),
        ],
    )
    state.replace_images(
        B,
        [Image(IMAGE_2, B, ("busybox:latest",), (), {}), Image(IMAGE_1, B, (), (), {})],
    )
    assert filtered(state, ancestor=reference) == expected


def test_an_answer_by_ancestor_follows_the_images(state: ClusterState) -> None:
    listing = ContainerList(state)
    query = ListQuery(all=True, filters={"ancestor": ("app",)})
    assert listing.render(query, NOW) == b"[]"
    state.replace_images(A, [Image(IMAGE_1, A, ("app:latest",), (), {})])
    assert len(orjson.loads(listing.render(query, NOW))) == 2


@pytest.mark.parametrize("key", ["before", "since"])
def test_a_point_of_reference_has_to_exist(state: ClusterState, key: str) -> None:
    with pytest.raises(NotFoundError, match=r"^No such container: nope$"):
        filtered(state, **{key: "nope"})


# Parameters


def test_parameters_are_read_as_docker_reads_them() -> None:
    params = {
        "all": "1",
        "limit": "5",
        "size": "True",
        "filters": '{"label":["a=b"]}',
        "before": "web",
    }
    query = ListQuery.parse(params, NameStyle.NODE_ONLY)
    assert query == ListQuery(
        all=True,
        limit=5,
        size=True,
        filters={"label": ("a=b",), "before": ("web",)},
        style=NameStyle.NODE_ONLY,
    )
    assert ListQuery.parse({}, NameStyle.PLAIN_FIRST) == ListQuery()


@pytest.mark.parametrize(
    ("params", "message"),
    [
        pytest.param({"limit": "x"}, 'strconv.Atoi: parsing "x": invalid syntax', id="limit"),
        pytest.param({"filters": '{"x":["y"]}'}, "invalid filter 'x'", id="unknown-key"),
        pytest.param({"filters": '{"status":["up"]}'}, "invalid filter 'status=up'", id="status"),
        pytest.param(
            {"filters": '{"health":["x"]}'},
            "unrecognized filter value for health: x",
            id="health",
        ),
        pytest.param(
            {"filters": '{"exited":["x"]}'},
            "invalid filter 'exited=x': strconv.Atoi: parsing \"x\": invalid syntax",
            id="exited",
        ),
        pytest.param({"filters": '{"is-task":["x"]}'}, "invalid filter 'is-task=[x]'", id="task"),
        pytest.param(
            {"filters": '{"publish":["1:2"]}'},
            "filter for 'publish' should not contain ':': 1:2",
            id="publish-colon",
        ),
        pytest.param(
            {"filters": '{"expose":["9-5"]}'},
            "error while looking up for expose 9-5: Invalid range specified for the Port: 9-5",
            id="expose-backwards",
        ),
        pytest.param(
            {"filters": '{"publish":["70000"]}'},
            "error while looking up for publish 70000:"
            ' strconv.ParseUint: parsing "70000": value out of range',
            id="publish-too-high",
        ),
        pytest.param(
            {"filters": '{"publish":["+80"]}'},
            "error while looking up for publish +80:"
            ' strconv.ParseUint: parsing "+80": invalid syntax',
            id="publish-signed",
        ),
        pytest.param(
            {"filters": '{"publish":["80-"]}'},
            'error while looking up for publish 80-: strconv.ParseUint: parsing "": invalid syntax',
            id="publish-half-a-range",
        ),
        pytest.param(
            {"filters": '{"publish":[""]}'},
            "error while looking up for publish : Empty string specified for ports.",
            id="publish-nothing",
        ),
    ],
)
def test_what_makes_no_sense_is_told(params: dict[str, str], message: str) -> None:
    with pytest.raises(BadRequestError) as caught:
        ListQuery.parse(params, NameStyle.PLAIN_FIRST)
    assert str(caught.value) == message


# Caches


def test_an_unchanged_answer_is_the_same_bytes_object(state: ClusterState) -> None:
    listing = ContainerList(state)
    assert listing.render(ListQuery(), NOW) is listing.render(ListQuery(), NOW + 1)


ENGINES = st.builds(
    engine,
    st.sampled_from([A, B]),
    health=st.sampled_from([Health.HEALTHY, Health.UNHEALTHY]),
    clock_skew_s=st.sampled_from([0.0, 3.0, -500.0]),
    updated_at=st.floats(0, 9),
)
CONTAINERS = st.builds(
    container,
    st.sampled_from([A, B]),
    st.sampled_from(["web", "db", "job"]),
    st.integers(1, 9),
    st.sampled_from(sorted(TEXTS)),
    Created=st.integers(1_700_000_000, 1_700_000_003),
    Labels=st.sampled_from([None, {}, {"a": "1"}, {"a": "2", "b": ""}]),
)
QUERIES = st.builds(
    ListQuery,
    all=st.booleans(),
    limit=st.sampled_from([-1, 0, 0, 2]),
    style=st.sampled_from(NameStyle),
    filters=st.dictionaries(
        st.sampled_from(["status", "label", "name", "node", "before", "since", "exited"]),
        st.just(()),
        max_size=2,
    ).flatmap(
        lambda keys: st.fixed_dictionaries(
            {
                key: st.tuples(
                    st.sampled_from(
                        {
                            "status": ["running", "exited"],
                            "label": ["a", "a=1", "b="],
                            "name": ["e", "^web$", "node-1/"],
                            "node": ["node-1", B],
                            "before": ["web", "5"],
                            "since": ["db", "3"],
                            "exited": ["0", "3"],
                        }[key]
                    )
                )
                for key in keys
            }
        )
    ),
)


class ListAgainstNaiveFilter(RuleBasedStateMachine):
    """A list with caches shows what a walk over all containers shows, whatever happened before."""

    def __init__(self) -> None:
        super().__init__()
        self.state = ClusterState()
        self.listing = ContainerList(self.state)
        self.now = NOW
        self.queries: list[ListQuery] = [ListQuery(), ListQuery(all=True)]

    @initialize()
    def two_engines(self) -> None:
        self.state.put_engine(engine(A))
        self.state.put_engine(engine(B))

    @rule(new=ENGINES)
    def put_engine(self, new: Engine) -> None:
        self.state.put_engine(new)

    @rule(address=st.sampled_from([A, B]))
    def remove_engine(self, address: str) -> None:
        self.state.remove_engine(address)

    @rule(new=CONTAINERS)
    def put(self, new: Container) -> None:
        self.state.put_container(new)

    @rule(address=st.sampled_from([A, B]), new=st.lists(CONTAINERS, max_size=6))
    def replace_all(self, address: str, new: list[Container]) -> None:
        self.state.replace_containers(address, [replace(c, engine=address) for c in new])

    @rule(seconds=st.sampled_from([0.3, 1, 59, 4000, -100]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule(query=QUERIES)
    def ask(self, query: ListQuery) -> None:
        self.queries = [*self.queries[-4:], query]

    @invariant()
    def shows_what_is_there(self) -> None:
        for query in self.queries:
            body, error = self._render(self.listing, query)
            assert (body, error) == self._render(ContainerList(self.state), query)
            if not error:
                shown = [row["Id"] for row in orjson.loads(body)]
                assert shown == [c.id for c in self._naive(query)]

    def _render(self, listing: ContainerList, query: ListQuery) -> tuple[bytes, str]:
        try:
            return listing.render(query, self.now), ""
        except ManagerError as error:
            return b"", str(error)

    def _naive(self, query: ListQuery) -> list[Container]:
        engines = self.state.engines()

        def age(c: Container) -> tuple[float, str, str]:
            return -(c.created + engines[c.engine].clock_skew_s), c.id, c.engine

        def find(reference: str) -> Container:
            named = [c for c in ordered if c.name == reference]
            return (named or [c for c in ordered if c.id.startswith(reference)])[0]

        ordered = sorted(self.state.containers(), key=age)
        wanted = {key: values[-1] for key, values in query.filters.items()}
        everything = query.all or query.limit > 0 or "status" in wanted
        shown = []
        for c in ordered:
            node, is_up = engines[c.engine], c.state in {"running", "paused"}
            label, _, value = wanted.get("label", "").partition("=")
            if not (
                (everything or is_up)
                and (everything or "before" in wanted or node.is_healthy)
                and c.state == wanted.get("status", c.state)
                and (not label or label in c.labels)
                and ("=" not in wanted.get("label", "") or c.labels[label] == value)
                and wanted.get("node", node.name) in {node.name, node.address}
                and ("exited" not in wanted or (c.state == "exited" and wanted["exited"] == "3"))
                and ("before" not in wanted or age(c) > age(find(wanted["before"])))
                and ("since" not in wanted or age(c) < age(find(wanted["since"])))
            ):
                continue
            match wanted.get("name"):
                case "e" if "e" not in c.name:
                    continue
                case "^web$" if c.name != "web":
                    continue
                case "node-1/" if node.name != "node-1":
                    continue
            shown.append(c)
        return shown[: query.limit] if query.limit > 0 else shown


TestListAgainstNaiveFilter = ListAgainstNaiveFilter.TestCase
TestListAgainstNaiveFilter.settings = settings(stateful_step_count=25)
