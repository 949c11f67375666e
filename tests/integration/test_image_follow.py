"""Image follow: what one host has, a container finds on every host, without a registry."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from image_tools import archive, ids, reset_images, tar
from integration_tools import Api, Cli, until

from lab.cluster import Lab

HOSTS = ("dockerhost01", "dockerhost02", "dockerhost03")


@pytest.fixture(autouse=True)
def _no_images_left(lab: Lab, api: Api) -> Iterator[None]:
    yield
    for container in api.get("/containers/json?all=1"):
        api("DELETE", f"/containers/{container['Id']}?force=1&v=1")
    reset_images(lab, api)


def make(lab: Lab, api: Api, number: int, tag: str = "made:1") -> str:
    """Make an image on one host only; its ID."""
    engine = Api(lab.engines[number].socket)
    container = engine.create()
    name, _, version = tag.partition(":")
    path = f"/commit?container={container}&repo={name}&tag={version}&comment={tag}"
    image = str(engine("POST", path, {}).json()["Id"])
    engine("DELETE", f"/containers/{container}")
    until(lambda: any(row["Id"] == image for row in api.get("/images/json")), 5, "the image")
    return image


@pytest.mark.parametrize("host", HOSTS)
def test_it_runs_on_any_host(any_docker: Cli, api: Api, lab: Lab, host: str) -> None:
    image = make(lab, api, 1)
    done = any_docker("run", "--rm", "-e", f"constraint:node=={host}", "made:1", "echo", "hi")
    assert done.line == "hi"
    assert "Unable to find image" not in done.err
    assert ids(lab, "made:1")[HOSTS.index(host)] == image


def test_by_id(docker: Cli, api: Api, lab: Lab) -> None:
    image = make(lab, api, 0)
    for reference in (image, image.removeprefix("sha256:")[:12]):
        docker("run", "--rm", "-e", "constraint:node==dockerhost03", reference, "true")


def test_what_a_build_left_on_its_way(docker: Cli, api: Api, lab: Lab) -> None:
    """An image without a name that another one was built on."""
    context = tar({"Dockerfile": b"FROM busybox\nENV A=1\nENV B=2"})
    Api(lab.engines[0].socket)("POST", "/build?t=made:1", context)
    until(lambda: "made:1" in str(api.get("/images/json")), 5, "the image")
    parent = api.get("/images/made:1/json")["Parent"]
    assert parent in docker("images", "-aq", "--no-trunc").lines
    assert parent not in docker("images", "-q", "--no-trunc").lines
    docker("run", "--rm", "-e", "constraint:node==dockerhost03", parent, "true")
    docker("create", "--name", "child", "made:1")
    for ancestor in ("made:1", parent, "busybox"):
        shown = docker("ps", "-a", "--filter", f"ancestor={ancestor}", "--format", "{{.Names}}")
        assert shown.line.endswith("child")


def test_its_holder_is_preferred_among_equals(api: Api, lab: Lab) -> None:
    make(lab, api, 2)
    assert api.node_of(api.create(Image="made:1")) == "dockerhost03"
    # But the emptiest host still comes first.
    assert api.node_of(api.create(Image="made:1")) == "dockerhost01"


def test_thirty_at_once_share_the_copies(api: Api, lab: Lab) -> None:
    image = make(lab, api, 0)
    with ThreadPoolExecutor(30) as pool:
        made = list(pool.map(lambda _: api.create(Image="made:1"), range(30)))
    assert sorted(api.node_of(one) for one in made) == sorted(HOSTS * 10)
    assert ids(lab, "made:1") == [image] * 3


def test_right_after_it_was_tagged(docker: Cli, lab: Lab) -> None:
    for number in range(5):
        docker("tag", "busybox", f"made:{number}")
        host = HOSTS[number % 3]
        docker("run", "--rm", "-e", f"constraint:node=={host}", f"made:{number}", "true")


def test_a_name_made_anew_is_what_runs_everywhere(docker: Cli, api: Api, lab: Lab) -> None:
    on_third = ("run", "--rm", "-e", "constraint:node==dockerhost03", "made:1", "true")
    make(lab, api, 0)
    docker(*on_third)
    for _ in range(3):
        # Through the manager, as a build would be; the next run comes at once.
        docker("create", "--name", "base", "-e", "constraint:node==dockerhost01", "busybox")
        docker("commit", "base", "made:1")
        docker(*on_third)
        assert ids(lab, "made:1")[0] == ids(lab, "made:1")[2]
        docker("rm", "base")


def test_what_nobody_has_is_the_clients_to_pull(api: Api) -> None:
    answer = api("POST", "/containers/create", {"Image": "made:none"})
    assert answer.status == 404
    assert answer.json()["message"] == "No such image: made:none"


@pytest.mark.fault
def test_a_holder_that_dies_in_the_middle_leaves_nothing_half_made(api: Api, lab: Lab) -> None:
    holder = lab.engines[0]
    loaded = Api(holder.socket)("POST", "/images/load", archive("made:big", 100 << 20))
    assert loaded.status == 200
    until(lambda: "made:big" in str(api.get("/images/json")), 5, "the image")
    body = {"Image": "made:big", "Cmd": ["/x"], "Env": ["constraint:node==dockerhost02"]}
    answers = []
    create = threading.Thread(
        target=lambda: answers.append(api("POST", "/containers/create", body, timeout_s=60))
    )
    create.start()
    threading.Event().wait(0.2)
    holder.kill()
    try:
        create.join(50)
        assert answers, "the create never ended"
        # It was quick enough, or says what was in the way; never a container without its image.
        if answers[0].status != 201:
            assert answers[0].status in (404, 500), answers[0].body
            assert ids_on(lab, 1, "made:big") == ""
    finally:
        holder.restart()
        until(lambda: len(healthy(api)) == 3, 30, "a whole cluster")


def ids_on(lab: Lab, number: int, image: str) -> str:
    """One engine's ID for *image*."""
    return lab.engines[number].docker("images", "-q", "--no-trunc", image).strip()


def healthy(api: Api) -> list[str]:
    """The lines of ``docker info`` that say Healthy."""
    rows = api.get("/info")["SystemStatus"]
    return [value for _, value in rows if value == "Healthy"]
