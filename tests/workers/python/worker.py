"""A worker for `lagproof verify` in Python, on confluent-kafka: docs/worker-protocol.md, as short as it goes.

One record after the other in the thread that polls; every way to commit; no retries and dead letters. A real
service would call its own handler where `handle` sleeps.
"""

import json
import math
import resource
import signal
import statistics
import struct
import sys
import threading
import time

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition, libversion
from hdrh.histogram import HdrHistogram

PROTOCOL = 1
MASK = (1 << 64) - 1
HEADER = struct.Struct(">3sBIIQqIQ")  # magic, flags, run, shard, sequence, due, key, key sequence
POISON, SLOW, NO_KEY = 1, 2, 0xFFFFFFFF


def now_us():
    return time.time_ns() // 1000


def split_mix(state):
    z = (state + 0x9E3779B97F4A7C15) & MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


def fraction(bits):
    return (bits >> 11) / (1 << 53)


def tick_at(ticks, k):
    jitter = (fraction(split_mix((ticks["seed"] + k) & MASK)) * 2 - 1) * ticks["jitter_ms"] * 1000
    return ticks["start_us"] + k * ticks["every_ms"] * 1000 + int(jitter)


class Numbers:
    """A set of numbers as intervals, nearly always added to at its end."""

    def __init__(self):
        self.intervals = []

    def add(self, number):
        """Says whether it was new."""
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
                return True
        if self.intervals and self.intervals[0][0] == number + 1:
            self.intervals[0][0] = number
        else:
            self.intervals.insert(0, [number, number + 1])
        return True


def histogram():
    return HdrHistogram(1, 24 * 3600 * 1_000_000, 3)


class Worker:
    def __init__(self, spec):
        self.spec = spec
        self.stop = threading.Event()
        self.done = threading.Event()
        self.lock = threading.Lock()  # of everything below
        self.output = threading.Lock()
        self.positions = {}
        self.ever, self.since_tick, self.keys = {}, {}, {}
        self.errors = {}
        self.in_hand = 0
        start = spec["ticks"]["start_us"]
        self.stalls = [(start + begin, start + end) for begin, end in spec["work"]["stalls_us"]]
        self.fresh()

    def fresh(self):
        names = "records bytes repeated reordered foreign failed dead_letters batches longest_poll_gap_us"
        self.counters = dict.fromkeys(names.split(), 0)
        self.latency = histogram()

    # -- lines

    def line(self, **line):
        with self.output:
            try:
                sys.stdout.write(json.dumps(line) + "\n")
                sys.stdout.flush()
            except BrokenPipeError:
                self.stop.set()

    def note(self, error):
        with self.lock:
            message, times = self.errors.get(error.name(), (error.str(), 0))
            self.errors[error.name()] = (message, times + 1)

    def tick(self, number):
        usage = resource.getrusage(resource.RUSAGE_SELF)
        with self.lock:
            at_us = now_us()
            processed = [
                {"topic": topic, "partition": partition, "shard": shard, "from": start, "to": end}
                for (topic, partition, shard), numbers in self.since_tick.items()
                for start, end in numbers.intervals
            ]
            positions = [
                {"topic": topic, "partition": partition, **position}
                for (topic, partition), position in self.positions.items()
            ]
            counters, latency, in_hand, errors = self.counters, self.latency, self.in_hand, self.errors
            self.since_tick, self.errors = {}, {}
            self.fresh()
        for code, (message, times) in errors.items():
            self.line(line="error", at_us=at_us, code=code, message=message, times=times)
        encoded = latency.encode().decode() if latency.get_total_count() else ""
        with open("/proc/self/statm") as statm:
            resident = int(statm.read().split()[1]) * resource.getpagesize()
        self.line(
            line="tick", at_us=at_us, tick=number, positions=positions, processed=processed, in_hand=in_hand,
            latency=encoded, resident_bytes=resident, cpu_seconds=usage.ru_utime + usage.ru_stime,
            cpu_wait_seconds=None, **counters,
        )

    def sample(self):
        """In a thread of its own: ticks do not wait for the handler."""
        number = 0
        while tick_at(self.spec["ticks"], number) <= now_us():
            number += 1
        while not self.done.wait(max(0, tick_at(self.spec["ticks"], number) - now_us()) / 1e6):
            self.tick(number)
            number += 1
        self.tick(number)

    # -- partitions

    def assigned(self, _, partitions):
        with self.lock:
            for partition in partitions:
                empty = {"processed": None, "polled": None, "committed": None}
                self.positions[(partition.topic, partition.partition)] = empty
        self.line(line="assigned", at_us=now_us(), partitions=[[p.topic, p.partition] for p in partitions])

    def gone(self, line):
        def callback(_, partitions):
            with self.lock:
                for partition in partitions:
                    self.positions.pop((partition.topic, partition.partition), None)
            self.line(line=line, at_us=now_us(), partitions=[[p.topic, p.partition] for p in partitions])

        return callback

    def committed(self, _, partitions):
        """Of commits by the client's own clock."""
        with self.lock:
            for partition in partitions:
                position = self.positions.get((partition.topic, partition.partition))
                if position and partition.offset >= 0 and not partition.error:
                    position["committed"] = partition.offset

    def commit(self, consumer, which):
        with self.lock:
            offsets = [
                TopicPartition(topic, partition, position[which])
                for (topic, partition), position in self.positions.items()
                if position[which] is not None and position[which] != position["committed"]
            ]
        if not offsets:
            return
        try:
            self.committed(None, consumer.commit(offsets=offsets, asynchronous=False))
        except KafkaException as error:
            self.note(error.args[0])

    # -- records

    def cost_us(self, message, header):
        work = self.spec["work"]
        if header[1] & SLOW:
            return work["slow_us"]
        cost = work["per_record"]
        if cost["kind"] == "constant":
            return cost["us"]
        bits = self.spec["seed"]
        for part in (self.spec["topics"].index(message.topic()), message.partition(), header[3], header[4]):
            bits = split_mix(bits ^ part)
        z = statistics.NormalDist().inv_cdf(min(max(fraction(bits), 1e-16), 1 - 1e-16))
        seconds = math.exp(cost["mu"] + cost["sigma"] * z)
        return min(seconds, cost["max"] or seconds) * 1e6

    def handle(self, message):
        """Processes a record; false where the process is to end first."""
        value = message.value() or b""
        header = HEADER.unpack_from(value) if len(value) >= HEADER.size else None
        ours = header is not None and header[0] == b"LGP" and header[2] == self.spec["tag"]
        if ours and self.stop.wait(self.cost_us(message, header) / 1e6):
            return False
        while ends := [end for start, end in self.stalls if start <= now_us() < end]:
            if self.stop.wait(max(0, max(ends) - now_us()) / 1e6):
                return False
        place = (message.topic(), message.partition())
        with self.lock:
            self.in_hand -= 1
            if place in self.positions:
                self.positions[place]["processed"] = message.offset() + 1
            if not ours:
                self.counters["foreign"] += 1
                return True
            _, flags, _, shard, sequence, due_us, key, key_sequence = header
            self.counters["records"] += 1
            self.counters["bytes"] += len(value)
            self.counters["failed"] += bool(flags & POISON)
            self.latency.record_value(max(0, now_us() - due_us))
            stream = (*place, shard)
            if not self.ever.setdefault(stream, Numbers()).add(sequence):
                self.counters["repeated"] += 1
                return True
            self.since_tick.setdefault(stream, Numbers()).add(sequence)
            if key != NO_KEY:
                of_key = (message.topic(), shard, key)
                self.counters["reordered"] += key_sequence < self.keys.get(of_key, 0)
                self.keys[of_key] = max(self.keys.get(of_key, 0), key_sequence + 1)
        return True

    def batch(self, consumer):
        """One poll that waits, then what is there already: a call for N records would wait for N or its timeout."""
        messages, wait = [], 0.1
        while len(messages) < self.spec["max_poll_records"]:
            message = consumer.poll(wait)
            if message is None:
                break
            wait = 0
            if message.error() is None:
                messages.append(message)
            elif message.error().code() != KafkaError._PARTITION_EOF:
                self.note(message.error())
        with self.lock:
            held = [message for message in messages if (message.topic(), message.partition()) in self.positions]
            for message in held:
                self.positions[(message.topic(), message.partition())]["polled"] = message.offset() + 1
            self.in_hand += len(held)
            self.counters["batches"] += bool(held)
        return held

    def consume(self, consumer):
        commit = self.spec["delivery"]["commit"]
        polled = time.monotonic()
        while not self.stop.is_set():
            with self.lock:
                gap = int((time.monotonic() - polled) * 1e6)
                self.counters["longest_poll_gap_us"] = max(self.counters["longest_poll_gap_us"], gap)
            messages = self.batch(consumer)
            polled = time.monotonic()
            if commit == "on-receipt":
                self.commit(consumer, "polled")
            if messages and self.stop.wait(self.spec["work"]["per_batch_us"] / 1e6):
                return
            for message in messages:
                if not self.handle(message):
                    return
                if commit == "after-record":
                    self.commit(consumer, "processed")
            if commit == "after-batch":
                self.commit(consumer, "processed")

    def obey(self):
        """Commands, until the input ends, which means the same."""
        for line in sys.stdin:
            told = json.loads(line)
            if told.get("command") == "stop":
                break
            if told.get("command") == "stall":
                self.stalls.append((told["from_us"], told["to_us"]))
                self.line(line="stall", at_us=now_us(), from_us=told["from_us"], to_us=told["to_us"])
        self.stop.set()

    def run(self):
        properties = {**self.spec["properties"], "error_cb": self.note, "on_commit": lambda e, p: self.committed(e, p)}
        consumer = Consumer(properties)
        client = f"confluent-kafka (librdkafka {libversion()[0]})"
        self.line(line="ready", at_us=now_us(), protocol=PROTOCOL, client=client)
        consumer.subscribe(
            self.spec["topics"], on_assign=self.assigned, on_revoke=self.gone("revoked"), on_lost=self.gone("lost")
        )
        signal.signal(signal.SIGTERM, lambda *_: self.stop.set())
        threading.Thread(target=self.obey, daemon=True).start()
        sampler = threading.Thread(target=self.sample)
        sampler.start()
        try:
            self.consume(consumer)
            if self.spec["delivery"]["commit"] in ("after-batch", "after-record"):
                self.commit(consumer, "processed")
        finally:
            self.done.set()
            sampler.join()
            consumer.close()


def main():
    line = sys.stdin.readline()
    try:
        spec = json.loads(line)
        if spec["protocol"] != PROTOCOL:
            raise ValueError(f"the spec is of protocol {spec['protocol']}, this is protocol {PROTOCOL}")
        worker = Worker(spec)
        worker.run()
        end = {"reason": "stopped"}
    except Exception as error:  # whatever it is, the last line says so
        end = {"reason": "failed", "message": str(error)}
    print(json.dumps({"line": "end", "at_us": now_us(), "reason": end}), flush=True)
    sys.exit(end["reason"] != "stopped")


if __name__ == "__main__":
    main()
