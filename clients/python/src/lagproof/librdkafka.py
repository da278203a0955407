"""What a row's settings become for librdkafka (confluent-kafka), as `lagproof compile` does it."""

from __future__ import annotations

from typing import Any

from .lowering import Lowered, Note, commit_interval
from .settings import Settings

Json = Any

_SAME = {
    "fetch_min_bytes": "fetch.min.bytes",
    "max_partition_fetch_bytes": "max.partition.fetch.bytes",
    "queued_min_messages": "queued.min.messages",
    "fetch_queue_backoff_ms": "fetch.queue.backoff.ms",
    "connections_max_idle_ms": "connections.max.idle.ms",
    "receive_buffer_bytes": "socket.receive.buffer.bytes",
    "client_rack": "client.rack",
    "check_crcs": "check.crcs",
    "statistics_interval_ms": "statistics.interval.ms",
    "metadata_max_age_ms": "topic.metadata.refresh.interval.ms",
    "allow_auto_create_topics": "allow.auto.create.topics",
}
_MOST_POLL_MS = 86_400_000
_MOST_SOCKET_MS = 300_000
_MESSAGE_MAX = 1_000_000
_LEAST_FETCH = 1_000
_RESPONSE_OVERHEAD = 512


def lower_to_librdkafka(settings: Settings) -> Lowered:
    """librdkafka's properties; the batch size stands under `loader`, since librdkafka has none."""
    out = Lowered(topics=list(settings.topics))
    given, consumer = settings.consumer, out.consumer
    classic = settings.group_protocol == "classic"
    consumer["group.id"] = settings.group
    if settings.instance_id is not None and "${" not in settings.instance_id:
        consumer["group.instance.id"] = settings.instance_id
    consumer["group.protocol"] = settings.group_protocol
    if "max_poll_records" in given:
        out.loader["max_poll_records"] = given["max_poll_records"]
    _coordination(settings, out, classic)
    reset = given.get("auto_offset_reset")
    if reset is not None:
        if reset == "none":
            consumer["auto.offset.reset"] = "error"
        else:
            if reset not in ("earliest", "latest"):
                text = "the client can't look back by time: it starts at the oldest record, which skips nothing"
                out.notes.append(Note("auto_offset_reset", "substituted", text))
                reset = "earliest"
            consumer["auto.offset.reset"] = reset
    _patience(settings, out)
    _sizes(settings, out)
    for key, name in _SAME.items():
        if key in given:
            consumer[name] = given[key]
    if "queued_max_bytes" in given:
        units = max(given["queued_max_bytes"] // 1000, 1)
        if units * 1000 != given["queued_max_bytes"]:
            text = f"rounded to {units * 1000} bytes: the client takes whole units of 1,000"
            out.notes.append(Note("queued_max_bytes", "substituted", text))
        consumer["queued.max.messages.kbytes"] = units
    _backoff(settings, out, "retry_backoff", "retry.backoff", (100, 1_000))
    _backoff(settings, out, "reconnect_backoff", "reconnect.backoff", (100, 10_000))
    timer = settings.delivery.commit == "interval"
    consumer["enable.auto.commit"] = timer
    if timer:
        consumer["auto.commit.interval.ms"] = commit_interval(settings)
        consumer["enable.auto.offset.store"] = True
    consumer["isolation.level"] = settings.delivery.isolation.replace("-", "_")
    consumer.update(settings.raw.get("librdkafka", {}))
    return out


def _coordination(settings: Settings, out: Lowered, classic: bool) -> None:
    given, consumer = settings.consumer, out.consumer
    if classic:
        if "session_timeout_ms" in given:
            consumer["session.timeout.ms"] = given["session_timeout_ms"]
        if "heartbeat_interval_ms" in given:
            consumer["heartbeat.interval.ms"] = given["heartbeat_interval_ms"]
    declared = given.get("max_poll_interval_ms", 300_000)
    least = given.get("session_timeout_ms", 45_000) if classic else 0
    interval = min(max(declared, least), _MOST_POLL_MS)
    if interval > declared:
        text = f"raised to {interval} ms: the client refuses one below session_timeout"
        out.notes.append(Note("max_poll_interval_ms", "substituted", text))
    consumer["max.poll.interval.ms"] = interval
    if "rebalance_timeout_ms" in given:
        text = "the client has none: the group waits for max_poll_interval"
        out.notes.append(Note("rebalance_timeout_ms", "dropped", text))
    assignors = given.get("partition_assignment_strategy", [])
    if not classic:
        if assignors:
            text = 'the broker assigns under group_protocol = "consumer": see remote_assignor'
            out.notes.append(Note("partition_assignment_strategy", "dropped", text))
        if "group_remote_assignor" in given:
            consumer["group.remote.assignor"] = given["group_remote_assignor"]
        return
    if "group_remote_assignor" in given:
        out.notes.append(Note("group_remote_assignor", "dropped", 'only group_protocol = "consumer" has it'))
    names: list[str] = []
    cooperative: bool | None = None
    for assignor in assignors:
        name = "cooperative-sticky" if assignor in ("sticky", "cooperative-sticky") else assignor
        kind = name == "cooperative-sticky"
        if cooperative is None:
            cooperative = kind
        # The first decides how the group rebalances: librdkafka refuses a list of both kinds.
        if cooperative == kind and name not in names:
            names.append(name)
    if not names:
        return
    joined = ",".join(names)
    if "sticky" in assignors:
        text = f"the client has no sticky: {joined} stands for it, as sticky but cooperative"
        out.notes.append(Note("partition_assignment_strategy", "substituted", text))
    elif len(names) < len(assignors):
        text = f"the client takes no list of eager and cooperative ones: only {joined} is left of it"
        out.notes.append(Note("partition_assignment_strategy", "substituted", text))
    consumer["partition.assignment.strategy"] = joined


def _patience(settings: Settings, out: Lowered) -> None:
    """The fetch wait and the request timeout, with the second between them without which librdkafka warns."""
    given = settings.consumer
    wait, timeout = given.get("fetch_max_wait_ms"), given.get("request_timeout_ms")
    real_wait = 500 if wait is None else wait
    real_timeout = 60_000 if timeout is None else timeout
    if real_wait + 1_000 > real_timeout:
        timeout = min(real_wait + 1_000, _MOST_SOCKET_MS)
        wait = min(real_wait, timeout - 1_000)
        if wait < real_wait:
            text = f"lowered to {wait} ms: the client waits for an answer {_MOST_SOCKET_MS} ms at most"
            out.notes.append(Note("fetch_max_wait_ms", "substituted", text))
        text = f"raised to {timeout} ms: the client wants it a second above fetch_max_wait"
        out.notes.append(Note("request_timeout_ms", "substituted", text))
    if wait is not None:
        out.consumer["fetch.wait.max.ms"] = wait
    if timeout is not None:
        out.consumer["socket.timeout.ms"] = timeout


def _sizes(settings: Settings, out: Lowered) -> None:
    """librdkafka wants message ≤ fetch, and fetch + 512 ≤ response."""
    given, consumer = settings.consumer, out.consumer
    fetch = given.get("fetch_max_bytes")
    if fetch is not None:
        if fetch < _LEAST_FETCH:
            fetch = _LEAST_FETCH
            text = f"raised to {_LEAST_FETCH} bytes, the least that the client takes"
            out.notes.append(Note("fetch_max_bytes", "substituted", text))
        consumer["fetch.max.bytes"] = fetch
    most = 52_428_800 if fetch is None else fetch
    message = given.get("message_max_bytes")
    if message is not None and message > most:
        text = f"lowered to {most} bytes, which is fetch_max: the client refuses one above it"
        out.notes.append(Note("message_max_bytes", "substituted", text))
    if message is not None or most < _MESSAGE_MAX:
        consumer["message.max.bytes"] = min(_MESSAGE_MAX if message is None else message, most)
    response = given.get("receive_message_max_bytes")
    if response is not None:
        least = most + _RESPONSE_OVERHEAD
        if response < least:
            text = f"raised to {least} bytes: the client refuses one below fetch_max + 512"
            out.notes.append(Note("receive_message_max_bytes", "substituted", text))
        consumer["receive.message.max.bytes"] = max(response, least)


def _backoff(settings: Settings, out: Lowered, key: str, name: str, defaults: tuple[int, int]) -> None:
    """A first and a longest pause, the longest not below the first; both are written, or neither."""
    first: int | None = settings.consumer.get(f"{key}_ms")
    longest: int | None = settings.consumer.get(f"{key}_max_ms")
    if first is None and longest is None:
        return
    if longest is None:
        assert first is not None
        longest = max(first, defaults[1])
    elif first is None:
        first = min(longest, defaults[0])
    elif first > longest:
        if first == defaults[0]:
            first = longest  # the client's own default: nobody chose it
        else:
            if longest != defaults[1]:
                text = f"raised to {first} ms, which is {key}: the longest pause can't be below the first"
                out.notes.append(Note(f"{key}_max_ms", "substituted", text))
            longest = first
    out.consumer[f"{name}.ms"] = first
    out.consumer[f"{name}.max.ms"] = longest
