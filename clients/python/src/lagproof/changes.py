"""How a change of a row reaches a replica that runs; `clients/cases/changes.json` holds what the compiler says."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Any

from .lowering import AIOKAFKA_LACKS, lower
from .settings import Settings


class Apply(enum.IntEnum):
    """How a change reaches replicas that run, the heaviest last."""

    NOTHING = 0
    """The client has no such setting: nothing happens."""
    HOT = 1
    """In force with the next batch, without a restart."""
    RECREATE = 2
    """The replica leaves its group and joins it again with a new consumer, one replica at a time."""
    STOP_ALL = 3
    """Old and new replicas can't be in one group: all stop, then all start. Never done to running services."""

    @property
    def word(self) -> str:
        """As the compiler spells it."""
        return self.name.lower().replace("_", "-")


def changes(old: Settings, new: Settings) -> dict[str, Apply]:
    """What differs, by its key in the settings document, as the client that runs sees it."""
    found: dict[str, Apply] = {}

    def differs(key: str, before: object, after: object, apply: Apply) -> None:
        if before != after:
            found[key] = apply

    aiokafka = old.client == "aiokafka"
    differs("client", old.client, new.client, Apply.STOP_ALL)
    differs("group", old.group, new.group, Apply.STOP_ALL)
    differs("group_protocol", old.group_protocol, new.group_protocol, Apply.NOTHING if aiokafka else Apply.RECREATE)
    differs("instance_id", old.instance_id, new.instance_id, Apply.RECREATE)
    differs("topics", old.topics, new.topics, Apply.RECREATE)
    if old.client == new.client:
        for key in sorted({*old.consumer, *new.consumer}):
            if old.consumer.get(key) != new.consumer.get(key):
                found[f"consumer.{key}"] = _of_setting(old, new, key)
    timer = "interval" in (old.delivery.commit, new.delivery.commit)
    differs("delivery.commit", old.delivery.commit, new.delivery.commit, Apply.RECREATE if timer else Apply.HOT)
    differs(
        "delivery.commit_interval_ms",
        old.delivery.commit_interval_ms,
        new.delivery.commit_interval_ms,
        Apply.RECREATE if new.delivery.commit == "interval" else Apply.NOTHING,
    )
    differs("delivery.isolation", old.delivery.isolation, new.delivery.isolation, Apply.RECREATE)
    differs("delivery.retry", old.delivery.retry, new.delivery.retry, Apply.HOT)
    differs("concurrency", old.concurrency, new.concurrency, Apply.HOT)
    differs("handler", old.handler, new.handler, Apply.HOT)
    differs("raw", old.raw.get(old.client, {}), new.raw.get(old.client, {}), Apply.RECREATE)
    return found


def worst(found: Mapping[str, Apply]) -> Apply:
    """How all of it together reaches the replica."""
    return max(found.values(), default=Apply.NOTHING)


def _of_setting(old: Settings, new: Settings, key: str) -> Apply:
    if key == "max_poll_records":
        return Apply.HOT
    if key == "partition_assignment_strategy":
        was, now = _assignors(lower(old).consumer), _assignors(lower(new).consumer)
        if was == now:
            return Apply.NOTHING
        return Apply.RECREATE if not was or not now or was & now else Apply.STOP_ALL
    return Apply.RECREATE if _has(new.client, key) else Apply.NOTHING


def _assignors(consumer: Mapping[str, Any]) -> frozenset[str]:
    names = consumer.get("partition_assignment_strategy", consumer.get("partition.assignment.strategy", ()))
    return frozenset(names.split(",") if isinstance(names, str) else names)


def _has(client: str, key: str) -> bool:
    if client == "aiokafka":
        return key not in AIOKAFKA_LACKS
    return key != "rebalance_timeout_ms"
