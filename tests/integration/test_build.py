"""Builds with every builder: classic, BuildKit of an old client, and buildx.

Hosts: 01 application/ssd/prod, 02 application/hdd/dev, 03 database/ssd/prod.
"""

import gc
import io
import json
import re
import signal
import tarfile
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import docker as docker_py
import pytest
from docker.errors import BuildError
from integration_tools import Api, Cli, message, until

from lab.cluster import Lab
from lab.http import Answer
from lab.install import find

NAME = "swarm-build"
"""Repository of every image that these tests build."""


@pytest.fixture(autouse=True)
def _no_images(lab: Lab) -> Iterator[None]:
    yield
    for engine in lab.engines:
        if found := engine.docker("images", "-q", NAME).split():
            engine.docker("rmi", "-f", *found)


@pytest.fixture
def tag() -> str:
    """Of one test."""
    return f"{NAME}:{uuid.uuid4().hex}"


@pytest.fixture
def context(tmp_path: Path, tag: str) -> Path:
    """A folder to build; no cache knows its content."""
    folder = tmp_path / "context"
    folder.mkdir()
    (folder / "word").write_text(tag)
    write(folder, "FROM busybox", "ARG who=nobody", "COPY word /word", "RUN echo $who > /who")
    return folder


@pytest.fixture
def classic(docker: Cli) -> Cli:
    """The client, told to use the classic builder."""
    return replace(docker, environment={"DOCKER_BUILDKIT": "0"})


@pytest.fixture
def buildx(docker: Cli, tmp_path: Path) -> Cli:
    """The client with buildx, which speaks to BuildKit by itself."""
    plugins = tmp_path / "config" / "cli-plugins"
    plugins.mkdir(parents=True)
    (plugins / "docker-buildx").symlink_to(find().plugins / "docker-buildx")
    return replace(docker, environment={"DOCKER_CONFIG": str(plugins.parent)})


@pytest.fixture
def old_buildkit(docker: Cli) -> Cli:
    """A client of 20.10, which has BuildKit's build go over ``/build`` and ``/session``."""
    return replace(docker, program=find().older_docker, environment={"DOCKER_BUILDKIT": "1"})


@pytest.fixture(params=["classic", "buildx", "old_buildkit"])
def builder(request: pytest.FixtureRequest) -> Cli:
    """Each way to build in turn."""
    cli: Cli = request.getfixturevalue(request.param)
    return cli


def write(folder: Path, *lines: str) -> None:
    """Write the Dockerfile."""
    (folder / "Dockerfile").write_text("".join(f"{line}\n" for line in lines))


def holders(lab: Lab, tag: str) -> set[int]:
    """Numbers of the hosts that have the image."""
    return {
        number
        for number, engine in enumerate(lab.engines, 1)
        if engine.docker("images", "-q", tag).strip()
    }


def tar_of(**files: str) -> bytes:
    """A context as a tar."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text)
            tar.addfile(entry, io.BytesIO(text.encode()))
    return out.getvalue()


# Every builder


def test_an_image_is_built_on_one_host_and_runs(
    lab: Lab, builder: Cli, context: Path, tag: str
) -> None:
    builder("build", "-t", tag, "--build-arg", "who=me", str(context), timeout_s=60)
    assert tag in builder("images", "--format", "{{.Repository}}:{{.Tag}}").lines
    assert len(holders(lab, tag)) == 1
    done = builder("run", "--rm", tag, "cat", "/word", "/who", timeout_s=60)
    assert done.out == f"{tag}me\n"


def test_a_failed_build_ends_as_on_one_engine(lab: Lab, builder: Cli, context: Path) -> None:
    write(context, "FROM busybox", "COPY word /", "RUN echo no >&2; exit 7")
    direct = replace(builder, host=lab.engines[0].url)
    alone = direct.fails("build", str(context), timeout_s=60)
    done = builder.fails("build", str(context), timeout_s=60)
    assert done.code == alone.code
    assert done.err.splitlines()[-1] == alone.err.splitlines()[-1]


def test_a_bad_dockerfile_is_refused_in_the_engines_words(
    lab: Lab, builder: Cli, context: Path
) -> None:
    write(context, "FROM busybox", "FLY /away")
    direct = replace(builder, host=lab.engines[0].url)
    alone = direct.fails("build", str(context), timeout_s=60)
    done = builder.fails("build", str(context), timeout_s=60)
    assert (done.code, done.err.splitlines()[-1]) == (alone.code, alone.err.splitlines()[-1])


def test_the_cache_is_warm_the_second_time(
    lab: Lab, builder: Cli, context: Path, tag: str, api: Api
) -> None:
    builder("build", "-t", tag, str(context), timeout_s=60)
    (home,) = holders(lab, tag)
    for _ in range(3):  # the scheduler would go elsewhere now
        api.run(Env=[f"constraint:node==dockerhost0{home}"])
    done = builder("build", "-t", tag, str(context), timeout_s=60)
    assert holders(lab, tag) == {home}
    assert "Using cache" in done.out or "CACHED" in done.err


def test_a_client_that_gives_up_ends_the_build(lab: Lab, builder: Cli, context: Path) -> None:
    write(context, "FROM busybox", "COPY word /", "RUN sleep 4321")
    with builder.start("build", str(context)) as client:
        until(_is_sleeping, 30, "the build's last step")
        client.send_signal(signal.SIGINT)
        client.communicate(timeout=20)
        assert client.returncode != 0
    until(lambda: not _is_sleeping(), 20, "the end of the build's last step")


def _is_sleeping() -> bool:
    """Whether any process of this machine (labs share it) is the step that never ends."""
    for command in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = command.read_bytes().split(b"\0")
        except OSError:  # it ended meanwhile
            continue
        if words[:2] == [b"sleep", b"4321"]:
            return True
    return False


# Placement: the classic builder, and BuildKit over /build


@pytest.fixture(params=["classic", "old_buildkit"])
def placed(request: pytest.FixtureRequest) -> Cli:
    """Those builders whose arguments the manager can read."""
    cli: Cli = request.getfixturevalue(request.param)
    return cli


@pytest.mark.parametrize(
    ("expression", "host"),
    [("disk==hdd", 2), ("zone==database", 3), ("node!=/0[23]$/", 1)],
)
def test_build_arguments_choose_the_host(
    lab: Lab, placed: Cli, context: Path, tag: str, expression: str, host: int
) -> None:
    arguments = ["--build-arg", f"constraint:{expression}", "--build-arg", "who=me"]
    done = placed("build", "-t", tag, *arguments, str(context), timeout_s=60)
    assert holders(lab, tag) == {host}
    assert "constraint" not in done.out + done.err  # "build-args were not consumed"


def test_a_shared_network_chooses_the_host(
    lab: Lab, classic: Cli, context: Path, tag: str, api: Api
) -> None:
    api.run("web", Env=["constraint:disk==hdd"])
    for number, reference in enumerate(("web", "dockerhost02/web")):
        one = f"{tag}-{number}"
        network = f"container:{reference}"
        classic("build", "--no-cache", "--network", network, "-t", one, str(context), timeout_s=60)
        assert holders(lab, one) == {2}


def test_labels_choose_the_host(lab: Lab, placed: Cli, context: Path, tag: str) -> None:
    label = 'com.docker.swarm.constraints=["disk==hdd"]'
    placed("build", "-t", tag, "--label", label, str(context), timeout_s=60)
    assert holders(lab, tag) == {2}


def test_no_host_fits(placed: Cli, context: Path) -> None:
    # An old client asks again for ten seconds.
    tape, unclear = (("--build-arg", f"constraint:disk{how}") for how in ("==tape", "=ssd"))
    done = placed.fails("build", *tape, str(context), timeout_s=60)
    assert "disk==tape" in done.err
    assert "dockerhost03" in done.err
    done = placed.fails("build", *unclear, str(context), timeout_s=60)
    assert "One of operator ==, != is expected" in done.err


def test_memory_is_asked_for(classic: Cli, context: Path) -> None:
    done = classic.fails("build", "--memory", "900t", str(context))
    assert "dockerhost01" in done.err


def test_a_context_from_standard_input(lab: Lab, placed: Cli, tag: str) -> None:
    tar = tar_of(Dockerfile=f"FROM busybox\nLABEL x={tag}\nRUN true\n")
    arguments = ["--build-arg", "constraint:disk==hdd", "-t", tag, "-"]
    placed("build", *arguments, stdin=tar, timeout_s=60)
    assert holders(lab, tag) == {2}


def test_an_image_to_start_from_draws_the_build(
    lab: Lab, classic: Cli, context: Path, tag: str
) -> None:
    first, second = f"{tag}-1", f"{tag}-2"
    classic("build", "--build-arg", "constraint:disk==hdd", "-t", first, str(context), timeout_s=60)
    done = classic("build", "--cache-from", first, "-t", second, str(context), timeout_s=60)
    assert holders(lab, second) == {2}
    assert "Using cache" in done.out


# BuildKit alone


def test_secrets_and_cache_from(buildx: Cli, context: Path, tag: str, tmp_path: Path) -> None:
    secret = tmp_path / "token"
    secret.write_text("s3cret")
    mount = "--mount=type=secret,id=token"
    write(context, "FROM busybox", "COPY word /", f"RUN {mount} cat /run/secrets/token > /seen")
    given = ["--secret", f"id=token,src={secret}", "-t", tag]
    buildx("build", *given, str(context), timeout_s=60)
    assert buildx("run", "--rm", tag, "cat", "/seen", timeout_s=60).out == "s3cret"
    done = buildx("build", "--cache-from", tag, *given, str(context), timeout_s=60)
    assert "CACHED" in done.err


def test_buildx_on_its_own(lab: Lab, buildx: Cli, context: Path, tag: str) -> None:
    buildx("buildx", "build", "-t", tag, str(context), timeout_s=60)
    assert len(holders(lab, tag)) == 1
    assert "Total:" in buildx("buildx", "du").out
    assert "running" in buildx("buildx", "ls").out
    out = context.parent / "out"
    buildx("buildx", "build", "-o", str(out), str(context), timeout_s=60)
    assert (out / "word").read_text() == tag


def test_builds_side_by_side(lab: Lab, buildx: Cli, context: Path, tag: str) -> None:
    tags = [f"{tag}-{number}" for number in range(4)]
    running = [buildx.start("build", "-t", one, str(context)) for one in tags]
    clients = [one.__enter__() for one in running]
    try:
        assert [one.wait(60) for one in clients] == [0] * 4
    finally:
        for one in running:
            one.__exit__(None, None, None)
    (homes,) = {frozenset(holders(lab, one)) for one in tags}
    assert len(homes) == 1


def test_a_builder_in_a_container_is_made_in_the_cluster(buildx: Cli, tag: str) -> None:
    """Its image can't be had here: what counts is that it is asked for through the manager."""
    name = f"b{tag[-8:]}"
    image = "127.0.0.1:1/moby/buildkit"
    options = ["--driver", "docker-container", "--driver-opt", f"image={image}"]
    buildx("buildx", "create", "--name", name, *options)
    try:
        done = buildx.fails("buildx", "inspect", "--bootstrap", name, timeout_s=60)
    finally:
        buildx("buildx", "rm", name)
    assert "pulling image" in done.err
    assert "127.0.0.1:1" in done.err
    assert "refused" in done.err


# Calls


def test_a_build_streams_in_chunks_like_an_engines(target: Api, tag: str) -> None:
    body = tar_of(Dockerfile=f"FROM busybox\nLABEL x={tag}\n")
    headers = {"Content-Type": "application/x-tar"}
    answer = target("POST", f"/build?t={tag}", body, headers=headers, timeout_s=60)
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["transfer-encoding"] == "chunked"
    assert f"Successfully tagged {tag}".encode() in answer.body


@pytest.mark.parametrize(
    ("query", "body"),
    [
        pytest.param("", b"", id="nothing"),
        pytest.param("", b"no tar at all", id="no-tar"),
        pytest.param("", tar_of(other="x"), id="no-dockerfile"),
        pytest.param("dockerfile=nope", tar_of(Dockerfile="FROM busybox"), id="another-name"),
        pytest.param("buildargs={", tar_of(Dockerfile="FROM busybox"), id="bad-arguments"),
        pytest.param("buildargs=7", b"x" * (200 << 10), id="refused-at-once"),
        pytest.param("t=UPPER/case", tar_of(Dockerfile="FROM busybox"), id="bad-tag"),
        pytest.param("remote=nope", b"", id="bad-remote"),
        pytest.param("", tar_of(Dockerfile="FROM busybox\nCOPY a b")[:700], id="cut-tar"),
        pytest.param(
            "networkmode=container:nope",
            tar_of(Dockerfile="FROM busybox\nRUN echo there"),
            id="network",
        ),
        pytest.param("version=3", tar_of(Dockerfile="FROM busybox"), id="unknown-builder"),
    ],
)
def test_bad_builds_are_refused_as_by_an_engine(
    engine: Api, api: Api, query: str, body: bytes
) -> None:
    headers = {"Content-Type": "application/x-tar"}
    alone = engine("POST", f"/build?{query}", body, headers=headers, timeout_s=60)
    answer = api("POST", f"/build?{query}", body, headers=headers, timeout_s=60)
    assert answer.status == alone.status
    if alone.status >= 400:
        assert message(answer) == message(alone)
    else:
        assert last_word(answer) == last_word(alone)
        assert "error" in last_word(answer)


def last_word(answer: Answer) -> dict[str, object]:
    """The last line of a build, without the names that each engine draws for itself."""
    line = answer.body.splitlines()[-1].decode()
    told: dict[str, object] = json.loads(re.sub(r"\b[0-9a-f]{12,64}\b|(?<=builder)\d+", "…", line))
    return told


def test_an_unknown_build_is_cancelled_as_by_an_engine(engine: Api, api: Api) -> None:
    for query in ("", "?id=nope"):
        alone = engine("POST", f"/build/cancel{query}")
        answer = api("POST", f"/build/cancel{query}")
        assert (answer.status, answer.body) == (alone.status, alone.body)


def test_docker_py(lab: Lab, context: Path, tag: str) -> None:
    client = docker_py.DockerClient(base_url=lab.manager.url)
    try:
        arguments = {"constraint:disk": "=hdd", "who": "me"}
        image, lines = client.images.build(path=str(context), tag=tag, buildargs=arguments)
        assert image.tags == [tag]
        assert any("Successfully built" in line.get("stream", "") for line in lines)
        assert holders(lab, tag) == {2}
        write(context, "FROM busybox", "RUN exit 7")
        with pytest.raises(BuildError, match="returned a non-zero code: 7"):
            client.images.build(path=str(context))
    finally:
        client.close()
        gc.collect()
