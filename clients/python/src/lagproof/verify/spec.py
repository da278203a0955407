"""A worker's spec as this package's settings, and what a record costs."""

from __future__ import annotations

import math
import ssl
import statistics
from typing import Any

from ..lowering import with_classes
from ..settings import Config, Delivery, Retry, Settings
from .protocol import SLOW, Header, fraction, split_mix

_WORDS = {"true": True, "false": False, "none": None, "null": None, "": None}
_TEXTS = ("group_id", "group_instance_id", "client_id", "client_rack", "bootstrap_servers")
# What the harness adds to the compiled properties, under librdkafka's names: where the cluster is and how to log in.
_CONNECTION = {
    "bootstrap.servers": "bootstrap_servers",
    "client.id": "client_id",
    "group.id": "group_id",
    "group.instance.id": "group_instance_id",
    "security.protocol": "security_protocol",
    "sasl.mechanism": "sasl_mechanism",
    "sasl.mechanisms": "sasl_mechanism",
    "sasl.username": "sasl_plain_username",
    "sasl.password": "sasl_plain_password",
}
_SPEC = [
    "protocol",
    "run",
    "tag",
    "service",
    "replica",
    "properties",
    "topics",
    "max_poll_records",
    "work",
    "delivery",
    "per_record_factor",
    "seed",
    "ticks",
]
_WORK = ["per_record", "per_batch_us", "concurrency", "handler", "cpu_share", "slow_us", "stalls_us"]


def check(spec: dict[str, Any]) -> None:
    """Raises ValueError where the spec is for another client, or asks for what this worker does not know."""
    if spec.get("sections") or "group_id" not in spec["properties"]:
        raise ValueError(
            "the service declares another client: its properties are not aiokafka's, the only client of this worker. "
            "--worker 'aiokafka=python -m lagproof.worker' gives it the services that declare aiokafka"
        )
    for where, known in ((spec, _SPEC), (spec["work"], _WORK), (spec["delivery"], ["commit", "retry"])):
        unknown = sorted(set(where) - set(known))
        if unknown:
            raise ValueError(
                f"the spec has {', '.join(unknown)}, which this worker does not know: it is too old for it"
            )


def arguments(properties: dict[str, str]) -> dict[str, Any]:
    """Keyword arguments of aiokafka from the text that crosses between processes."""
    found: dict[str, Any] = {}
    for name, text in properties.items():
        if name == "ssl.ca.location":
            found["ssl_context"] = ssl.create_default_context(cafile=text)
            continue
        key = _CONNECTION.get(name, name)
        if "." in key:
            continue  # librdkafka's own way to connect, such as its backoff: aiokafka has none
        if key == "partition_assignment_strategy":
            found[key] = [path.strip() for path in text.split(",")]
        elif key in _TEXTS or key.startswith("sasl_"):
            found[key] = text
        elif key == "security_protocol":
            found[key] = text.upper()
        elif text.lower() in _WORDS:
            found[key] = _WORDS[text.lower()]
        else:
            found[key] = int(text) if text.lstrip("-").isdigit() else text
    if found.get("security_protocol", "").endswith("SSL"):
        found.setdefault("ssl_context", ssl.create_default_context())
    return with_classes(found)


def config(spec: dict[str, Any]) -> Config:
    """What the base consumer runs with."""
    retry = spec["delivery"]["retry"]
    concurrency = spec["work"]["concurrency"]
    given = arguments(spec["properties"])
    settings = Settings(
        service_name=spec["service"],
        client="aiokafka",
        group=str(given.get("group_id", "")),
        topics=tuple(spec["topics"]),
        consumer={
            "max_poll_records": spec["max_poll_records"],
            **{
                key: given[key]
                for key in ("max_poll_interval_ms", "session_timeout_ms", "rebalance_timeout_ms")
                if given.get(key)
            },
        },
        delivery=Delivery(
            commit=spec["delivery"]["commit"],
            retry=Retry(retry["attempts"], retry["backoff_us"] / 1000, retry["dead_letter"]) if retry else None,
        ),
        # What is unbounded is handed over at once and handled one by one behind that: the worker's own queue.
        concurrency=concurrency["bounded"] if isinstance(concurrency, dict) else None,
    )
    return Config(settings=settings, version=None, generation=0, etag="")


def cost_seconds(spec: dict[str, Any], record: Any, header: Header) -> float:
    """What a record costs: the same on both sides, whoever gets it, drawn from the seed and its stream and number."""
    work = spec["work"]
    if header.flags & SLOW:
        return float(work["slow_us"]) / 1e6
    cost = work["per_record"]
    if cost["kind"] == "constant":
        return float(cost["us"]) / 1e6
    bits = spec["seed"]
    for part in (spec["topics"].index(record.topic), record.partition, header.shard, header.sequence):
        bits = split_mix(bits ^ part)
    z = statistics.NormalDist().inv_cdf(min(max(fraction(bits), 1e-16), 1 - 1e-16))
    seconds = math.exp(cost["mu"] + cost["sigma"] * z)
    return float(min(seconds, cost["max"] or seconds))
