"""``load``, ``save``, ``tag``, ``rmi``, ``push``, ``history``, ``import``, ``prune``."""

import contextlib
import io
import json
import socket
import tarfile
from collections.abc import Iterator
from pathlib import Path

import docker as docker_py
import pytest
from docker.errors import ImageLoadError, ImageNotFound
from image_tools import archive, ids, reset_images, tar
from integration_tools import Api, Cli, Manager, at_an_engine, message, read_all, until

from lab.cluster import Lab

pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")


@pytest.fixture(autouse=True)
def _no_images_left(lab: Lab, api: Api) -> Iterator[None]:
    yield
    # Containers go first: their images could not be removed.
    for container in api.get("/containers/json?all=1"):
        api("DELETE", f"/containers/{container['Id']}?force=1&v=1")
    reset_images(lab, api)


@pytest.fixture
def client(lab: Lab) -> Iterator[docker_py.DockerClient]:
    client = docker_py.DockerClient(base_url=lab.manager.url)
    yield client
    client.close()


def load(api: Api, tag: str, size: int = 1000) -> str:
    """Load a new image everywhere; its ID."""
    answer = api("POST", "/images/load?quiet=1", archive(tag, size))
    assert answer.status == 200, answer.body
    return str(api.get(f"/images/{tag}/json")["Id"])


# load and save


def test_load_reaches_every_host_and_is_told_once(
    any_docker: Cli, lab: Lab, tmp_path: Path
) -> None:
    (tmp_path / "app.tar").write_bytes(archive("app:1"))
    done = any_docker("load", "-i", str(tmp_path / "app.tar"))
    assert done.out.count("Loaded image: app:1\n") == 1
    assert len(set(ids(lab, "app:1"))) == 1
    assert "app:1" in any_docker("images", "--format", "{{.Repository}}:{{.Tag}}").lines


def test_load_from_a_pipe_says_what_an_engine_says(docker: Cli, docker_direct: Cli) -> None:
    image = archive("app:1")
    assert docker("load", stdin=image).line == docker_direct("load", stdin=image).line


def test_load_on_one_host(lab: Lab, docker: Cli, tmp_path: Path) -> None:
    with Manager(tmp_path, "--pull-scope", "one", lab.consul.uri, nodes=3) as manager:
        Cli(docker.program, manager.url)("load", stdin=archive("app:1"))
    assert sum(found != "" for found in ids(lab, "app:1")) == 1


def test_docker_py_load_and_save(client: docker_py.DockerClient, lab: Lab) -> None:
    loaded = client.images.load(archive("app:1", 300_000))
    assert [image.tags for image in loaded] == [["app:1"]]
    back = b"".join(loaded[0].save(named=True))
    with tarfile.open(fileobj=io.BytesIO(back)) as saved:
        manifest = json.loads(saved.extractfile("manifest.json").read())  # type: ignore[union-attr]
    assert manifest[0]["RepoTags"] == ["app:1"]
    client.images.remove("app:1")
    assert [image.id for image in client.images.load(back)] == [loaded[0].id]


@pytest.mark.parametrize(
    "body", [b"", b"no tar at all", archive("app:1")[:3000]], ids=["empty", "text", "cut"]
)
def test_a_bad_tar_gets_the_engines_words(api: Api, engine: Api, lab: Lab, body: bytes) -> None:
    ours, theirs = (one("POST", "/images/load", body) for one in (api, engine))
    assert ours.status == theirs.status
    if theirs.status == 200:
        last = [
            json.loads(answer.body.splitlines()[-1]) for answer in (ours, theirs) if answer.body
        ]
        assert [line.get("error", "") != "" for line in last] in ([], [True, True])
    else:
        # Each engine unpacks in a folder of its own, whose name stands in the text.
        assert message(ours).partition("/var")[0][:20] in message(theirs) + message(ours)
    assert ids(lab, "app:1") == ["", "", ""]


@pytest.mark.parametrize("framing", ["chunked", "length"])
def test_a_client_that_leaves_in_the_middle_leaves_nothing(
    api: Api, lab: Lab, framing: str
) -> None:
    body = archive("app:1", 3_000_000)
    head = b"POST /images/load HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-tar\r\n"
    if framing == "chunked":
        head += b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % len(body)
    else:
        head += b"Content-Length: %d\r\n\r\n" % 10_000_000_000
    sock = api.connect()
    with contextlib.closing(sock):
        sock.sendall(head + body[:2_000_000])
    until(lambda: api("GET", "/_ping").status == 200)
    assert ids(lab, "app:1") == ["", "", ""]
    load(api, "app:2")


def test_a_malformed_chunk(api: Api, lab: Lab) -> None:
    head = b"POST /images/load HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    with contextlib.closing(api.connect()) as sock:
        sock.sendall(head + b"zz\r\nnonsense\r\n")
        sock.shutdown(socket.SHUT_WR)
        assert b" 400 " in read_all(sock).partition(b"\r\n")[0]
    assert ids(lab, "app:1") == ["", "", ""]


def test_save_of_one_image_is_the_engines_own(docker: Cli, lab: Lab, tmp_path: Path) -> None:
    lab.engines[1].docker("tag", "busybox", "only:1")
    docker("save", "-o", str(tmp_path / "a.tar"), "only:1")
    with tarfile.open(tmp_path / "a.tar") as saved:
        assert "manifest.json" in saved.getnames()


def test_save_brings_images_of_several_hosts_together(
    docker: Cli, lab: Lab, tmp_path: Path
) -> None:
    for number, engine in enumerate(lab.engines, 1):
        Api(engine.socket)("POST", "/images/load", archive(f"app:{number}"))
    names = ["app:1", "app:2", "app:3"]
    until(lambda: "app:3" in docker("images", "--format", "{{.Repository}}:{{.Tag}}").lines)
    docker("save", "-o", str(tmp_path / "a.tar"), *names)
    with tarfile.open(tmp_path / "a.tar") as saved:
        manifest = json.loads(saved.extractfile("manifest.json").read())  # type: ignore[union-attr]
    assert sorted(tag for image in manifest for tag in image["RepoTags"]) == names


def test_save_by_repository_takes_every_tag(docker: Cli, lab: Lab, tmp_path: Path) -> None:
    lab.engines[2].docker("tag", "busybox", "only:1")
    lab.engines[2].docker("tag", "busybox", "only:2")
    until(lambda: docker("images", "-q", "only:2").line)
    docker("save", "-o", str(tmp_path / "a.tar"), "only")
    with tarfile.open(tmp_path / "a.tar") as saved:
        manifest = json.loads(saved.extractfile("manifest.json").read())  # type: ignore[union-attr]
    assert sorted(manifest[0]["RepoTags"]) == ["only:1", "only:2"]


@pytest.mark.parametrize("names", [["nothing:1"], ["busybox", "nothing:1"]])
def test_save_of_what_is_not_there(
    docker: Cli, docker_direct: Cli, tmp_path: Path, names: list[str]
) -> None:
    file = str(tmp_path / "a.tar")
    ours, theirs = (one.fails("save", "-o", file, *names) for one in (docker, docker_direct))
    assert ours.err == theirs.err


# tag and rmi


def test_a_new_name_is_on_every_host_and_listed_at_once(any_docker: Cli, lab: Lab) -> None:
    any_docker("tag", "busybox", "localhost:5000/a/b:1")
    assert any_docker("images", "-q", "localhost:5000/a/b").line
    assert len(set(ids(lab, "localhost:5000/a/b:1"))) == 1
    assert any_docker("run", "--rm", "localhost:5000/a/b:1", "echo", "hi").line == "hi"
    assert any_docker("rmi", "localhost:5000/a/b:1").line == "Untagged: localhost:5000/a/b:1"
    assert ids(lab, "localhost:5000/a/b:1") == ["", "", ""]


def test_a_name_that_moves_moves_everywhere(docker: Cli, api: Api, lab: Lab) -> None:
    old = load(api, "app:1")
    Api(lab.engines[0].socket)("POST", "/images/load", archive("other:1"))
    new = ids(lab, "other:1")[0]
    until(lambda: docker("images", "-q", "other:1").line)
    docker("tag", "other:1", "app:1")
    assert ids(lab, "app:1") == [new, new, new]
    assert new != old


@pytest.mark.parametrize(
    ("source", "query"),
    [
        pytest.param("nothing:1", "repo=app&tag=1", id="no-image"),
        pytest.param("busybox", "repo=UPPER&tag=1", id="no-name"),
        pytest.param("busybox", "repo=app&tag=a:b", id="no-tag"),
        pytest.param("busybox", "", id="nothing"),
    ],
)
def test_bad_tags_get_the_engines_words(api: Api, engine: Api, source: str, query: str) -> None:
    ours, theirs = (one("POST", f"/images/{source}/tag?{query}") for one in (api, engine))
    assert (ours.status, message(ours)) == (theirs.status, message(theirs))


def test_tag_answers_201_without_a_body(target: Api) -> None:
    answer = target("POST", "/images/busybox/tag?repo=app&tag=1")
    assert (answer.status, answer.body) == (201, b"")


def test_rmi_tells_each_thing_once(docker: Cli, api: Api, lab: Lab) -> None:
    image = load(api, "app:1")
    lines = docker("rmi", "app:1").out.splitlines()
    assert lines[:2] == ["Untagged: app:1", f"Deleted: {image}"]
    assert len(lines) == len(set(lines))
    assert docker("images", "-q", "app").line == ""
    assert ids(lab, "app:1") == ["", "", ""]


def test_rmi_by_id_and_force(docker: Cli, api: Api, docker_direct: Cli) -> None:
    image = load(api, "app:1")
    docker("tag", "app:1", "app:2")
    # An engine writes the short ID that was typed, and so do we.
    direct = docker_direct.fails("rmi", image)
    assert docker.fails("rmi", image).err == direct.err
    assert "must be forced" in direct.err
    docker("rmi", "-f", image)
    assert docker("images", "-q", "app").line == ""


def test_rmi_of_an_image_in_use_changes_nothing_anywhere(
    docker: Cli, api: Api, engine: Api, lab: Lab
) -> None:
    load(api, "app:1")
    web = api.create("web", Env=["constraint:node==dockerhost02"], Image="app:1")
    before = ids(lab, "app:1")
    done = docker.fails("rmi", "app:1")
    assert f"container {web[:12]} is using its referenced image" in done.err
    assert api("DELETE", "/images/app:1").status == 409
    assert ids(lab, "app:1") == before
    docker("rmi", "-f", "app:1")
    assert ids(lab, "app:1") == ["", "", ""]


def test_conflict_everywhere_is_a_conflict(api: Api) -> None:
    image = load(api, "app:1")
    api("POST", f"/images/{image}/tag?repo=app&tag=2")
    answer = api("DELETE", f"/images/{image}")
    assert answer.status == 409
    assert not message(answer).startswith("dockerhost")


def test_rmi_of_what_is_not_there(any_docker: Cli, lab: Lab, target: Api) -> None:
    direct = at_an_engine(any_docker, lab).fails("rmi", "nothing")
    assert any_docker.fails("rmi", "nothing").err == direct.err
    answer = target("DELETE", "/images/nothing:7")
    assert (answer.status, message(answer)) == (404, "No such image: nothing:7")


def test_noprune_is_passed(api: Api, lab: Lab) -> None:
    load(api, "app:1")
    answer = api("DELETE", "/images/app:1?noprune=1")
    assert {"Untagged": "app:1"} in answer.json()


# history, push, search, distribution, auth


def test_history(docker: Cli, docker_direct: Cli) -> None:
    assert (
        docker("history", "--no-trunc", "busybox").out
        == docker_direct("history", "--no-trunc", "busybox").out
    )


def test_push_then_pull(docker: Cli, api: Api, lab: Lab) -> None:
    Api(lab.engines[2].socket)("POST", "/images/load", archive("app:1"))
    name = f"{lab.registry.endpoint}/tests/app:v2"
    until(lambda: docker("images", "-q", "app:1").line)
    docker("tag", "app:1", name)
    done = docker("push", name)
    assert "v2: digest: sha256:" in done.out
    docker("rmi", name)
    docker("pull", "-q", name)
    assert ids(lab, name)[0]
    shown = api.get(f"/distribution/{name}/json")
    assert shown["Descriptor"]["digest"].startswith("sha256:")


def test_push_of_every_tag(docker: Cli, lab: Lab) -> None:
    name = f"{lab.registry.endpoint}/tests/all"
    lab.engines[1].docker("tag", "busybox", f"{name}:1")
    lab.engines[1].docker("tag", "busybox", f"{name}:2")
    until(lambda: docker("images", "-q", f"{name}:2").line)
    done = docker("push", "-a", name)
    assert "1: digest:" in done.out
    assert "2: digest:" in done.out


def test_push_of_what_is_not_there(docker: Cli, docker_direct: Cli, lab: Lab) -> None:
    name = f"{lab.registry.endpoint}/tests/nothing"
    assert docker.fails("push", name).err == docker_direct.fails("push", name).err


def test_docker_py_push(client: docker_py.DockerClient, lab: Lab) -> None:
    name = f"{lab.registry.endpoint}/tests/py"
    assert client.images.get("busybox").tag(name, "1")
    lines = list(client.images.push(name, tag="1", stream=True, decode=True))
    assert any("digest: sha256:" in line.get("status", "") for line in lines)
    assert client.images.get_registry_data(f"{name}:1").id.startswith("sha256:")


@pytest.mark.parametrize("path", ["/distribution/127.0.0.1:1/no/such/json", "/images/search"])
def test_registry_errors_are_the_engines(api: Api, engine: Api, path: str) -> None:
    ours, theirs = (one("GET", path) for one in (api, engine))
    assert ours.status == theirs.status
    assert message(ours) == message(theirs)


def test_attestations_are_the_engines(api: Api, engine: Api) -> None:
    ours, theirs = (one("GET", "/images/busybox/attestations") for one in (api, engine))
    assert (ours.status, ours.json()) == (theirs.status, theirs.json())


# import


def test_import_makes_one_image(any_docker: Cli, lab: Lab) -> None:
    layer = tar({"etc/x": b"1"})
    done = any_docker("import", "-c", "CMD [\"x\"]", "-c", "ENV A=1", "-m", "hi", "-", "imp:1",
                      stdin=layer)  # fmt: skip
    assert done.line.startswith("sha256:")
    assert sorted(set(ids(lab, "imp:1"))) == ["", done.line]
    config = json.loads(any_docker("inspect", "imp:1").out)[0]["Config"]
    assert config["Cmd"] == ["x"]
    assert "A=1" in config["Env"]


def test_import_again_moves_the_name_everywhere(docker: Cli, api: Api, lab: Lab) -> None:
    load(api, "imp:1")
    new = docker("import", "-", "imp:1", stdin=tar({"x": b"2"})).line
    assert ids(lab, "imp:1") == [new, new, new]


def test_export_and_import(docker: Cli, lab: Lab) -> None:
    docker("run", "--name", "web", "busybox", "sh", "-c", "echo here > /made")
    exported = docker("export", "web").raw
    docker("import", "-", "imp:1", stdin=exported)
    for node in ("dockerhost01", "dockerhost02", "dockerhost03"):
        shown = docker("run", "--rm", "-e", f"constraint:node=={node}", "imp:1", "cat", "/made")
        assert shown.line == "here"


def test_docker_py_import(client: docker_py.DockerClient) -> None:
    said = client.api.import_image_from_data(tar({"x": b"1"}), repository="imp", tag="1")
    assert "sha256:" in said
    assert client.images.get("imp:1").tags == ["imp:1"]


def test_a_bad_import_gets_the_engines_words(api: Api, engine: Api) -> None:
    path = "/images/create?fromSrc=-&repo=imp&tag=1"
    ours, theirs = (one("POST", path, b"no tar" * 1000) for one in (api, engine))
    assert (ours.status, ours.body) == (theirs.status, theirs.body)


# prune


def test_prune_of_every_host_is_one_answer(docker: Cli, api: Api, lab: Lab) -> None:
    old = load(api, "app:1", 100_000)
    load(api, "app:1", 100_000)
    answer = api("POST", "/images/prune").json()
    assert {"Deleted": old} in answer["ImagesDeleted"]
    rows = [json.dumps(row) for row in answer["ImagesDeleted"]]
    assert len(rows) == len(set(rows))
    assert answer["SpaceReclaimed"] >= 300_000
    assert api("POST", "/images/prune").json() == {"ImagesDeleted": None, "SpaceReclaimed": 0}
    assert "Total reclaimed space: 0B" in docker("image", "prune", "-f").out


def test_prune_with_filters(docker: Cli, api: Api, lab: Lab) -> None:
    load(api, "app:1")
    docker("image", "prune", "-af", "--filter", "until=2000-01-01T00:00:00")
    assert ids(lab, "app:1")[0]


def test_prune_of_all_leaves_an_image_where_it_is_used(docker: Cli, api: Api, lab: Lab) -> None:
    load(api, "app:1")
    api.create("web", Env=["constraint:node==dockerhost02"], Image="app:1")
    before = ids(lab, "app:1")
    docker("image", "prune", "-af")
    assert ids(lab, "app:1") == ["", before[1], ""]
    assert docker("images", "--format", "{{.Repository}}:{{.Tag}}").lines == ["app:1"]


@pytest.mark.parametrize("filters", ['{"nonsense":["a"]}', "{", '{"until":["a"]}'])
def test_bad_prune_filters_get_the_engines_words(api: Api, engine: Api, filters: str) -> None:
    ours, theirs = (one("POST", f"/images/prune?filters={filters}") for one in (api, engine))
    assert (ours.status, message(ours)) == (theirs.status, message(theirs))


# docker-py's errors


def test_docker_py_errors(client: docker_py.DockerClient) -> None:
    with pytest.raises(ImageNotFound):
        client.images.get("nothing:1")
    with pytest.raises(ImageNotFound):
        client.images.remove("nothing:1")
    with pytest.raises(ImageLoadError):
        client.images.load(b"no tar at all")
    assert client.images.prune()["SpaceReclaimed"] == 0
    assert client.images.get("busybox").history()
