"""The protocol between `lagproof verify` and its workers: a spec line in, sample lines out. Times are Unix microseconds."""

from __future__ import annotations

import json
import os
import struct
import sys
import threading
import time
from dataclasses import dataclass
from typing import Any

PROTOCOL = 1
POISON, SLOW, NO_KEY = 1, 2, 0xFFFFFFFF
HEADER = struct.Struct(">3sBIIQqIQ")
"""The first bytes of each record's value: `LGP`, flags, run, shard, sequence, due, key, key sequence."""
_MASK = (1 << 64) - 1


def now_us() -> int:
    """The time."""
    return time.time_ns() // 1000


def split_mix(state: int) -> int:
    """One output of SplitMix64 for a state that has just been advanced."""
    z = (state + 0x9E3779B97F4A7C15) & _MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
    return z ^ (z >> 31)


def fraction(bits: int) -> float:
    """The upper 53 bits as a number from 0 to below 1."""
    return (bits >> 11) / (1 << 53)


def tick_at(ticks: dict[str, Any], k: int) -> int:
    """When tick `k` is: the same moment in every process."""
    jitter = (fraction(split_mix((ticks["seed"] + k) & _MASK)) * 2 - 1) * ticks["jitter_ms"] * 1000
    return int(ticks["start_us"]) + k * int(ticks["every_ms"]) * 1000 + int(jitter)


class Numbers:
    """A set of numbers as intervals, nearly always added to at its end."""

    def __init__(self) -> None:
        self.intervals: list[list[int]] = []

    def add(self, number: int) -> bool:
        """Adds one; says whether it was new."""
        for at in range(len(self.intervals) - 1, -1, -1):
            start, end = self.intervals[at]
            if start <= number < end:
                return False
            if number == end:
                self.intervals[at][1] += 1
                if at + 1 < len(self.intervals) and self.intervals[at + 1][0] == end + 1:
                    self.intervals[at][1] = self.intervals.pop(at + 1)[1]
                return True
            if number > end:
                self.intervals.insert(at + 1, [number, number + 1])
                break
        else:
            self.intervals.insert(0, [number, number + 1])
            at = -1
        after = at + 2
        if after < len(self.intervals) and self.intervals[after][0] == number + 1:
            self.intervals[at + 1][1] = self.intervals.pop(after)[1]
        return True


@dataclass(frozen=True)
class Header:
    """What a record says of itself."""

    flags: int
    run: int
    shard: int
    sequence: int
    due_us: int
    key: int
    key_sequence: int

    @classmethod
    def of(cls, value: bytes | None) -> Header | None:
        """None where no harness wrote it."""
        if value is None or len(value) < HEADER.size or value[:3] != b"LGP":
            return None
        return cls(*HEADER.unpack_from(value)[1:])


class Lines:
    """Writes lines of JSON to standard output; a reader that is gone means "stop"."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.broken = False

    def write(self, line: str, **fields: Any) -> None:
        """One line, flushed."""
        with self._lock:
            try:
                sys.stdout.write(json.dumps({"line": line, **fields}) + "\n")
                sys.stdout.flush()
            except (BrokenPipeError, ValueError):
                self.broken = True


def cpu_wait_seconds() -> float | None:
    """Seconds that the thread which waited longest was ready to run and did not; None where the system does not tell it."""
    longest = 0
    try:
        for thread in os.listdir("/proc/self/task"):
            with open(f"/proc/self/task/{thread}/schedstat") as stat:
                longest = max(longest, int(stat.read().split()[1]))
    except (OSError, ValueError, IndexError):
        return None
    return longest / 1e9
