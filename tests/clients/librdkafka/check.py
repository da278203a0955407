"""Creates a real librdkafka consumer from each properties file and reads back what it made of it.

usage: check.py FILE...      prints `pass<TAB>file` or `fail<TAB>file<TAB>reason` a file
"""

import logging
import re
import sys

import confluent_kafka

BOOTSTRAP = "127.0.0.1:9"

# librdkafka logs a property under its own name, whichever of its names was used.
ALIASES = {
    "max.partition.fetch.bytes": "fetch.message.max.bytes",
    "max.in.flight": "max.in.flight.requests.per.connection",
    "sasl.mechanism": "sasl.mechanisms",
}
SPELLINGS = {"earliest": "smallest", "beginning": "smallest", "latest": "largest", "end": "largest"}
SETTING = re.compile(r"^CONF .*\]:   ([a-z][a-z0-9._]*) = (.*)$")


class Lines(logging.Handler):
    def __init__(self):
        super().__init__()
        self.lines = []

    def emit(self, record):
        self.lines.append((record.levelno, record.getMessage()))


def read(path):
    """The file as it is: a line that is neither a setting, a comment nor empty is an error, and so is a repeated key."""
    settings = {}
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            line = line.rstrip("\n")
            if not line.strip() or line.startswith("#"):
                continue
            key, equals, value = line.partition("=")
            if not equals or key != key.strip():
                raise ValueError(f"line {number} is not key=value: {line!r}")
            if ALIASES.get(key, key) in {ALIASES.get(other, other) for other in settings}:
                # Rust's client keeps settings in a hash map: which of two aliases wins is undefined.
                raise ValueError(f"line {number} sets {key} a second time")
            settings[key] = value
    if not settings.get("group.id"):
        # Must be caught here: the Python binding aborts the whole process on an empty one.
        raise ValueError("group.id is missing or empty")
    return settings


def create(settings, name):
    """A consumer made and closed; everything that librdkafka logged meanwhile."""
    log = logging.getLogger(name)
    log.propagate = False
    log.setLevel(logging.DEBUG)
    handler = Lines()
    log.addHandler(handler)
    extra = {"bootstrap.servers": BOOTSTRAP, "debug": "conf"}
    consumer = confluent_kafka.Consumer({**settings, **extra}, logger=log)
    try:
        # Log lines wait in a queue that only poll serves.
        for _ in range(3):
            consumer.poll(0.02)
    finally:
        consumer.close()
    return handler.lines


def complaints(settings, lines):
    effective = {}
    for level, line in lines:
        setting = SETTING.match(line)
        if setting:
            effective[setting[1]] = setting[2]
        elif level >= logging.WARNING and BOOTSTRAP not in line and "brokers are down" not in line:
            yield line
    if not effective:
        yield "librdkafka did not log its configuration, so nothing could be read back"
        return
    for key, given in settings.items():
        got = effective.get(ALIASES.get(key, key))
        wanted = SPELLINGS.get(given, given) if key == "auto.offset.reset" else given
        if got is None:
            yield f"{key} was given but is not in effect"
        elif got != wanted:
            yield f"{key}: {given} was given, {got} is in effect"


def check(path):
    try:
        settings = read(path)
        return list(complaints(settings, create(settings, path)))
    except (ValueError, TypeError, OSError, confluent_kafka.KafkaException) as error:
        return [str(error)]


for file in sys.argv[1:]:
    found = "; ".join(" ".join(text.split()) for text in check(file))
    print(f"fail\t{file}\t{found}" if found else f"pass\t{file}", flush=True)
