"""The docker client's own verbs, as people type them: exit codes and words."""

import shlex

from tests.conformance.book import Given, case, nothing
from tests.conformance.givens import (
    both_streams,
    copied,
    created,
    paused,
    running,
    sleeping,
    stopped,
    volume,
)
from tests.conformance.sides import Side


def _cli(
    command: str, *, given: Given = nothing, stdin: bytes | None = None, any_order: bool = False
) -> None:
    """Enter a command; ``{file}`` is a scratch file, ``{repository}`` the side's own."""

    def look(side: Side) -> object:
        given(side)
        file = side.folder / "file"
        file.write_text("text")
        words = [
            word.replace("{file}", str(file)).replace("{repository}", side.repository)
            for word in shlex.split(command)
        ]
        seen = side.run(*words, stdin=stdin)
        return {**seen, "out": sorted(seen["out"])} if any_order else seen

    where = f" ({given.__name__})" if given is not nothing else ""
    case("docker", f"docker {command}{where}")(look)


def _tagged(side: Side) -> None:
    """A name for busybox in the side's repository."""
    side.must("POST", f"/images/busybox/tag?repo={side.repository}/copy")


_cli("version --format {{.Server.Os}}")
_cli("version")
_cli("info")
_cli("run --rm busybox echo hi")
_cli("run --rm busybox sh -c 'exit 7'")
_cli("run --rm -i busybox cat", stdin=b"hi\n")
_cli("run --rm busybox /no/such")
_cli("run --rm busybox /tmp")
_cli("run --rm 127.0.0.1:1/no/such")
_cli("run -d --name web busybox sleep 600")
_cli("run --rm -m 32m -e A=1 -w /tmp -u nobody busybox sh -c 'echo $A $(pwd) $(id -un)'")
_cli("create --name web busybox")
_cli("create --name web busybox", given=created)
_cli("start web", given=created)
_cli("start -a web", given=stopped)
_cli("stop -t 0 web", given=running)
_cli("restart -t 0 web", given=running)
_cli("kill web", given=running)
_cli("kill web", given=stopped)
_cli("pause web", given=running)
_cli("unpause web", given=running)
_cli("unpause web", given=paused)
_cli("wait web", given=stopped)
_cli("rm web", given=stopped)
_cli("rm web", given=running)
_cli("rm -f web", given=running)
_cli("rm nobody")
_cli("rename web other", given=running)
_cli("update -m 64m --memory-swap 128m web", given=running)
_cli("ps", given=running)
_cli("ps -a --format {{.Image}}", given=stopped)
_cli("ps --filter status=running --format {{.Command}}", given=running)
_cli("ps --filter nonsense=1")
_cli("inspect -f {{.State.Status}} web", given=running)
_cli("inspect -f '{{json .HostConfig}}' web", given=running)
_cli("inspect nothing")
_cli("logs web", given=both_streams)
_cli("logs --tail 1 web", given=stopped)
_cli("attach --no-stdin web", given=stopped)
_cli("exec web echo hi", given=running)
_cli("exec -i web cat", given=running, stdin=b"hi\n")
_cli("exec web sh -c 'exit 3'", given=running)
_cli("exec web /no/such", given=running)
_cli("exec web true", given=stopped)
_cli("exec nobody true")
_cli("stats --no-stream --format {{.PIDs}} web", given=running)
_cli("port web", given=running)
_cli("cp web:/etc/passwd {file}", given=running)
_cli("cp {file} web:/tmp/x", given=running)
_cli("cp web:/no/such {file}", given=running)
_cli("diff web", given=stopped)
_cli("export -o {file} web", given=running)
_cli("images --format {{.Repository}}:{{.Tag}}", any_order=True)
_cli("image inspect -f {{.Config.Cmd}} busybox")
_cli("image inspect -f '{{json .RootFS}}' busybox")
_cli("image inspect no/such")
_cli("pull busybox")
_cli("pull -q busybox")
_cli("pull 127.0.0.1:1/nothing")
_cli("commit web copy", given=stopped)
_cli("tag busybox copy")
_cli("tag no/such copy")
_cli("history --format {{.CreatedBy}} alpine")
_cli("save -o {file} alpine")
_cli("save no/such")
_cli("load -i {file}")
_cli("import {file}")
_cli("push localhost:1/nothing")
_cli("push {repository}/copy", given=_tagged)
_cli("rmi no/such")
_cli("rmi copy:1", given=copied)
_cli("image prune -f")
_cli("build -q -", stdin=b"FROM busybox\nLABEL a=b\n")
_cli("build -", stdin=b"FROM busybox\nRUN exit 3\n")
_cli("build -t made:1 -", stdin=b"FROM busybox\nRUN true\n")
_cli("search localhost:1/nothing")
_cli("login -u a -p b localhost:1")
_cli("network ls --format {{.Name}}:{{.Driver}}")
_cli("network create net")
_cli("network inspect nothing")
_cli("network rm bridge")
_cli("network prune -f")
_cli("volume ls")
_cli("volume inspect no/such")
_cli("volume create data")
_cli("volume inspect --format {{.Driver}} vol", given=volume)
_cli("run --rm -v data:/d busybox ls -a /d")
_cli("volume rm data")
_cli("volume rm -f data")
_cli("volume prune -f")
_cli("system df")
_cli("system prune -f")
_cli("container prune -f", given=stopped)
_cli("container prune -f --filter x=y")
_cli("plugin ls")
_cli("plugin enable no/such")
_cli("node ls")
_cli("service ls")
_cli("stack ls")
_cli("swarm init")


@case("docker", "docker top web")
def _top(side: Side) -> object:
    sleeping(side)
    # Process IDs and times differ.
    return [line.split()[7:] for line in side.docker("top", "web").out.splitlines()]
