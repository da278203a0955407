"""A PostgreSQL server of the tests' own: in a temporary folder, on a socket, gone with this process however it ends."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from urllib.parse import quote

ROOT = Path(__file__).resolve().parents[3]
LAGPROOF = os.environ.get("LAGPROOF", str(ROOT / "target/debug/lagproof"))

# Ends the server when our end of the pipe closes; `restart` on the pipe crashes and starts it, `down` only crashes it.
_KEEPER = """trap '' INT TERM HUP
start() { "$1" -D "$2/data" -k "$2" -c listen_addresses= -c fsync=off \
    -c full_page_writes=off -c max_connections=200 >>"$2/log" 2>&1 </dev/null & server=$!; }
start "$1" "$2"
while read -r word; do
    kill -QUIT $server 2>/dev/null; wait $server 2>/dev/null
    [ "$word" = down ] || start "$1" "$2"
done
kill -QUIT $server; wait $server
rm -rf "$2"
"""


def _binaries() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[4]))
    program = found[-1] if found else shutil.which("initdb")
    assert program, "PostgreSQL 15 or later is needed: apt-get install postgresql"
    return Path(program).parent


class Postgres:
    """The server."""

    def __init__(self) -> None:
        self._bin = _binaries()
        self.folder = Path(tempfile.mkdtemp(prefix="lagproof-pg-", dir="/tmp"))
        user = None
        if os.getuid() == 0:  # initdb refuses root
            names = {one.pw_name: one for one in pwd.getpwall()}
            user = names.get("postgres") or names["nobody"]
            os.chown(self.folder, user.pw_uid, user.pw_gid)
        self._as = {"user": user.pw_uid, "group": user.pw_gid} if user else {}
        made = subprocess.run(
            [self._bin / "initdb", "--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8"]
            + ["--no-sync", "-D", self.folder / "data"],
            cwd=self.folder,
            capture_output=True,
            text=True,
            **self._as,
        )
        assert made.returncode == 0, made.stderr
        self._keeper = subprocess.Popen(
            ["sh", "-c", _KEEPER, "sh", self._bin / "postgres", self.folder],
            cwd=self.folder,
            stdin=subprocess.PIPE,
            text=True,
            start_new_session=True,
            **self._as,
        )
        self.ready()
        self._count = 0
        self._make("migrated", "template0")
        done = subprocess.run(
            [LAGPROOF, "--project", ROOT, "migrate"],
            env={**os.environ, "DATABASE_URL": self.url("migrated")},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def url(self, database: str, user: str = "postgres") -> str:
        """How clients reach a database."""
        return f"postgres://{user}@{quote(str(self.folder), safe='')}/{database}"

    def psql(self, sql: str, database: str = "postgres") -> str:
        """Runs statements as the owner."""
        done = subprocess.run(
            [self._bin / "psql", "-qAt", "-v", "ON_ERROR_STOP=1", "-h", self.folder, "-U", "postgres", "-d", database]
            + ["-c", sql],
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def ready(self) -> None:
        """Until it answers."""
        for _ in range(600):
            done = subprocess.run([self._bin / "pg_isready", "-q", "-h", self.folder], capture_output=True)
            if done.returncode == 0:
                return
            time.sleep(0.1)
        raise AssertionError((self.folder / "log").read_text())

    def _make(self, name: str, template: str) -> None:
        self.psql(f"CREATE DATABASE {name} TEMPLATE {template}")

    def database(self, *, migrated: bool = True) -> str:
        """A database of a test's own."""
        self._count += 1
        name = f"test_{self._count}"
        self._make(name, "migrated" if migrated else "template0")
        # Else a sequence of the copy may go back in a crash: its page says that its next numbers are in the log already.
        self.psql("CHECKPOINT")
        return name

    def _tell(self, word: str) -> None:
        assert self._keeper.stdin is not None
        self._keeper.stdin.write(word + "\n")
        self._keeper.stdin.flush()

    def crash(self) -> None:
        """Ends it as a crash does."""
        self._tell("down")
        for _ in range(100):
            if subprocess.run([self._bin / "pg_isready", "-q", "-h", self.folder]).returncode == 2:
                return
            time.sleep(0.1)

    def restart(self) -> None:
        """Crashes it, if it runs, and starts it."""
        self._tell("restart")
        time.sleep(0.5)
        self.ready()

    def up(self) -> None:
        """Starts it where it does not run."""
        if subprocess.run([self._bin / "pg_isready", "-q", "-h", self.folder]).returncode != 0:
            self.restart()

    def stop(self) -> None:
        """Ends it and removes its folder."""
        assert self._keeper.stdin is not None
        self._keeper.stdin.close()
        self._keeper.wait()
