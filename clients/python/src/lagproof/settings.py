"""A row's settings as data: what `lagproof.read_config_v1()` answers."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from .errors import BadRow

Commit = Literal["after-batch", "after-record", "on-receipt", "interval"]
Handler = Literal["inline", "thread", "event-loop"]
Json = Any

COMMITS: tuple[str, ...] = ("after-batch", "after-record", "on-receipt", "interval")
HANDLERS: tuple[str, ...] = ("inline", "thread", "event-loop")
CLIENTS: tuple[str, ...] = ("librdkafka", "java", "aiokafka", "kafkajs", "confluent-javascript")
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


@dataclass(frozen=True)
class Retry:
    """What happens to records that fail."""

    attempts: int
    """Tries in all, the first among them."""
    backoff_ms: float
    """The pause before the second try; it doubles."""
    dead_letter: str | None = None
    """The topic where a record goes after the last."""


@dataclass(frozen=True)
class Delivery:
    """When offsets are committed, and what happens to records that fail."""

    commit: Commit = "interval"
    commit_interval_ms: int = 5000
    isolation: str = "read-uncommitted"
    retry: Retry | None = None


@dataclass(frozen=True)
class Settings:
    """Everything that a running service needs. Times in milliseconds, sizes in bytes."""

    service_name: str
    client: str
    group: str
    topics: tuple[str, ...]
    consumer: Mapping[str, Json]
    """By the row's column names; what is absent is left to the client."""
    delivery: Delivery = field(default_factory=Delivery)
    concurrency: int | None = 1
    """Records at once; None is unbounded."""
    handler: Handler = "inline"
    group_protocol: str = "classic"
    instance_id: str | None = None
    """As declared, its variables not put in yet."""
    raw: Mapping[str, Mapping[str, Json]] = field(default_factory=dict)
    """Settings under the clients' own names, by client."""
    document: Mapping[str, Json] = field(default_factory=dict, compare=False, repr=False)
    """The whole document as read."""

    @property
    def max_poll_records(self) -> int:
        """Most records in one batch."""
        return int(self.consumer.get("max_poll_records", 500))

    @property
    def max_poll_interval_ms(self) -> int:
        """Longest time between two polls."""
        return int(self.consumer.get("max_poll_interval_ms", 300_000))


@dataclass(frozen=True)
class Config:
    """A service's row at one moment."""

    settings: Settings
    version: int | None
    """The profile's version; None: the row has no profile."""
    generation: int
    """Grows with every change of any row."""
    etag: str
    """Differs where anything differs."""
    from_file: str | None = None
    """The last-good file that it comes from, where the database was away."""

    @property
    def service_name(self) -> str:
        """The service."""
        return self.settings.service_name

    @property
    def max_poll_records(self) -> int:
        """Most records in one batch."""
        return self.settings.max_poll_records


def expand(text: str, service_name: str, environment: Mapping[str, str] | None = None) -> str:
    """Puts environment variables in: `${POD_NAME}`.

    Raises BadRow where one is not set: an id without it would be the same for every replica.
    """
    variables = os.environ if environment is None else environment

    def value(match: re.Match[str]) -> str:
        found = variables.get(match[1])
        if not found:
            raise BadRow(
                service_name,
                "instance_id",
                f"{text!r} needs the environment variable {match[1]}, which is not set",
                "Set it to something that differs a replica, such as the pod's name",
            )
        return found

    return _VARIABLE.sub(value, text)


def read_settings(service_name: str, document: Json) -> Settings:
    """A settings document as data. Keys that this version does not know are kept and do nothing.

    Raises BadRow with the key that is wrong.
    """
    if isinstance(document, str):
        document = json.loads(document)
    whole = _Reader(service_name, "settings", document)
    consumer = whole.section("consumer")
    # Rows that older scripts wrote may have consumer settings beside the other keys.
    flat = {key: value for key, value in whole.data.items() if key in _CONSUMER_KEYS and value is not None}
    delivery = _delivery(whole.section("delivery"), consumer.data)
    concurrency = whole.data.get("concurrency", 1)
    bounded = None if concurrency == "unbounded" else whole.integer("concurrency", 1, least=1)
    settings = Settings(
        service_name=service_name,
        client=whole.text("client", "aiokafka") or "aiokafka",
        group=whole.text("group", None) or whole.wrong("group", "is missing", "Every consumer needs a group"),
        topics=tuple(whole.texts("topics")),
        consumer=_consumer(service_name, {**flat, **consumer.data}),
        delivery=delivery,
        concurrency=bounded,
        handler=whole.word("handler", HANDLERS, "inline"),  # type: ignore[arg-type]
        group_protocol=whole.word("group_protocol", ("classic", "consumer"), "classic"),
        instance_id=whole.text("instance_id", None),
        raw={client: dict(keys) for client, keys in whole.section("raw").data.items() if isinstance(keys, dict)},
        document=whole.data,
    )
    if settings.client not in CLIENTS:
        whole.wrong(
            "client", f"{settings.client!r} is no client that is known", f"It must be one of {', '.join(CLIENTS)}"
        )
    return settings


_NUMBERS: dict[str, int] = {
    "max_poll_records": 1,
    "session_timeout_ms": 1,
    "heartbeat_interval_ms": 1,
    "max_poll_interval_ms": 1,
    "rebalance_timeout_ms": 1,
    "fetch_min_bytes": 1,
    "fetch_max_wait_ms": 0,
    "fetch_max_bytes": 1,
    "max_partition_fetch_bytes": 1,
    "message_max_bytes": 1,
    "receive_message_max_bytes": 1,
    "queued_min_messages": 1,
    "queued_max_bytes": 1,
    "fetch_queue_backoff_ms": 0,
    "request_timeout_ms": 1,
    "retry_backoff_ms": 1,
    "retry_backoff_max_ms": 1,
    "reconnect_backoff_ms": 0,
    "reconnect_backoff_max_ms": 0,
    "connections_max_idle_ms": 0,
    "receive_buffer_bytes": 0,
    "statistics_interval_ms": 0,
    "metadata_max_age_ms": 1,
}
_SWITCHES = ("check_crcs", "allow_auto_create_topics")
_TEXTS = ("auto_offset_reset", "group_remote_assignor", "client_rack")
_CONSUMER_KEYS = {*_NUMBERS, *_SWITCHES, *_TEXTS, "partition_assignment_strategy"}
_ASSIGNORS = ("range", "roundrobin", "sticky", "cooperative-sticky")


def _consumer(service_name: str, data: Mapping[str, Json]) -> dict[str, Json]:
    reader = _Reader(service_name, "consumer", data)
    consumer = {key: value for key, value in data.items() if value is not None}
    for key, least in _NUMBERS.items():
        if key in consumer:
            reader.integer(key, 0, least=least)
    for key in _SWITCHES:
        if key in consumer and not isinstance(consumer[key], bool):
            reader.wrong(key, f"{consumer[key]!r} is neither true nor false", "Write true or false")
    for key in _TEXTS:
        if key in consumer:
            reader.text(key, None)
    reset = consumer.get("auto_offset_reset")
    if reset is not None and reset not in ("earliest", "latest", "none") and not reset.startswith("by_duration:"):
        # aiokafka would warn and stop at the first partition without an offset.
        reader.wrong("auto_offset_reset", f"{reset!r} is unknown", "It must be earliest, latest or none")
    if "partition_assignment_strategy" in consumer:
        names = consumer["partition_assignment_strategy"]
        if isinstance(names, str):
            names = [name.strip() for name in names.split(",") if name.strip()]
        if not isinstance(names, list) or not names or any(name not in _ASSIGNORS for name in names):
            reader.wrong(
                "partition_assignment_strategy",
                f"{names!r} names an assignor that is unknown",
                f"It must be of {', '.join(_ASSIGNORS)}",
            )
        consumer["partition_assignment_strategy"] = names
    return consumer


def _delivery(reader: _Reader, consumer: Mapping[str, Json]) -> Delivery:
    retry: Retry | None = None
    if reader.data.get("retry") is not None:
        section = reader.section("retry")
        retry = Retry(
            attempts=section.integer("attempts", 1, least=1),
            backoff_ms=section.number("backoff_ms", 0.0),
            dead_letter=section.text("dead_letter", None),
        )
    return Delivery(
        commit=reader.word("commit", COMMITS, "interval"),  # type: ignore[arg-type]
        commit_interval_ms=reader.integer("commit_interval_ms", 5000, least=0),
        isolation=reader.word("isolation", ("read-committed", "read-uncommitted"), "read-uncommitted"),
        retry=retry,
    )


class _Reader:
    """A part of the document, and how to complain about it."""

    def __init__(self, service_name: str, where: str, data: Json) -> None:
        self.service_name = service_name
        self.where = where
        if not isinstance(data, Mapping):
            self.data: Mapping[str, Json] = {}
            self.wrong("", f"{data!r} is no object", "")
        self.data = data

    def wrong(self, key: str, problem: str, fix: str) -> Any:
        place = ".".join(part for part in (self.where, key) if part)
        raise BadRow(
            self.service_name,
            place,
            problem,
            f"{fix}. Mend it in the profile or with an UPDATE of pipeline_consumer_configs".lstrip(". "),
        )

    def section(self, key: str) -> _Reader:
        return _Reader(self.service_name, key, self.data.get(key) or {})

    def integer(self, key: str, default: int, least: int) -> int:
        value = self.data.get(key)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            self.wrong(key, f"{value!r} is no whole number from {least} on", "Choose one")
        return int(value)

    def number(self, key: str, default: float) -> float:
        value = self.data.get(key)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, (int, float)) or value < 0:
            self.wrong(key, f"{value!r} is no number from 0 on", "Choose one")
        return float(value)

    def text(self, key: str, default: str | None) -> str | None:
        value = self.data.get(key)
        if value is None:
            return default
        if not isinstance(value, str) or not value:
            self.wrong(key, f"{value!r} is no text", "Write a name")
        return str(value)

    def texts(self, key: str) -> list[str]:
        value = self.data.get(key) or []
        if not isinstance(value, list) or any(not isinstance(one, str) or not one for one in value):
            self.wrong(key, f"{value!r} is no list of names", "Write a list of names")
        return list(value)

    def word(self, key: str, words: tuple[str, ...], default: str) -> str:
        value = self.data.get(key)
        if value is None:
            return default
        if value not in words:
            self.wrong(key, f"{value!r} is unknown", f"It must be one of {', '.join(words)}")
        return str(value)
