"""Debian's package tools, used so that the machine's own package state is left as it is.

Installing is done for what a Docker host needs anyway. Everything else, and everything from
another release, is downloaded and unpacked into a folder of ours.
"""

import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from lab.aptlines import Source, other_suite_lines, parse_deb822, parse_one_line
from lab.errors import LabError

SCRATCH = ".unpack-"
"""How the folders begin that exist only while something is unpacked."""
_ETC_APT = Path("/etc/apt")
_GUARD = Path("/usr/sbin/policy-rc.d")
_GUARD_TEXT = (
    "#!/bin/sh\n# Put here by the swarm lab while it installs; it removes it again.\nexit 101\n"
)
_PATIENCE = ("-o", "DPkg::Lock::Timeout=300", "-o", "Acquire::Retries=2")
"""Somebody else may be installing: wait for the lock instead of failing."""
_LAST_LINES = 4


def require_apt(what: str) -> None:
    """Raise `LabError` unless *what* can be installed with apt by this user."""
    if shutil.which("apt-get") is None or shutil.which("dpkg") is None:
        raise LabError(
            f"{what} is missing and this machine has no apt-get: put it on PATH by your own "
            "package manager, then try again"
        )
    if os.geteuid() != 0:
        raise LabError(f"{what} is missing: run `make parts` as root to get it")


def install(packages: Sequence[str]) -> None:
    """Install *packages* on this machine without letting any of them start a daemon."""
    require_apt(" and ".join(packages))
    with _no_daemon_starts():
        if _try_install(packages) is not None:
            _run(["apt-get", *_PATIENCE, "-qq", "update"], "refresh the package lists")
            failure = _try_install(packages)
            if failure is not None:
                raise LabError(f"cannot install {', '.join(packages)}: {failure}")


def unpack(packages: Sequence[str], target: Path, suite: str | None = None) -> None:
    """Download *packages* and unpack them into *target*, which appears complete or not at all.

    Args:
        packages: Debian package names.
        target: folder to make; the packages' ``/usr`` becomes ``target/usr``.
        suite: another Debian release to take them from; this machine's own if omitted.
    """
    require_apt(" and ".join(packages))
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=SCRATCH) as scratch:
        work = Path(scratch)
        tree = work / "tree"
        tree.mkdir()
        if suite is None or suite == _own_suite():
            _download_here(packages, work)
        else:
            _download_from(packages, suite, work)
        for package in sorted(work.glob("*.deb")):
            _run(["dpkg", "-x", str(package), str(tree)], f"unpack {package.name}")
        tree.rename(target)


def machine_sources() -> list[Source]:
    """Read every package source that this machine is set up with."""
    sources: list[Source] = []
    single = _ETC_APT / "sources.list"
    one_line = [single] if single.exists() else []
    one_line += sorted((_ETC_APT / "sources.list.d").glob("*.list"))
    for path in one_line:
        sources.extend(parse_one_line(path.read_text(encoding="utf-8")))
    for path in sorted((_ETC_APT / "sources.list.d").glob("*.sources")):
        sources.extend(parse_deb822(path.read_text(encoding="utf-8")))
    return sources


def _own_suite() -> str:
    """Return the code name of this machine's release, empty if it has none."""
    return platform.freedesktop_os_release().get("VERSION_CODENAME", "")


def _download_here(packages: Sequence[str], work: Path) -> None:
    command = ["apt-get", *_PATIENCE, "-qq", "download", *packages]
    if _failure(command, work) is not None:
        _run(["apt-get", *_PATIENCE, "-qq", "update"], "refresh the package lists")
        _run(command, f"download {', '.join(packages)}", work)


def _download_from(packages: Sequence[str], suite: str, work: Path) -> None:
    """Download *packages* of *suite* by a private apt set-up, so that no source stays behind."""
    lines = other_suite_lines(machine_sources(), suite)
    if not lines:
        raise LabError(
            f"cannot find Debian's {suite} for {', '.join(packages)}: no source of this machine is "
            "Debian's main archive; put the programs on PATH yourself, then try again"
        )
    failures = []
    for line in lines:
        options = _private_apt(work, line)
        failure = _failure(["apt-get", *options, "-qq", "update"], work)
        if failure is None:
            names = [f"{package}/{suite}" for package in packages]
            failure = _failure(["apt-get", *options, "-qq", "download", *names], work)
        if failure is None:
            return
        failures.append(f"{line.split()[2]} said: {failure}")
    raise LabError(f"cannot fetch {', '.join(packages)} of Debian {suite}; " + "; ".join(failures))


def _private_apt(work: Path, line: str) -> list[str]:
    """Return options that give apt its own source, lists and cache under *work*."""
    lists = work / "lists"
    shutil.rmtree(lists, ignore_errors=True)
    (lists / "partial").mkdir(parents=True)
    (work / "cache" / "archives" / "partial").mkdir(parents=True, exist_ok=True)
    source = work / "sources.list"
    source.write_text(line + "\n", encoding="utf-8")
    settings = {
        "Dir::Etc::sourcelist": str(source),
        "Dir::Etc::sourceparts": "-",
        "Dir::Etc::preferencesparts": "-",
        "Dir::State::lists": str(lists),
        "Dir::Cache": str(work / "cache"),
        # A retired or dated archive is signed but no longer renewed.
        "Acquire::Check-Valid-Until": "false",
        # The folder belongs to root; apt's own user could not write into it.
        "APT::Sandbox::User": "root",
        "APT::Update::Error-Mode": "any",
    }
    options = list(_PATIENCE)
    for key, value in settings.items():
        options += ["-o", f"{key}={value}"]
    return options


@contextmanager
def _no_daemon_starts() -> Iterator[None]:
    """Keep packages from starting services, as Debian's policy-rc.d allows an administrator to."""
    if _GUARD.exists() and _GUARD.read_text(encoding="utf-8") != _GUARD_TEXT:
        # Somebody has a policy of his own (containers usually forbid starts): it stays in force.
        yield
        return
    _GUARD.write_text(_GUARD_TEXT, encoding="utf-8")
    _GUARD.chmod(0o755)
    try:
        yield
    finally:
        _GUARD.unlink(missing_ok=True)


def _try_install(packages: Sequence[str]) -> str | None:
    command = ["apt-get", *_PATIENCE, "install", "-y", "-qq", "--no-install-recommends", *packages]
    return _failure(command, None)


def _run(command: Sequence[str], purpose: str, cwd: Path | None = None) -> None:
    failure = _failure(command, cwd)
    if failure is not None:
        raise LabError(f"cannot {purpose}: {failure}")


def _failure(command: Sequence[str], cwd: Path | None) -> str | None:
    """Run *command*; return None if it went well, else the last lines of what it said."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"}
    done = subprocess.run(
        command,
        cwd=cwd,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode == 0:
        return None
    lines = [line.strip() for line in done.stdout.splitlines() if line.strip()]
    return " / ".join(lines[-_LAST_LINES:]) or f"exit code {done.returncode}"
