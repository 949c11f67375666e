"""THE TABLE: every route of the Docker Engine API, and how the cluster answers it.

The front looks each request up here. *Thought* (local, placed, fan-out) goes through FastAPI, whose
handlers are named by the same method and path; *bytes* (forward, hijack) are relayed below it;
refused ones are answered from the table. What the columns mean: `master.route_table`. Source: the
Engine API's own specification, 1.24 to 1.5x.
"""

from __future__ import annotations

from master.route_table import Edit, How, Route, Subject

_NOT_A_MANAGER = (
    'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" '
    "to connect this node to swarm and try again."
)
_NOT_IN_A_SWARM = "This node is not part of a swarm"
_NOT_CLUSTERED = "Not supported in clustering mode."

_C = Subject.CONTAINER


def _container(method: str, rest: str, summary: str, **fields: object) -> Route:
    how = fields.pop("how", How.FORWARD)
    return Route(method, "/containers/{id}" + rest, how, summary, subject=_C, **fields)  # type: ignore[arg-type]


def _image(
    method: str,
    rest: str,
    summary: str,
    query: str = "",
    *,
    how: How = How.FORWARD,
    **fields: object,
) -> Route:
    path = "/images/{name}" + rest
    return Route(method, path, how, summary, query, subject=Subject.IMAGE, **fields)  # type: ignore[arg-type]


def _refused(routes: str, status: int, refusal: str) -> tuple[Route, ...]:
    rows = [line.split(maxsplit=2) for line in routes.strip().splitlines()]
    return tuple(
        Route(method, path, How.REFUSED, summary, status=status, refusal=refusal)
        for method, path, summary in rows
    )


ROUTES: tuple[Route, ...] = (
    # The cluster as a whole
    Route("HEAD", "/_ping", How.LOCAL, "Whether the manager is there"),
    Route("GET", "/_ping", How.LOCAL, "Whether the manager is there"),
    Route("GET", "/version", How.LOCAL, "Version of the manager and of its engines"),
    Route("GET", "/info", How.LOCAL, "The cluster and its nodes"),
    Route("GET", "/events", How.FAN_OUT, "What happens, on every engine", "since until filters"),
    # The manager itself: not of Docker's API
    Route("GET", "/docs", How.LOCAL, "This API, to read and to try"),
    Route("GET", "/openapi.json", How.LOCAL, "This API, for programs"),
    # Containers
    Route(
        "GET",
        "/containers/json",
        How.LOCAL,
        "Containers of every engine",
        "all limit size filters before since",
    ),
    Route("GET", "/containers/ps", How.LOCAL, "The same, by its first name", "all limit filters"),
    Route(
        "POST", "/containers/create", How.PLACED, "Create on the engine that fits", "name platform"
    ),
    _container("GET", "/json", "Inspect", query="size", edit=Edit.NODE),
    _container("GET", "/top", "Processes", query="ps_args"),
    _container(
        "GET",
        "/logs",
        "Output so far, or as it comes",
        query="follow stdout stderr since until timestamps tail details",
        streams=True,
        ends_with_input=True,
    ),
    _container("GET", "/changes", "Changed files"),
    _container("GET", "/export", "The file system as a tar", streams=True),
    _container(
        "GET",
        "/stats",
        "Usage, as it changes",
        query="stream one-shot",
        streams=True,
        ends_with_input=True,
    ),
    _container("POST", "/resize", "Size of its terminal", query="h w"),
    _container(
        "POST", "/start", "Start", query="detachKeys checkpoint checkpoint-dir", changes=True
    ),
    _container("POST", "/stop", "Stop", query="signal t", changes=True),
    _container("POST", "/restart", "Restart", query="signal t", changes=True),
    _container("POST", "/kill", "Send a signal", query="signal", changes=True),
    _container("POST", "/update", "Change limits", changes=True),
    _container("POST", "/rename", "Rename", query="name", how=How.LOCAL),
    _container("POST", "/pause", "Pause", changes=True),
    _container("POST", "/unpause", "Go on after a pause", changes=True),
    _container(
        "POST",
        "/attach",
        "Take its streams",
        query="detachKeys logs stream stdin stdout stderr",
        how=How.HIJACK,
    ),
    _container(
        "GET",
        "/attach/ws",
        "Take its streams, over a websocket",
        query="detachKeys logs stream stdin stdout stderr",
        how=How.HIJACK,
    ),
    _container("POST", "/wait", "Wait until it ends", query="condition", ends_with_input=True),
    _container("DELETE", "", "Remove", query="v force link", changes=True),
    _container("HEAD", "/archive", "What a path is", query="path"),
    _container("GET", "/archive", "A path as a tar", query="path", streams=True),
    _container(
        "PUT", "/archive", "Unpack a tar at a path", query="path noOverwriteDirNonDir copyUIDGID"
    ),
    _container("POST", "/exec", "Prepare a command", edit=Edit.EXEC),
    _container("GET", "/checkpoints", "Checkpoints", query="dir"),
    _container("POST", "/checkpoints", "Make a checkpoint", changes=True),
    _container("DELETE", "/checkpoints/{checkpoint}", "Remove a checkpoint", query="dir"),
    Route(
        "POST",
        "/commit",
        How.FORWARD,
        "An image of a container",
        "container repo tag comment author pause changes",
        subject=_C,
    ),
    Route("POST", "/exec/{id}/start", How.HIJACK, "Run a prepared command", subject=Subject.EXEC),
    Route(
        "POST",
        "/exec/{id}/resize",
        How.FORWARD,
        "Size of its terminal",
        "h w",
        subject=Subject.EXEC,
    ),
    Route("GET", "/exec/{id}/json", How.FORWARD, "Inspect a command", subject=Subject.EXEC),
    # Builds
    Route(
        "POST",
        "/build",
        How.PLACED,
        "Build where it fits, and where the cache is warm",
        "dockerfile t extrahosts remote q nocache cachefrom pull rm forcerm memory memswap "
        "cpushares cpusetcpus cpuperiod cpuquota buildargs shmsize squash labels networkmode "
        "platform target outputs version session buildid",
    ),
    Route("POST", "/build/cancel", How.LOCAL, "Stop a build", "id"),
    Route("POST", "/session", How.HIJACK, "Session of a build", subject=Subject.BUILD),
    Route("POST", "/grpc", How.HIJACK, "BuildKit's own protocol", subject=Subject.BUILD),
    # Images
    Route(
        "GET",
        "/images/json",
        How.LOCAL,
        "Images of every engine",
        "all filters filter digests shared-size manifests",
    ),
    Route(
        "POST",
        "/images/create",
        How.FAN_OUT,
        "Pull where it is needed",
        "fromImage fromSrc repo tag message changes platform",
    ),
    Route("POST", "/images/load", How.FAN_OUT, "Images from a tar", "quiet platform"),
    Route("POST", "/images/prune", How.FAN_OUT, "Remove unused images", "filters"),
    Route(
        "GET",
        "/images/get",
        How.FORWARD,
        "Several images as a tar",
        "names platform",
        subject=Subject.IMAGES,
        streams=True,
    ),
    Route(
        "GET",
        "/images/search",
        How.FORWARD,
        "Search a registry",
        "term limit filters",
        subject=Subject.ANY,
    ),
    _image("GET", "/json", "Inspect", "platform", edit=Edit.IMAGE),
    _image("GET", "/history", "Its layers", "platform"),
    _image("GET", "/attestations", "Its attestations", "platform"),
    _image("GET", "/get", "An image as a tar", "platform", streams=True),
    _image("POST", "/push", "Push", "tag platform", streams=True, ends_with_input=True),
    _image("POST", "/tag", "Give it another name", "repo tag", how=How.FAN_OUT),
    _image("DELETE", "", "Remove, wherever it is", "force noprune platforms", how=How.FAN_OUT),
    Route(
        "GET",
        "/distribution/{name}/json",
        How.FORWARD,
        "What a registry says of an image",
        subject=Subject.ANY,
    ),
    Route("POST", "/auth", How.FORWARD, "Check a registry's credentials", subject=Subject.ANY),
    # Volumes
    Route("GET", "/volumes", How.LOCAL, "Volumes of every engine", "filters"),
    Route("POST", "/volumes/create", How.PLACED, "Make a volume where it fits"),
    Route("POST", "/volumes/prune", How.FAN_OUT, "Remove unused volumes", "filters"),
    Route("GET", "/volumes/{name}", How.FAN_OUT, "Inspect a volume"),
    Route("DELETE", "/volumes/{name}", How.FAN_OUT, "Remove a volume", "force"),
    # Plugins: on every engine or on none
    Route("GET", "/plugins", How.FAN_OUT, "Plugins that every engine has", "filters"),
    Route(
        "GET",
        "/plugins/privileges",
        How.FORWARD,
        "What a plugin asks for",
        "remote",
        subject=Subject.ANY,
    ),
    Route("POST", "/plugins/pull", How.FAN_OUT, "Install a plugin", "remote name"),
    Route("GET", "/plugins/{name}/json", How.FAN_OUT, "Inspect a plugin"),
    Route("DELETE", "/plugins/{name}", How.FAN_OUT, "Remove a plugin", "force"),
    Route("POST", "/plugins/{name}/enable", How.FAN_OUT, "Enable a plugin", "timeout"),
    Route("POST", "/plugins/{name}/disable", How.FAN_OUT, "Disable a plugin", "force"),
    Route("POST", "/plugins/{name}/upgrade", How.FAN_OUT, "Upgrade a plugin", "remote"),
    Route("POST", "/plugins/{name}/set", How.FAN_OUT, "Configure a plugin"),
    # What is used, and can be given back
    Route("GET", "/system/df", How.FAN_OUT, "Disk usage", "type verbose"),
    Route("POST", "/containers/prune", How.FAN_OUT, "Remove stopped containers", "filters"),
    Route(
        "POST",
        "/build/prune",
        How.FAN_OUT,
        "Empty the build cache",
        "keep-storage reserved-space max-used-space min-free-space all filters",
    ),
    # Networks
    Route("GET", "/networks", How.LOCAL, "Networks of every engine", "filters"),
    Route("POST", "/networks/create", How.PLACED, "One network, made on engines that need it"),
    Route("POST", "/networks/prune", How.FAN_OUT, "Remove unused networks", "filters"),
    Route("GET", "/networks/{id}", How.FAN_OUT, "Inspect a network", "verbose scope"),
    Route("DELETE", "/networks/{id}", How.FAN_OUT, "Remove a network, wherever it is"),
    Route("POST", "/networks/{id}/connect", How.PLACED, "Connect a container"),
    Route("POST", "/networks/{id}/disconnect", How.PLACED, "Disconnect a container"),
    # Asked of one engine only: what a cluster can't mean
    *_refused(
        """
        GET /images/viz Image layers as a drawing
        POST /plugins/create Make a plugin
        POST /plugins/{name}/push Push a plugin
        """,
        501,
        _NOT_CLUSTERED,
    ),
    # Docker's own swarm mode
    *_refused("POST /swarm/leave Leave the swarm", 503, _NOT_IN_A_SWARM),
    *_refused(
        """
        GET /swarm Inspect the swarm
        POST /swarm/init Make a swarm
        POST /swarm/join Join a swarm
        POST /swarm/update Change the swarm
        GET /swarm/unlockkey The key of a locked manager
        POST /swarm/unlock Unlock a manager
        GET /nodes Nodes of the swarm
        GET /nodes/{id} Inspect a node
        DELETE /nodes/{id} Remove a node
        POST /nodes/{id}/update Change a node
        GET /services Services
        POST /services/create Make a service
        GET /services/{id} Inspect a service
        DELETE /services/{id} Remove a service
        POST /services/{id}/update Change a service
        GET /services/{id}/logs Output of a service
        GET /tasks Tasks
        GET /tasks/{id} Inspect a task
        GET /tasks/{id}/logs Output of a task
        GET /secrets Secrets
        POST /secrets/create Make a secret
        GET /secrets/{id} Inspect a secret
        DELETE /secrets/{id} Remove a secret
        POST /secrets/{id}/update Change a secret
        GET /configs Configs
        POST /configs/create Make a config
        GET /configs/{id} Inspect a config
        DELETE /configs/{id} Remove a config
        POST /configs/{id}/update Change a config
        PUT /volumes/{name} Change a cluster volume
        """,
        503,
        _NOT_A_MANAGER,
    ),
)
