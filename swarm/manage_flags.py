"""The flags of ``swarm manage``; their defaults are those of classic Swarm 1.2.9."""

from swarm.command import DISCOVERY_OPT
from swarm.flags import Flag

PULL_SCOPES = ("placeable", "all", "one")
CPU_SHARES = ("shares", "cores")

_SCHEDULING = (
    Flag(
        ("strategy",),
        "how an engine is chosen: spread, binpack, random",
        default="spread",
        shown="NAME",
    ),
    Flag(
        ("filter", "f"),
        "filter to ask (may be repeated; given ones replace the default list)",
        "list",
        default=(),
        shown="NAME",
        shown_default="health, port, containerslots, dependency, affinity, constraint, whitelist",
    ),
    Flag(
        ("cluster-opt",),
        "option of the cluster (may be repeated): swarm.overcommit=0.05 is the share of its"
        " memory and CPUs that an engine gives out beyond what it has, swarm.createretry=0 how"
        " often a failed create is tried elsewhere, swarm.cpushares=cores makes --cpu-shares a"
        " number of CPUs",
        "list",
        default=(),
        shown="KEY=VALUE",
    ),
    Flag(("cluster-driver", "c"), "only swarm is left", default="swarm", shown="NAME"),
)

_LISTENING = (
    Flag(
        ("host", "H"),
        "address to listen on, tcp://HOST:PORT or unix:///PATH (may be repeated)",
        "list",
        default=(),
        env="SWARM_HOST",
        shown="ADDRESS",
        shown_default="tcp://127.0.0.1:2375",
    ),
    Flag(
        ("advertise", "addr"),
        "address under which other managers reach this one",
        env="SWARM_ADVERTISE",
        shown="HOST:PORT",
    ),
    Flag(
        ("publish",),
        "serve published TCP ports at this address of the manager's machine too, and draw those"
        " that are left open from the range (default 61000-65535)",
        env="SWARM_PUBLISH",
        shown="IP[:LOW-HIGH]",
    ),
    Flag(("tls",), "use TLS to clients and to engines", "bool", default=False),
    Flag(
        ("tlsverify",),
        "use TLS, and check the certificates of clients and engines",
        "bool",
        default=False,
    ),
    Flag(("tlscacert",), "PEM certificates that others must be signed by", shown="FILE"),
    Flag(("tlscert",), "PEM certificate of this manager", shown="FILE"),
    Flag(("tlskey",), "PEM private key of this manager", shown="FILE"),
    Flag(
        ("api-enable-cors", "cors"),
        "let web pages of other origins use the API",
        "bool",
        default=False,
    ),
)

_ENGINES = (
    DISCOVERY_OPT,
    Flag(
        ("heartbeat",),
        "time between two looks at a file:// discovery",
        default="60s",
        shown="DURATION",
    ),
    Flag(
        ("engine-refresh-min-interval",),
        "least time between two full looks at an engine",
        "duration",
        default=30.0,
        shown="DURATION",
        shown_default="30s",
    ),
    Flag(
        ("engine-refresh-max-interval",),
        "most time between two full looks at an engine",
        "duration",
        default=60.0,
        shown="DURATION",
        shown_default="60s",
    ),
    Flag(
        ("engine-failure-retry",),
        "failures in a row after which an engine counts as unhealthy",
        "count",
        default=3,
        shown="COUNT",
    ),
    Flag(
        ("engine-refresh-retry",),
        "deprecated; use --engine-failure-retry",
        "count",
        default=3,
        shown="COUNT",
    ),
    Flag(
        ("refresh-on-node-filter",),
        "look at a node first when a list is filtered by node",
        "bool",
        default=False,
    ),
    Flag(
        ("container-name-refresh-filter",),
        "look at all nodes first when a list is filtered by exactly this name",
        shown="NAME",
    ),
    Flag(
        ("services",),
        "where the agents keep services, consul://HOST:PORT/services: a container with"
        " SERVICE_DRAIN=5s is withdrawn there so long before it is stopped",
        env="SWARM_SERVICES",
        shown="URI",
        shown_default="/services in the discovery's Consul",
    ),
    Flag(
        ("drain",),
        "the same for every container that publishes ports and has no SERVICE_DRAIN",
        default="0s",
        shown="DURATION",
    ),
    Flag(
        ("pull-scope",),
        "engines that docker pull pulls on: placeable (where the image can be used), all, one",
        default="placeable",
        shown="SCOPE",
    ),
)

_REPLICATION = (
    Flag(
        ("replication",),
        "several managers, one of them primary; not available in this version",
        "bool",
        default=False,
    ),
    Flag(
        ("replication-ttl",),
        "time after which a lost primary is replaced",
        default="20s",
        shown="DURATION",
    ),
)

FLAGS = (*_SCHEDULING, *_LISTENING, *_ENGINES, *_REPLICATION)
