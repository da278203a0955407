"""What a row's settings become for a client of Python's, as `lagproof compile` does it.

`clients/cases/lowering.json` holds what the compiler does; the tests compare every case.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .errors import BadRow
from .settings import Settings

Json = Any

_AIOKAFKA_ASSIGNORS = {
    "range": "aiokafka.coordinator.assignors.range.RangePartitionAssignor",
    "roundrobin": "aiokafka.coordinator.assignors.roundrobin.RoundRobinPartitionAssignor",
    "sticky": "aiokafka.coordinator.assignors.sticky.sticky_assignor.StickyPartitionAssignor",
}
_NO_QUEUE = "the client has no queue of messages: it holds one response a partition"
_ONE_PAUSE = "the client pauses by retry_backoff, always the same"
AIOKAFKA_LACKS = {
    "group_remote_assignor": "the client has the classic protocol only",
    "message_max_bytes": "the client has no such limit",
    "receive_message_max_bytes": "the client has no such limit",
    "queued_min_messages": _NO_QUEUE,
    "queued_max_bytes": _NO_QUEUE,
    "fetch_queue_backoff_ms": _NO_QUEUE,
    "retry_backoff_max_ms": _ONE_PAUSE,
    "reconnect_backoff_ms": _ONE_PAUSE,
    "reconnect_backoff_max_ms": _ONE_PAUSE,
    "receive_buffer_bytes": "the client leaves the buffer to the system",
    "statistics_interval_ms": "the client reports no statistics",
    "allow_auto_create_topics": "the client leaves it to the broker's auto.create.topics.enable",
}
_AIOKAFKA_SAME = (
    "max_poll_records",
    "session_timeout_ms",
    "heartbeat_interval_ms",
    "max_poll_interval_ms",
    "rebalance_timeout_ms",
    "fetch_min_bytes",
    "fetch_max_wait_ms",
    "fetch_max_bytes",
    "max_partition_fetch_bytes",
    "request_timeout_ms",
    "retry_backoff_ms",
    "client_rack",
    "check_crcs",
    "metadata_max_age_ms",
)
# Set to this, they only say that something is not wanted, which a client without it does not do either.
_OFF = {"statistics_interval_ms": 0, "receive_buffer_bytes": 0}


_ENVIRONMENTS = (
    "ssl_",
    "sasl_",
    "security_",
    "https_",
    "bootstrap_",
    "metadata_broker_list",
    "enable_ssl_",
    "enable_sasl_",
    "oauthbearer_",
)


@dataclass(frozen=True)
class Note:
    """A setting that did not go straight through."""

    key: str
    loss: str
    """`dropped` or `substituted`."""
    text: str


@dataclass
class Lowered:
    """What the client is given."""

    consumer: dict[str, Json] = field(default_factory=dict)
    topics: list[str] = field(default_factory=list)
    loader: dict[str, Json] = field(default_factory=dict)
    """What this package honours, since the client can't."""
    notes: list[Note] = field(default_factory=list)


def lower(settings: Settings) -> Lowered:
    """The settings for the client that they declare.

    Raises BadRow where that is no client of Python's.
    """
    for key in settings.raw.get(settings.client, {}):
        if key.replace(".", "_").startswith(_ENVIRONMENTS):
            raise BadRow(
                settings.service_name,
                f"raw.{settings.client}.{key}",
                "where the cluster is and how one logs in comes from the environment, never from the table",
                "Take it out of the profile and set KAFKA_BOOTSTRAP_SERVERS, KAFKA_SECURITY_PROTOCOL, KAFKA_SASL_… instead",
            )
    if settings.client == "aiokafka":
        return lower_to_aiokafka(settings)
    if settings.client == "librdkafka":
        from .librdkafka import lower_to_librdkafka

        return lower_to_librdkafka(settings)
    raise BadRow(
        settings.service_name,
        "client",
        f"its profile declares {settings.client}, which is no client of Python's: its settings mean something else here",
        'Set client = "aiokafka" (or "librdkafka") in its profile, or run the service with what it declares',
    )


def lower_to_aiokafka(settings: Settings) -> Lowered:
    """Keyword arguments of AIOKafkaConsumer; assignors are still dotted paths of classes."""
    out = Lowered(topics=list(settings.topics))
    given, consumer = settings.consumer, out.consumer
    consumer["group_id"] = settings.group
    if settings.instance_id is not None and "${" not in settings.instance_id:
        consumer["group_instance_id"] = settings.instance_id
    if settings.group_protocol == "consumer":
        out.notes.append(Note("group_protocol", "dropped", "the client has the classic protocol only"))
    for key in _AIOKAFKA_SAME:
        if key in given:
            consumer[key] = given[key]
    _assignors(given, out)
    reset = given.get("auto_offset_reset")
    if reset is not None:
        if reset not in ("earliest", "latest", "none"):
            text = "the client can't look back by time: it starts at the oldest record, which skips nothing"
            out.notes.append(Note("auto_offset_reset", "substituted", text))
            reset = "earliest"
        consumer["auto_offset_reset"] = reset
    if "connections_max_idle_ms" in given:
        consumer["connections_max_idle_ms"] = given["connections_max_idle_ms"] or None
    timer = settings.delivery.commit == "interval"
    consumer["enable_auto_commit"] = timer
    if timer:
        consumer["auto_commit_interval_ms"] = commit_interval(settings)
    consumer["isolation_level"] = settings.delivery.isolation.replace("-", "_")
    for key, why in AIOKAFKA_LACKS.items():
        if key in given and given[key] != _OFF.get(key):
            out.notes.append(Note(key, "dropped", why))
    consumer.update(settings.raw.get("aiokafka", {}))
    return out


def _assignors(given: Mapping[str, Json], out: Lowered) -> None:
    declared = given.get("partition_assignment_strategy", [])
    classes: list[str] = []
    for name in declared:
        path = _AIOKAFKA_ASSIGNORS["sticky" if name == "cooperative-sticky" else name]
        if path not in classes:
            classes.append(path)
    if "cooperative-sticky" in declared:
        text = "the client has no cooperative-sticky: sticky stands for it, as sticky but eager"
        out.notes.append(Note("partition_assignment_strategy", "substituted", text))
    if classes:
        out.consumer["partition_assignment_strategy"] = classes


def commit_interval(settings: Settings) -> int:
    """Milliseconds between commits by the timer. Zero is no interval in any client, and means "off" in some."""
    return min(max(settings.delivery.commit_interval_ms, 1), 86_400_000)


def with_classes(consumer: Mapping[str, Json]) -> dict[str, Json]:
    """The keyword arguments with assignors' paths replaced by their classes."""
    arguments = dict(consumer)
    paths = arguments.get("partition_assignment_strategy")
    if paths is not None:
        arguments["partition_assignment_strategy"] = [_imported(path) for path in paths]
    return arguments


def _imported(path: str) -> type:
    module, _, name = path.rpartition(".")
    found: type = getattr(importlib.import_module(module), name)
    return found
