"""The last good settings of a service, in a file, for a start while the database is down.

It holds what `read_config_v1` answered and no secret. One file a service, in $LAGPROOF_STATE_DIR, else in `lagproof` in
the user's cache folder.
"""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import quote

FORMAT = 1


def folder() -> Path:
    """Where the files are."""
    own = os.environ.get("LAGPROOF_STATE_DIR")
    if own:
        return Path(own)
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "lagproof" / "last-good"


def file_of(service_name: str, where: Path) -> Path:
    """A service's file; its name can't lead out of the folder."""
    return where / (quote(service_name, safe="").replace(".", "%2E") + ".json")


def save(service_name: str, row: dict[str, Any], where: Path) -> Path:
    """Writes it whole or not at all; only its owner may read it. Raises OSError."""
    file = file_of(service_name, where)
    where.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle, temporary = tempfile.mkstemp(dir=where, prefix=".last-good-")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as out:
            json.dump({"format": FORMAT, "service_name": service_name, **row}, out, ensure_ascii=False, indent=1)
            out.flush()
            os.fsync(out.fileno())
        os.replace(temporary, file)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return file


def load(service_name: str, where: Path) -> dict[str, Any] | None:
    """What `save` wrote; None where there is nothing, or nothing that can be used."""
    try:
        row = json.loads(file_of(service_name, where).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(row, dict) or row.get("format") != FORMAT or row.get("service_name") != service_name:
        return None
    # Damaged by hand, or half of it: as good as none.
    is_whole = isinstance(row.get("settings"), dict) and isinstance(row.get("generation"), int)
    return row if is_whole and "version" in row and "etag" in row else None
