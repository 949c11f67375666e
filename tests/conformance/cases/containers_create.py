"""``POST /containers/create``: what is refused, what is taken, and what comes of it."""

from functools import partial
from typing import Any

from tests.conformance.book import Seen, ask, case
from tests.conformance.givens import CREATE, created
from tests.conformance.sides import Side

_ask = partial(ask, "create")
_PLAIN = {"Image": "busybox"}


def _body(name: str, body: object) -> None:
    _ask(name, f"POST {CREATE}", body=body)


def _image(name: str, **fields: Any) -> None:
    _body(name, {"Image": "busybox", "Cmd": ["true"], **fields})


def _host(name: str, **fields: Any) -> None:
    _image(name, HostConfig=fields)


_image("a plain one")
_body("a missing image", {"Image": "no/such:1"})
_body("a missing digest", {"Image": f"busybox@sha256:{'0' * 64}"})
_body("an image name in capitals", {"Image": "NO/Such"})
_body("an image name with a space", {"Image": "a b"})
_body("no image", {"Cmd": ["true"]})
_body("an empty object", {})
_body("no body", None)
_body("an empty body", b"")
_body("null", b"null")
_body("a list", [])
_body("no JSON", b"{nonsense")
_body("half of an object", b'{"Image": "busybox"')
_body("more behind the object", b'{"Image": "busybox"} x')
_body("no UTF-8", b'\xff\xfe{"Image": "busybox"}')
_body("an empty image name", {"Image": ""})
_body("a number for the image", {"Image": 5})
_image("a text for Env", Env="A=1")
_image("a number in Env", Env=[1])
_image("an Env without name", Env=["=1"])
_image("a list for Labels", Labels=["a"])
_image("a text for Cmd", Cmd="true")
_image("a number for Cmd", Cmd=1)
_image("a text for HostConfig", HostConfig="x")
_image("a list for HostConfig", HostConfig=[])
_image("an unknown key", Nonsense={"a": 1})
_image("a bad host name", Hostname="a_b.-")
_image("a bad exposed port", ExposedPorts={"abc/tcp": {}})
_image("an exposed port of no protocol", ExposedPorts={"80/xyz": {}})
_image("a bad MAC address", MacAddress="nonsense")
_image("a relative working directory", WorkingDir="a/b")
_image("a negative health interval", Healthcheck={"Test": ["CMD", "true"], "Interval": -1})
_image("a bad stop signal", StopSignal="SIGNONE")
_image("a volume at no path", Volumes={"": {}})
_image("a volume at the root", Volumes={"/": {}})
_image(
    "a static address on the default bridge",
    NetworkingConfig={"EndpointsConfig": {"bridge": {"IPAMConfig": {"IPv4Address": "1.2.3.4"}}}},
)
_host("a text for the memory", Memory="1g")
_host("too little memory", Memory=1 << 20)
_host("negative memory", Memory=-1)
_host("swap below the memory", Memory=64 << 20, MemorySwap=32 << 20)
_host("swap without memory", MemorySwap=32 << 20)
_host("a reservation above the memory", Memory=64 << 20, MemoryReservation=128 << 20)
_host("swappiness", MemorySwappiness=101)
_host("a bad restart policy", RestartPolicy={"Name": "sometimes"})
_host("retries of always", RestartPolicy={"Name": "always", "MaximumRetryCount": 3})
_host("a restart of what removes itself", AutoRemove=True, RestartPolicy={"Name": "always"})
_host("an unknown network", NetworkMode="nowhere")
_host("the network of an unknown container", NetworkMode="container:nobody")
_host("the network of no container", NetworkMode="container:")
_host("an unknown container's processes", PidMode="container:nobody")
_host("a bad pid mode", PidMode="nonsense")
_host("a bad ipc mode", IpcMode="nonsense")
_host("a bad uts mode", UTSMode="nonsense")
_host("ports that are a list", PortBindings=[])
_host("a bad port", PortBindings={"80/tcp": [{"HostPort": "abc"}]})
_host("a port above 65535", PortBindings={"80/tcp": [{"HostPort": "70000"}]})
_host("a bad address to publish at", PortBindings={"80/tcp": [{"HostIp": "x", "HostPort": "1"}]})
_host("a bind without a path", Binds=["nonsense"])
_host("a bind to a relative path", Binds=["/a:b"])
_host("a bind of a bad volume name", Binds=["a b:/x"])
_host("a bind with a bad mode", Binds=["/a:/b:nonsense"])
_host("two binds at one path", Binds=["/a:/x", "/b:/x"])
_host("a mount of no type", Mounts=[{"Target": "/x"}])
_host("a mount of an unknown type", Mounts=[{"Type": "nonsense", "Target": "/x"}])
_host("a mount without a target", Mounts=[{"Type": "volume", "Source": "v"}])
_host("a mount of a missing path", Mounts=[{"Type": "bind", "Source": "/no/x", "Target": "/x"}])
_host("a tmpfs with a source", Mounts=[{"Type": "tmpfs", "Source": "a", "Target": "/x"}])
_host("a bad tmpfs option", Tmpfs={"/x": "nonsense"})
_host("volumes from nobody", VolumesFrom=["nobody"])
_host("volumes in a bad mode", VolumesFrom=["nobody:nonsense"])
_host("a link to nobody", Links=["nobody:n"])
_host("a bad log option", LogConfig={"Type": "json-file", "Config": {"nonsense": "1"}})
_host("an unknown runtime", Runtime="nonsense")
_host("a bad capability", CapAdd=["NONSENSE"])
_host("a bad security option", SecurityOpt=["nonsense"])
_host("a bad seccomp profile", SecurityOpt=["seccomp={}x"])
_host("a bad sysctl", Sysctls={"nonsense": "1"})
_host("a bad ulimit", Ulimits=[{"Name": "nonsense", "Soft": 1, "Hard": 1}])
_host("a soft limit above the hard one", Ulimits=[{"Name": "nofile", "Soft": 2, "Hard": 1}])
_host("more CPUs than there are", NanoCpus=1000 * 10**9)
_host("CPUs told twice", NanoCpus=10**9, CpuQuota=1000)
_host("a bad CPU set", CpusetCpus="nonsense")
_host("a CPU that is not there", CpusetCpus="99")
_host("a CPU period that is too short", CpuPeriod=1)
_host("a bad OOM score", OomScoreAdj=5000)
_host("negative shared memory", ShmSize=-1)
_host("a bad isolation", Isolation="nonsense")
_host("a bad cgroup namespace", CgroupnsMode="nonsense")
_host("a bad extra host", ExtraHosts=["nonsense"])
_host("a bad DNS server", Dns=["nonsense"])
_host("a bad blkio weight", BlkioWeight=5)
_host("a device without a path", DeviceRequests=[{"Driver": "nonsense", "Count": 1}])
for _name, _kind in (
    ("not as JSON", "text/plain"),
    ("a content type with a charset", "application/json; charset=utf-8"),
):
    _ask(_name, f"POST {CREATE}", body=_PLAIN, headers={"Content-Type": _kind})
for _name in ("a", "-a", "a%20b", "a%2Fb%2Fc", "%2Fweb", "a:b", "%C3%A9", "a" * 300):
    _ask(f"the name {_name[:20]}", f"POST /containers/create?name={_name}", body=_PLAIN)
_ask("a name that is taken", f"POST {CREATE}", given=created, body=_PLAIN)
_ask("a platform", f"POST {CREATE}&platform=linux/amd64", body=_PLAIN)
_ask("another platform", f"POST {CREATE}&platform=linux/s390x", body=_PLAIN)
_ask("another system", f"POST {CREATE}&platform=windows", body=_PLAIN)
_ask("a bad platform", f"POST {CREATE}&platform=a/b/c/d", body=_PLAIN)
_ask(
    "links in a circle",
    f"POST {CREATE}",
    given=created,
    body={"Image": "busybox", "HostConfig": {"Links": ["web:web"]}},
)


@case("create", "inspect tells what was asked for")
def _what_was_asked(side: Side) -> Seen:
    body = {
        "Image": "busybox",
        "Cmd": ["sleep", "600"],
        "Env": ["A=1", "B"],
        "Labels": {"a": "b"},
        "Hostname": "h",
        "Domainname": "d",
        "User": "nobody",
        "WorkingDir": "/tmp",
        "ExposedPorts": {"80/tcp": {}},
        "StopSignal": "SIGINT",
        "StopTimeout": 3,
        "Healthcheck": {"Test": ["CMD", "true"], "Interval": 10**9},
        "HostConfig": {
            "Memory": 64 << 20,
            "NanoCpus": 5 * 10**8,
            "Binds": ["/tmp:/t:ro"],
            "Tmpfs": {"/run": "size=1m"},
            "CapAdd": ["NET_ADMIN"],
            "CapDrop": ["MKNOD"],
            "Dns": ["1.1.1.1"],
            "ExtraHosts": ["a:1.2.3.4"],
            "RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 2},
            "LogConfig": {"Type": "json-file", "Config": {"max-size": "1m"}},
            "Ulimits": [{"Name": "nofile", "Soft": 10, "Hard": 20}],
            "Sysctls": {"net.ipv4.ip_forward": "1"},
            "ReadonlyRootfs": True,
            "Init": True,
            "ShmSize": 1 << 20,
        },
    }
    return [side.ask("POST", CREATE, body), side.ask("GET", "/containers/web/json")]


for _version in ("v1.24", "v1.30", "v1.41"):
    _ask(f"by {_version}", f"POST /{_version}{CREATE}", body=_PLAIN)
