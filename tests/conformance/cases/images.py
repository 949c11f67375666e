"""Images: every verb, references that are missing or wrong, archives that are none."""

from functools import partial

from image_tools import archive, tar

from tests.conformance.book import Seen, ask, case
from tests.conformance.givens import committed, copied, created, in_use, nameless, parent, stopped
from tests.conformance.sides import Side

_ask = partial(ask, "images")
_TAR = {"Content-Type": "application/x-tar"}
_FILES = tar({"a": b"1"})
_CONTEXT = tar({"Dockerfile": b"FROM busybox"})
_DIGEST = f"sha256:{'0' * 64}"

_ask("list", "GET /images/json")
_ask("list by reference", 'GET /images/json?filters={"reference":["busy*"]}')
_ask("list of dangling ones", 'GET /images/json?filters={"dangling":["true"]}')
_ask("list by a bad dangling", 'GET /images/json?filters={"dangling":["maybe"]}')
_ask("list by label", 'GET /images/json?filters={"label":["x=y"]}')
_ask("list before an unknown one", 'GET /images/json?filters={"before":["no/such"]}')
_ask("list before a known one", 'GET /images/json?filters={"before":["busybox"]}')
_ask("list by an unknown filter", 'GET /images/json?filters={"x":["y"]}')
_ask("list by filters that are no JSON", "GET /images/json?filters={x")
_ask("list with the old filter", "GET /images/json?filter=busybox")
_ask("list with digests and sizes", "GET /images/json?digests=1&shared-size=1")
for _version in ("v1.24", "v1.41"):
    _ask(f"list by {_version}", f"GET /{_version}/images/json")
    _ask(f"inspect by {_version}", f"GET /{_version}/images/alpine/json")
for _prefix, _by in (("", ""), ("/v1.24", " by v1.24"), ("/v1.41", " by v1.41")):
    _path = f"GET {_prefix}/images/json"
    _ask(f"list of a nameless one{_by}", f'{_path}?filters={{"dangling":["true"]}}', given=nameless)
_ask("list without the nameless", 'GET /images/json?filters={"dangling":["false"]}', given=nameless)
_ask("removal of a nameless one", "DELETE /images/{image}", given=nameless)
_ask("list with a manifest each", "GET /images/json?manifests=1")
_ask("list with a parent", "GET /images/json", given=parent)
_dangling = 'filters={"dangling":["true"]}'
_ask("list of dangling ones with a parent", f"GET /images/json?{_dangling}", given=parent)
_ask("list of all dangling ones", f"GET /images/json?all=1&{_dangling}", given=parent)
_ask("inspect of a parent", "GET /images/{image}/json", given=parent)
_ask("history of a parent", "GET /images/{image}/history", given=parent)
_ask("removal of a parent", "DELETE /images/{image}", given=parent)
_ask("removal of a child", "DELETE /images/made:1", given=parent)
for _name in ("alpine", "alpine:latest", "docker.io/library/alpine"):
    _ask(f"inspect of {_name}", f"GET /images/{_name}/json")
for _name, _what in (
    ("no/such", "a missing one"),
    ("busybox:none", "a missing tag"),
    (f"busybox@{_DIGEST}", "a missing digest"),
    (_DIGEST, "a missing ID"),
    ("UPPER", "capitals"),
    ("a%20b", "a space"),
    ("busybox:-x", "a bad tag"),
    ("busybox@sha256:12", "a short digest"),
    ("localhost:1/a/b", "one of a registry"),
):
    _ask(f"inspect of {_what}", f"GET /images/{_name}/json")
    _ask(f"history of {_what}", f"GET /images/{_name}/history")
    _ask(f"removal of {_what}", f"DELETE /images/{_name}")
    _ask(f"tag of {_what}", f"POST /images/{_name}/tag?repo=x")
for _verb in ("get", "push"):
    _method = "POST" if _verb == "push" else "GET"
    _ask(f"{_verb} of a missing one", f"{_method} /images/no/such/{_verb}")
_ask(
    "push of a missing one with credentials",
    "POST /images/no/such/push",
    headers={"X-Registry-Auth": "e30="},
)
_ask("push with bad credentials", "POST /images/no/such/push", headers={"X-Registry-Auth": "@@"})
_ask("get of several missing ones", "GET /images/get?names=no/such&names=none/such")
_ask("get of none", "GET /images/get")
_ask("history", "GET /images/alpine/history")
_ask("tag", "POST /images/busybox/tag?repo=copy&tag=1")
_ask("tag over a tag", "POST /images/alpine/tag?repo=copy&tag=1", given=copied)
_ask("tag to nothing", "POST /images/busybox/tag")
_ask("tag to capitals", "POST /images/busybox/tag?repo=Copy")
_ask("tag to a bad tag", "POST /images/busybox/tag?repo=copy&tag=-x")
_ask("tag to a digest", f"POST /images/busybox/tag?repo=copy@{_DIGEST}")
_ask("tag to a tag in the name", "POST /images/busybox/tag?repo=copy:2")
_ask("tag to an ID", f"POST /images/busybox/tag?repo={'a' * 64}")
_ask("removal of a tag", "DELETE /images/copy:1", given=copied)
_ask("removal of the last tag", "DELETE /images/made:1", given=committed)
_ask("removal of the last tag without pruning", "DELETE /images/made:1?noprune=1", given=committed)
_ask("removal of what is in use", "DELETE /images/made:1", given=in_use)
_ask("removal by force of what is in use", "DELETE /images/made:1?force=1", given=in_use)
_ask("removal with a bad bool", "DELETE /images/copy:1?force=maybe", given=copied)
_ask("prune", "POST /images/prune", given=committed)
_ask(
    "prune of all by label",
    'POST /images/prune?filters={"dangling":["false"],"label":["x=y"]}',
    given=committed,
)
_ask("prune by a bad dangling", 'POST /images/prune?filters={"dangling":["maybe"]}')
_ask("prune by an unknown filter", 'POST /images/prune?filters={"x":["y"]}')
_ask("prune by a bad until", 'POST /images/prune?filters={"until":["x"]}')
_ask("commit", "POST /commit?container=web&repo=made&tag=1", given=stopped)
_ask(
    "commit with a comment",
    "POST /commit?container=web&repo=made&comment=c&author=a",
    given=stopped,
)
_ask(
    "commit with a bad change",
    "POST /commit?container=web&repo=made&changes=NONSENSE",
    given=stopped,
)
_ask("commit of an unknown container", "POST /commit?container=nobody")
_ask("commit of no container", "POST /commit")
_ask("commit to a bad name", "POST /commit?container=web&repo=Made", given=stopped)
_ask("commit with a bad body", "POST /commit?container=web&repo=made", given=created, body=b"{x")
_ask("pull of nothing", "POST /images/create")
_ask("pull of capitals", "POST /images/create?fromImage=UPPER")
_ask("pull of a space", "POST /images/create?fromImage=a%20b")
_ask("pull of a bad tag", "POST /images/create?fromImage=busybox&tag=-x")
_ask("pull from nobody", "POST /images/create?fromImage=127.0.0.1:1/nothing&tag=1")
_ask(
    "pull with bad credentials",
    "POST /images/create?fromImage=127.0.0.1:1/nothing&tag=1",
    headers={"X-Registry-Auth": "@@"},
)
_ask("pull for a bad platform", "POST /images/create?fromImage=busybox&tag=latest&platform=a/b/c/d")
_ask("import of no tar", "POST /images/create?fromSrc=-&repo=made", body=b"x", headers=_TAR)
_ask("import to a bad name", "POST /images/create?fromSrc=-&repo=Made", body=_FILES, headers=_TAR)
_ask("import from nobody", "POST /images/create?fromSrc=http://127.0.0.1:1/x&repo=made")
_ask(
    "import with a bad change",
    "POST /images/create?fromSrc=-&repo=made&changes=NONSENSE",
    body=_FILES,
    headers=_TAR,
)
_ask("load of nothing", "POST /images/load", body=b"", headers=_TAR)
_ask("load of no tar", "POST /images/load", body=b"nonsense", headers=_TAR)
_ask("load of a tar that is no image", "POST /images/load", body=_FILES, headers=_TAR)
_ask("load of half an image", "POST /images/load", body=archive("made:1")[:2048], headers=_TAR)
_ask("quiet load", "POST /images/load?quiet=1", body=archive("made:1"), headers=_TAR)
_ask("search for nothing", "GET /images/search")
_ask("search with a bad limit", "GET /images/search?term=x&limit=1000")
_ask("search by a bad filter", 'GET /images/search?term=x&filters={"x":["y"]}')
_ask("search of nobody", "GET /images/search?term=127.0.0.1:1/x")
_ask("a registry's word on capitals", "GET /distribution/UPPER/json")
_ask("a registry's word of nobody", "GET /distribution/127.0.0.1:1/nothing/json")
_ask("build without a tar", "POST /build", body=b"", headers=_TAR)
_ask("build of no tar", "POST /build", body=b"nonsense", headers=_TAR)
_ask("build without a Dockerfile", "POST /build", body=_FILES, headers=_TAR)
_ask("build of an empty Dockerfile", "POST /build", body=tar({"Dockerfile": b""}), headers=_TAR)
_ask("build of a bad verb", "POST /build", body=tar({"Dockerfile": b"NONSENSE"}), headers=_TAR)
_ask("build to a bad name", "POST /build?t=Made", body=_CONTEXT, headers=_TAR)
_ask("build with bad arguments", "POST /build?buildargs=x", body=_CONTEXT, headers=_TAR)
_ask("build from a missing file", "POST /build?dockerfile=none", body=_CONTEXT, headers=_TAR)
_ask("build of an unknown version", "POST /build?version=9", body=_CONTEXT, headers=_TAR)
_ask("build with a bad content type", "POST /build", body=b"x", headers={"Content-Type": "text/x"})
_ask(
    "quiet build",
    "POST /build?q=1&t=made:1",
    body=tar({"Dockerfile": b"FROM busybox\nLABEL a=b"}),
    headers=_TAR,
)
_ask("cancel of no build", "POST /build/cancel")
_ask("cancel of an unknown build", "POST /build/cancel?id=x")
_ask("prune of the build cache", "POST /build/prune")
_ask("prune of the build cache by a bad filter", 'POST /build/prune?filters={"x":["y"]}')


@case("images", "the events of a build's failure")
def _failed_build(side: Side) -> Seen:
    context = tar({"Dockerfile": b"FROM busybox\nRUN exit 3"})
    body = side.ask("POST", "/build", context, headers=_TAR)["body"]
    return [row for row in body if "error" in row or "Step" in str(row)]


@case("images", "list of all with a parent")
def _list_of_all(side: Side) -> Seen:
    parent(side)
    seen = side.ask("GET", "/images/json?all=1")
    # Both are made in one second: engines have no order among those.
    seen["body"].sort(key=lambda row: row["RepoTags"] or [])
    return seen


@case("images", "save and load")
def _save_and_load(side: Side) -> Seen:
    committed(side)
    saved = side.must("GET", "/images/made:1/get")
    side.must("DELETE", "/images/made:1")
    loaded = side.api("POST", "/images/load?quiet=1", saved.body, headers=_TAR)
    config = side.ask("GET", "/images/made:1/json")["body"]["Config"]
    return saved.headers.get("content-type"), loaded.json(), config
