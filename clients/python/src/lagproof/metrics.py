"""What a replica counts, and the memory that it takes."""

from __future__ import annotations

import os
import resource
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

_STATM = Path("/proc/self/statm")
_PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


def memory_megabytes() -> float:
    """Resident memory of this process in megabytes; where the system does not say it, the most that it was."""
    try:
        return int(_STATM.read_text().split()[1]) * _PAGE / 1e6
    except (OSError, IndexError, ValueError):
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6


@dataclass
class Counters:
    """Counted since the last row that was recorded."""

    processed: int = 0
    """Records, failed ones among them."""
    failed: int = 0
    """Records that failed for good."""
    busy_ms: float = 0.0
    """Time in handlers, summed over all records."""
    rebalances: int = 0
    since: float = field(default_factory=time.monotonic)

    def take(self) -> Counters:
        """What was counted; counting begins anew."""
        taken = Counters(self.processed, self.failed, self.busy_ms, self.rebalances, self.since)
        self.processed = self.failed = self.rebalances = 0
        self.busy_ms = 0.0
        self.since = time.monotonic()
        return taken

    def put_back(self, taken: Counters) -> None:
        """What could not be recorded counts in the next row."""
        self.processed += taken.processed
        self.failed += taken.failed
        self.busy_ms += taken.busy_ms
        self.rebalances += taken.rebalances
        self.since = taken.since
