"""The flags of ``swarm router``."""

from swarm.command import DISCOVERY_OPT
from swarm.flags import Flag

PROXIES = ("haproxy", "nginx")
DEFAULT_STATUS = "127.0.0.1:8480"

FLAGS = (
    Flag(("proxy",), "what serves the edge: haproxy or nginx", default="haproxy", shown="NAME"),
    Flag(
        ("config",),
        "file to write",
        shown="FILE",
        shown_default="/var/lib/swarm-router/haproxy.cfg or nginx.conf",
    ),
    Flag(
        ("http",),
        "where the edge accepts http",
        default="80",
        shown="[HOST:]PORT",
    ),
    Flag(
        ("domain",),
        "services are found at SERVICE.DOMAIN too",
        shown="DOMAIN",
    ),
    Flag(
        ("tcp-ports",),
        "ports of the edge that SERVICE_LISTEN may name",
        default="1024-65535",
        shown="FROM-TO",
    ),
    Flag(
        ("exec",),
        'run the proxy by this command, with {} for the file; "auto": the proxy\'s usual one',
        shown="COMMAND",
    ),
    Flag(
        ("reload",),
        "after a change run this command, with {} for the file (instead of --exec)",
        shown="COMMAND",
    ),
    Flag(
        ("check",),
        "check each new file by this command, with {} for the file",
        shown="COMMAND",
        shown_default="haproxy -c or nginx -t",
    ),
    Flag(("haproxy",), "the program", default="haproxy", shown="PATH"),
    Flag(("nginx",), "the program", default="nginx", shown="PATH"),
    Flag(
        ("user",),
        'account that a proxy started as root leaves its work to; "none": it stays root',
        shown="NAME",
        shown_default="for HAProxy with --exec haproxy, else nobody",
    ),
    Flag(
        ("socket",),
        "unix socket by which the router asks its proxy",
        shown="PATH",
        shown_default="beside the file",
    ),
    Flag(
        ("template",),
        "make the file TO from the Jinja2 template FROM, then run COMMAND (may be repeated); where"
        " TO is the proxy's file, FROM takes the place of the shipped template",
        "list",
        default=(),
        shown="FROM:TO[:COMMAND]",
    ),
    Flag(
        ("wait",),
        "render this long after the last change, but after MAX at the latest",
        default="1s:5s",
        shown="MIN[:MAX]",
    ),
    Flag(
        ("empty-grace",),
        "keep services this long that vanished all at once",
        default="30s",
        shown="DURATION",
    ),
    Flag(
        ("keep-empty",),
        "answer 503 this long for a service that has ended",
        default="10m",
        shown="DURATION",
    ),
    Flag(
        ("drain",),
        "time that requests in progress have at a reload or a stop",
        default="30s",
        shown="DURATION",
    ),
    Flag(
        ("status",),
        'address of /status and /metrics; "off": none',
        default=DEFAULT_STATUS,
        shown="HOST:PORT",
    ),
    Flag(("once",), "render once, then end", "bool", default=False),
    Flag(("dry-run",), "print what would be written, then end", "bool", default=False),
    Flag(
        ("timeout",),
        "with --once and --dry-run: give up on Consul after this time",
        default="30s",
        shown="DURATION",
    ),
    DISCOVERY_OPT,
)
