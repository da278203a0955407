"""What a worker has done since its last tick, by sequence numbers."""

from __future__ import annotations

import threading
from typing import Any

from hdrh.histogram import HdrHistogram

from .protocol import NO_KEY, POISON, Header, Numbers, now_us

_COUNTERS = ("records", "bytes", "repeated", "reordered", "foreign", "failed", "dead_letters", "batches")
_DAY_US = 24 * 3600 * 1_000_000


class Ledger:
    """Each record is entered once its processing has ended. Read by the sampler's thread."""

    def __init__(self, tag: int) -> None:
        self._tag = tag
        self._lock = threading.Lock()
        self._ever: dict[tuple[str, int, int], Numbers] = {}
        self._keys: dict[tuple[str, int, int], int] = {}
        self._errors: dict[str, tuple[str, int]] = {}
        self._fresh()

    def _fresh(self) -> None:
        self._since: dict[tuple[str, int, int], Numbers] = {}
        self._counts = dict.fromkeys(_COUNTERS, 0)
        self._latency = HdrHistogram(1, _DAY_US, 3)
        self._gap_us = 0

    def ours(self, value: bytes | None) -> Header | None:
        """The header of a record of this run."""
        header = Header.of(value)
        return header if header is not None and header.run == self._tag else None

    def enter(self, record: Any, header: Header | None, failed: bool, dead: bool) -> None:
        """A record is through."""
        with self._lock:
            counts = self._counts
            if header is None:
                counts["foreign"] += 1
                return
            counts["records"] += 1
            counts["bytes"] += len(record.value)
            counts["failed"] += failed
            counts["dead_letters"] += dead
            self._latency.record_value(max(1, min(now_us() - header.due_us, _DAY_US)))
            stream = (record.topic, record.partition, header.shard)
            if not self._ever.setdefault(stream, Numbers()).add(header.sequence):
                counts["repeated"] += 1
                return
            self._since.setdefault(stream, Numbers()).add(header.sequence)
            if header.key != NO_KEY:
                key = (record.topic, header.shard, header.key)
                last = self._keys.get(key, 0)
                counts["reordered"] += header.key_sequence < last
                self._keys[key] = max(last, header.key_sequence + 1)

    def batch(self) -> None:
        """A batch came."""
        with self._lock:
            self._counts["batches"] += 1

    def poll(self, gap_us: int) -> None:
        """A poll ended, with records or without, so long after the one before."""
        with self._lock:
            self._gap_us = max(self._gap_us, gap_us)

    def error(self, code: str, message: str) -> None:
        """Something went wrong, and goes on."""
        with self._lock:
            _, times = self._errors.get(code, ("", 0))
            self._errors[code] = (message, times + 1)

    def take(self) -> tuple[dict[str, Any], dict[str, tuple[str, int]]]:
        """What a tick says of the time since the last one, and the errors since then."""
        with self._lock:
            since, counts, latency, gap_us, errors = (
                self._since,
                self._counts,
                self._latency,
                self._gap_us,
                self._errors,
            )
            self._errors = {}
            self._fresh()
        processed = [
            {"topic": topic, "partition": partition, "shard": shard, "from": start, "to": end}
            for (topic, partition, shard), numbers in since.items()
            for start, end in numbers.intervals
        ]
        encoded = latency.encode().decode() if latency.get_total_count() else ""
        return {"processed": processed, "latency": encoded, "longest_poll_gap_us": gap_us, **counts}, errors


def is_poison(header: Header | None) -> bool:
    """Whether its handler is to fail, however often it tries."""
    return header is not None and bool(header.flags & POISON)
