"""``docker cp``, ``diff``, ``export``: files to and from whatever host it is."""

import hashlib
import io
import os
import tarfile
from pathlib import Path

import pytest
from integration_tools import Api, Cli, message


@pytest.fixture(autouse=True)
def _web(api: Api) -> None:
    api.run("web", Env=["constraint:node==dockerhost02"])


def test_a_file_there_and_back(any_docker: Cli, tmp_path: Path) -> None:
    data = os.urandom(3 << 20)
    (tmp_path / "sent").write_bytes(data)
    any_docker("cp", str(tmp_path / "sent"), "web:/tmp/file")
    wanted = hashlib.md5(data, usedforsecurity=False).hexdigest()
    assert any_docker("exec", "web", "md5sum", "/tmp/file").out.split()[0] == wanted
    any_docker("cp", "web:/tmp/file", str(tmp_path / "back"))
    assert (tmp_path / "back").read_bytes() == data


def test_a_folder(docker: Cli, tmp_path: Path) -> None:
    (tmp_path / "sent" / "deep").mkdir(parents=True)
    (tmp_path / "sent" / "deep" / "a").write_text("A")
    docker("cp", str(tmp_path / "sent"), "web:/root/")
    assert docker("exec", "web", "cat", "/root/sent/deep/a").out == "A"
    docker("cp", "web:/root/sent", str(tmp_path / "back"))
    assert (tmp_path / "back" / "deep" / "a").read_text() == "A"


def test_through_pipes(docker: Cli) -> None:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        entry = tarfile.TarInfo("piped")
        entry.size = 2
        tar.addfile(entry, io.BytesIO(b"hi"))
    docker("cp", "-", "web:/tmp", stdin=archive.getvalue())
    back = docker("cp", "web:/tmp/piped", "-").raw
    with tarfile.open(fileobj=io.BytesIO(back)) as tar:
        assert tar.getnames() == ["piped"]


def test_names_with_odd_letters(docker: Cli, tmp_path: Path) -> None:
    (tmp_path / "x").write_text("odd")
    name = "/tmp/a b%41&c=d+ü?#"
    docker("cp", str(tmp_path / "x"), f"web:{name}")
    assert docker("exec", "web", "cat", name).out == "odd"
    docker("cp", f"web:{name}", str(tmp_path / "y"))
    assert (tmp_path / "y").read_text() == "odd"


def test_node_and_name(docker: Cli, tmp_path: Path) -> None:
    docker("cp", "dockerhost02/web:/etc/passwd", str(tmp_path / "passwd"))
    assert (tmp_path / "passwd").read_text().startswith("root:")


def test_what_is_not_there(docker: Cli, tmp_path: Path) -> None:
    done = docker.fails("cp", "web:/no/such", str(tmp_path))
    # Three generations of clients say it in three ways.
    said = ("no such file or directory", "could not find", "no such container:path")
    assert any(words in done.err.lower() for words in said)
    assert "No such container" in docker.fails("cp", "nobody:/etc", str(tmp_path)).err


def test_stat_of_a_path(api: Api) -> None:
    answer = api("HEAD", "/containers/web/archive?path=/etc/passwd")
    assert answer.status == 200
    assert "x-docker-container-path-stat" in answer.headers
    assert answer.body == b""
    assert api("HEAD", "/containers/web/archive?path=/nowhere").status == 404


def test_archive_without_path(target: Api) -> None:
    answer = target("GET", f"/containers/{target.create()}/archive")
    assert answer.status == 400
    assert message(answer) == "bad parameter: 'path' cannot be empty" or "path" in message(answer)


def test_changed_files(docker: Cli) -> None:
    docker("exec", "web", "sh", "-c", "echo x > /added; rm /etc/group; echo y >> /etc/passwd")
    assert {"A /added", "D /etc/group", "C /etc/passwd"} <= set(
        docker("diff", "web").out.split("\n")
    )


def test_the_whole_file_system(docker: Cli, tmp_path: Path) -> None:
    docker("export", "-o", str(tmp_path / "all.tar"), "web", timeout_s=40)
    with tarfile.open(tmp_path / "all.tar") as tar:
        names = tar.getnames()
    assert {"bin/busybox", "etc/passwd"} <= set(names)


def test_a_big_upload_and_download(docker: Cli, tmp_path: Path) -> None:
    data = os.urandom(1 << 20) * 60
    (tmp_path / "big").write_bytes(data)
    docker("cp", str(tmp_path / "big"), "web:/tmp/big", timeout_s=40)
    docker("cp", "web:/tmp/big", str(tmp_path / "back"), timeout_s=40)
    wanted, got = hashlib.sha256(data), hashlib.sha256((tmp_path / "back").read_bytes())
    assert got.digest() == wanted.digest()
