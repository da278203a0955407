"""Builds a real AIOKafkaConsumer from each file, starts it as far as it goes without a broker, and compares values.

usage: check.py FILE...      prints `pass<TAB>file` or `fail<TAB>file<TAB>reason` a file
"""

import asyncio
import importlib
import inspect
import json
import logging
import sys
import warnings

from aiokafka import AIOKafkaConsumer
from aiokafka.coordinator.assignors.abstract import AbstractPartitionAssignor

PATIENCE = 30  # seconds
SECTIONS = {"_generated", "notes", "consumer", "subscribe", "poll"}
PARAMETERS = inspect.signature(AIOKafkaConsumer.__init__).parameters
# Parameters whose default is None say nothing of their type.
TYPES = {
    "client_rack": str,
    "group_id": str,
    "group_instance_id": str,
    "max_poll_records": int,
    "rebalance_timeout_ms": int,
    "connections_max_idle_ms": (int, type(None)),
}
# Kept by the consumer's client, not by the consumer itself.
IN_CLIENT = {"client_id", "metadata_max_age_ms", "connections_max_idle_ms"}


def assignor(path):
    module, _, name = path.rpartition(".")
    found = getattr(importlib.import_module(module), name) if module else None
    if not (inspect.isclass(found) and issubclass(found, AbstractPartitionAssignor)):
        raise ValueError(f"partition_assignment_strategy: {path} is not an assignor class")
    return found


def arguments(consumer):
    """The keyword arguments as a reader of the file passes them; aiokafka itself checks neither names nor types early."""
    for name, value in consumer.items():
        if name not in PARAMETERS:
            continue  # the constructor's own TypeError is the text that users know
        default = PARAMETERS[name].default
        wanted = TYPES.get(name) or (list if isinstance(default, tuple) else type(default))
        if wanted is type(None):
            continue  # objects that JSON cannot hold, and parameters that only warn
        if not isinstance(value, wanted) or (isinstance(value, bool) and wanted is not bool):
            raise TypeError(f"{name}: {value!r} is not of type {getattr(wanted, '__name__', wanted)}")
    strategy = consumer.get("partition_assignment_strategy")
    if strategy is None:
        return dict(consumer)
    return {**consumer, "partition_assignment_strategy": [assignor(path) for path in strategy]}


def effective(consumer, name):
    if name == "consumer_timeout_ms":
        return consumer._consumer_timeout * 1000
    return getattr(consumer._client if name in IN_CLIENT else consumer, f"_{name}", "nothing")


async def nothing(*_args, **_kwargs):
    """Stands for the only two steps of start() that talk to a broker."""


async def construct(document):
    unknown = set(document) - SECTIONS
    if unknown:
        raise ValueError(f"unknown section: {', '.join(sorted(unknown))}")
    given = arguments(document["consumer"])
    consumer = AIOKafkaConsumer(bootstrap_servers="127.0.0.1:9", **given)
    try:
        for name, value in given.items():
            if effective(consumer, name) != value:
                raise ValueError(f"{name}: {value!r} was given, {effective(consumer, name)!r} is in effect")
        consumer._client.bootstrap = nothing
        consumer._wait_topics = nothing
        await consumer.start()  # builds the fetcher and the coordinator, which check more than the constructor
        poll = document.get("poll", {})
        try:
            # Its arguments are checked at once; after that it waits for a subscription, which is as far as it goes here.
            await asyncio.wait_for(consumer.getmany(**poll), 0.1)
        except asyncio.TimeoutError:
            pass
    finally:
        await consumer.stop()
    await subscribe(document["subscribe"])


async def subscribe(given):
    """On a consumer of its own that never starts: a started one would look for its group's coordinator until it is found."""
    consumer = AIOKafkaConsumer(bootstrap_servers="127.0.0.1:9", group_id="subscribes")
    try:
        consumer.subscribe(**given)
    finally:
        await consumer.stop()


class Lines(logging.Handler):
    def __init__(self):
        super().__init__(logging.WARNING)
        self.lines = []

    def emit(self, record):
        self.lines.append(record.getMessage())


def check(path):
    handler = Lines()
    logging.getLogger().addHandler(handler)
    thrown = []
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        try:
            with open(path, encoding="utf-8") as file:
                document = json.load(file)
            asyncio.run(asyncio.wait_for(construct(document), PATIENCE))
        except Exception as error:  # whatever a client throws is its verdict
            thrown = [f"{type(error).__name__}: {error}"]
    logging.getLogger().removeHandler(handler)
    return thrown + handler.lines + [str(warning.message) for warning in warned]


for file in sys.argv[1:]:
    found = "; ".join(" ".join(text.split()) for text in check(file))
    print(f"fail\t{file}\t{found}" if found else f"pass\t{file}", flush=True)
