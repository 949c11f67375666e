"""docker-py: what ``containers.run`` can set, seen from inside the container."""

from typing import Any

import pytest
from docker import DockerClient
from docker.types import Ulimit
from docker_py_tools import SLEEP, node_of, run, script, sleeper

GIGABYTE = 1 << 30


@pytest.mark.parametrize(
    ("options", "command", "output"),
    [
        pytest.param({"entrypoint": "echo one"}, ["two"], "one two\n", id="entrypoint"),
        pytest.param({"entrypoint": ["sh", "-c"]}, ["echo hi"], "hi\n", id="entrypoint-list"),
        pytest.param({"environment": {"A": "1 2"}}, script('echo "$A"'), "1 2\n", id="environment"),
        pytest.param({"environment": ["A=b=c"]}, script("echo $A"), "b=c\n", id="environment-list"),
        pytest.param({"working_dir": "/tmp"}, ["pwd"], "/tmp\n", id="working-dir"),
        pytest.param({"user": "nobody"}, ["id", "-u"], "65534\n", id="user"),
        pytest.param({"user": "12:34"}, script("id -u; id -g"), "12\n34\n", id="user-and-group"),
        pytest.param({"group_add": [1234]}, ["id", "-G"], "0 1234\n", id="group-add"),
        pytest.param({"hostname": "there"}, ["hostname"], "there\n", id="hostname"),
        pytest.param(
            {"hostname": "a", "domainname": "lab.test"}, ["hostname", "-f"], "a.lab.test\n",
            id="domainname",
        ),
        pytest.param({"tty": True}, ["tty"], "/dev/pts/0\r\n", id="tty"),
        pytest.param({"init": True}, ["cat", "/proc/1/comm"], "docker-init\n", id="init"),
        pytest.param(
            {"extra_hosts": {"db": "127.9.9.9"}}, script("grep -w db /etc/hosts"),
            "127.9.9.9\tdb\n", id="extra-hosts",
        ),
        pytest.param(
            {"dns": ["127.9.9.9"], "dns_search": ["lab.test"], "dns_opt": ["ndots:3"]},
            script("grep -v '^#' /etc/resolv.conf | grep . | sort"),
            "nameserver 127.9.9.9\noptions ndots:3\nsearch lab.test\n", id="dns",
        ),
        pytest.param(
            {"ulimits": [Ulimit(name="nofile", soft=123, hard=456)]},
            script("ulimit -Sn; ulimit -Hn"), "123\n456\n", id="ulimits",
        ),
        pytest.param(
            {"sysctls": {"net.ipv4.ip_unprivileged_port_start": "77"}},
            ["cat", "/proc/sys/net/ipv4/ip_unprivileged_port_start"], "77\n", id="sysctls",
        ),
        pytest.param(
            {"oom_score_adj": 321}, ["cat", "/proc/self/oom_score_adj"], "321\n", id="oom-score",
        ),
        pytest.param(
            {"security_opt": ["no-new-privileges"]},
            script("awk '/NoNewPrivs/ {print $2}' /proc/self/status"), "1\n", id="security-opt",
        ),
        pytest.param(
            {"cap_drop": ["ALL"]},
            script("awk '/CapEff/ {print $2}' /proc/self/status"), "0" * 16 + "\n", id="cap-drop",
        ),
        pytest.param(
            {"devices": ["/dev/null:/dev/other:rw"]},
            script("test -c /dev/other && echo yes"), "yes\n", id="devices",
        ),
        pytest.param(
            {"shm_size": "8m"}, script("df -k /dev/shm | awk '/shm/ {print $2}'"), "8192\n",
            id="shm-size",
        ),
        pytest.param(
            {"tmpfs": {"/scratch": "size=4m"}},
            script("df -k /scratch | awk '/scratch/ {print $1, $2}'"), "tmpfs 4096\n", id="tmpfs",
        ),
        pytest.param(
            {"read_only": True}, script("touch /file 2>&1 || true"),
            "touch: /file: Read-only file system\n", id="read-only",
        ),
        pytest.param({"network_mode": "none"}, ["ls", "/sys/class/net"], "lo\n", id="no-network"),
        pytest.param({"network_disabled": True}, ["ls", "/sys/class/net"], "lo\n", id="disabled"),
        pytest.param(
            {"network_mode": "host"}, script("test -e /sys/class/net/docker0 && echo yes"), "yes\n",
            id="host-network",
        ),
        pytest.param(
            {"mac_address": "02:42:aa:bb:cc:dd"}, ["cat", "/sys/class/net/eth0/address"],
            "02:42:aa:bb:cc:dd\n", id="mac-address",
        ),
        pytest.param(
            {"pid_mode": "host"}, script("test $$ -ne 1 && echo yes"), "yes\n", id="host-pids",
        ),
        pytest.param({"platform": "linux/amd64"}, ["uname", "-s"], "Linux\n", id="platform"),
    ],
)  # fmt: skip
def test_it_is_so_inside(
    client: DockerClient, options: dict[str, Any], command: list[str], output: str
) -> None:
    assert run(client, command, **options) == output


@pytest.mark.parametrize(
    ("options", "key", "value"),
    [
        pytest.param({"mem_limit": "64m"}, "Memory", 64 << 20, id="memory"),
        pytest.param({"mem_limit": GIGABYTE}, "Memory", GIGABYTE, id="memory-in-bytes"),
        pytest.param({"mem_reservation": "32m"}, "MemoryReservation", 32 << 20, id="reservation"),
        pytest.param(
            {"mem_limit": "64m", "memswap_limit": "128m"}, "MemorySwap", 128 << 20, id="swap"
        ),
        pytest.param({"nano_cpus": 5 * 10**8}, "NanoCpus", 5 * 10**8, id="cpus"),
        pytest.param({"cpu_shares": 512}, "CpuShares", 512, id="cpu-shares"),
        pytest.param({"cpu_period": 10**5, "cpu_quota": 5000}, "CpuQuota", 5000, id="cpu-quota"),
        pytest.param({"cpuset_cpus": "0"}, "CpusetCpus", "0", id="cpuset"),
        pytest.param({"pids_limit": 33}, "PidsLimit", 33, id="pids"),
        pytest.param({"cap_add": ["NET_ADMIN"]}, "CapAdd", ["NET_ADMIN"], id="cap-add"),
        pytest.param({"privileged": True}, "Privileged", True, id="privileged"),
        pytest.param({"ipc_mode": "shareable"}, "IpcMode", "shareable", id="ipc"),
        pytest.param({"uts_mode": "host"}, "UTSMode", "host", id="uts"),
        pytest.param({"cgroup_parent": "/lab"}, "CgroupParent", "/lab", id="cgroup-parent"),
        pytest.param({"publish_all_ports": True}, "PublishAllPorts", True, id="all-ports"),
        pytest.param(
            {"restart_policy": {"Name": "always"}}, "RestartPolicy",
            {"Name": "always", "MaximumRetryCount": 0}, id="restart-policy",
        ),
        pytest.param(
            {"device_cgroup_rules": ["c 1:3 rwm"]}, "DeviceCgroupRules", ["c 1:3 rwm"],
            id="device-rules",
        ),
        pytest.param({"runtime": "runc"}, "Runtime", "runc", id="runtime"),
    ],
)  # fmt: skip
def test_it_is_told_to_the_engine(
    client: DockerClient, options: dict[str, Any], key: str, value: object
) -> None:
    container = client.containers.create("busybox", **options)
    assert container.attrs["HostConfig"][key] == value
    assert client.containers.get(container.id).attrs["HostConfig"][key] == value


@pytest.mark.parametrize(
    ("labels", "told"),
    [
        pytest.param({"team": "blue", "empty": ""}, {"team": "blue", "empty": ""}, id="dictionary"),
        pytest.param(["team", "tier"], {"team": "", "tier": ""}, id="list"),
    ],
)
def test_labels(client: DockerClient, labels: dict[str, str] | list[str], told: object) -> None:
    container = client.containers.create("busybox", labels=labels)
    assert {k: v for k, v in container.labels.items() if "swarm" not in k} == told


@pytest.mark.parametrize("mode", ["network_mode", "pid_mode", "ipc_mode"])
def test_what_another_container_has_can_be_shared(client: DockerClient, mode: str) -> None:
    first = client.containers.run(
        "busybox", SLEEP, detach=True, hostname="first", ipc_mode="shareable"
    )
    first.exec_run(["touch", "/dev/shm/mark"])
    namespace = {"network_mode": "net", "pid_mode": "pid", "ipc_mode": "ipc"}[mode]
    link = ["readlink", f"/proc/self/ns/{namespace}"]
    second = sleeper(client, **{mode: f"container:{first.name}"})
    assert node_of(second) == node_of(first)
    assert second.exec_run(link) == first.exec_run(link)


def test_volumes_of_another_container(client: DockerClient) -> None:
    first = client.containers.run("busybox", SLEEP, detach=True, volumes=["/data"])
    first.exec_run(["touch", "/data/mark"])
    assert run(client, ["ls", "/data"], volumes_from=[first.name]) == "mark\n"


def test_links(client: DockerClient) -> None:
    first = sleeper(client, name="first")
    first.reload()
    address = first.attrs["NetworkSettings"]["IPAddress"]
    seen = run(client, script("grep -w db /etc/hosts"), links={"first": "db"})
    assert seen.split() == [address, "db", first.short_id, "first"]
