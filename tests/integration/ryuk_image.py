"""A stand-in for ``testcontainers/ryuk``, made from this machine's parts.

It keeps the real one's promises as its clients see them: a line with ``Started!``; on port 8080
one filter a line, each answered by ``ACK``; when the client has been gone for
``RYUK_RECONNECTION_TIMEOUT``, everything that the filters fit is removed through the mounted
``/var/run/docker.sock``, and Ryuk ends.
"""

from base_images import Tree, image
from integration_tools import Api

from lab.images import archive
from lab.install import find

RYUK = "testcontainers/ryuk:0.8.1"
_LISTEN = """#!/bin/sh
nc -ll -p 8080 -e /session &
echo $! > /listener
echo "ryuk: Started!"
wait
"""
_SESSION = """#!/bin/sh
while read -r filter; do
  echo "$filter" | tr -d '\\r' >> /filters
  echo ACK
done
exec > /dev/null
sleep "${RYUK_RECONNECTION_TIMEOUT%s}"
while read -r filter; do
  docker ps -aq --filter "$filter" | xargs -r docker rm -fv
  docker network ls -q --filter "$filter" | xargs -r docker network rm
  docker volume ls -q --filter "$filter" | xargs -r docker volume rm
done < /filters
kill "$(cat /listener)"
"""


def load_ryuk(manager: Api) -> None:
    """Give every engine of a cluster the stand-in."""
    program = find().older_docker  # the only one that is surely not linked statically
    tree = Tree()
    tree.add(program, "/usr/bin/docker")
    tree.add_libraries([program])
    tree.write("/listen", _LISTEN)
    tree.write("/session", _SESSION)
    made = image(RYUK, tree, {"PATH": "/bin:/usr/bin"}, Cmd=["/listen"])
    kind = {"Content-Type": "application/x-tar"}
    answer = manager("POST", "/images/load?quiet=1", archive([made]), headers=kind, timeout_s=60)
    assert answer.status == 200, answer.body
