"""The cases that the loaders of all languages share, made by the compiler."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lagproof.changes import changes, worst
from lagproof.errors import BadRow
from lagproof.lowering import lower, with_classes
from lagproof.settings import read_settings

CASES = Path(__file__).resolve().parents[2] / "cases"
OURS = ("aiokafka", "librdkafka")


def cases(name: str) -> list[Any]:
    document = json.loads((CASES / name).read_text())
    assert document["format"] == 1
    found = [pytest.param(case, id=case["name"]) for case in document["cases"] if case["client"] in OURS]
    assert len(found) > 30
    return found


def as_text(properties: dict[str, Any]) -> dict[str, str]:
    return {key: str(value).lower() if isinstance(value, bool) else str(value) for key, value in properties.items()}


@pytest.mark.parametrize("case", cases("lowering.json"))
def test_a_row_becomes_what_the_compiler_makes_of_it(case: dict[str, Any]) -> None:
    lowered = lower(read_settings("service", case["settings"]))
    expected = case["lowered"]["sections"]
    if case["client"] == "librdkafka":  # its properties are text: 500 and "500" are the same
        assert as_text(lowered.consumer) == as_text(expected["consumer"])
    else:
        assert lowered.consumer == expected["consumer"]
    assert {"topics": lowered.topics} == expected["subscribe"]
    assert lowered.loader == expected.get("loader", {})
    said = {(note.key, note.loss): note.text for note in lowered.notes}
    assert said == {(note["key"], note["loss"]): note["text"] for note in case["lowered"]["notes"]}


@pytest.mark.parametrize("case", [case for case in cases("lowering.json") if case.values[0]["client"] == "aiokafka"])
async def test_aiokafka_takes_every_row(case: dict[str, Any]) -> None:
    from aiokafka import AIOKafkaConsumer

    arguments = with_classes(lower(read_settings("service", case["settings"])).consumer)
    consumer = AIOKafkaConsumer(**arguments)
    for key, value in arguments.items():
        if hasattr(consumer, f"_{key}"):
            assert getattr(consumer, f"_{key}") == value
    consumer._closed = True


@pytest.mark.parametrize("case", [case for case in cases("lowering.json") if case.values[0]["client"] == "librdkafka"])
def test_librdkafka_takes_every_row(case: dict[str, Any]) -> None:
    from confluent_kafka import Consumer

    Consumer(lower(read_settings("service", case["settings"])).consumer).close()


@pytest.mark.parametrize("case", cases("changes.json"))
def test_a_change_reaches_replicas_as_the_compiler_says(case: dict[str, Any]) -> None:
    found = changes(read_settings("service", case["from"]), read_settings("service", case["to"]))
    assert {key: apply.word for key, apply in found.items()} == case["changes"]
    assert worst(found).word == case["apply"]


def test_rows_of_other_languages_clients_are_refused() -> None:
    for client in ("kafkajs", "java", "confluent-javascript"):
        settings = read_settings("service", {"client": client, "group": "g", "topics": ["t"], "consumer": {}})
        with pytest.raises(BadRow, match=f"declares {client}.*no client of Python's"):
            lower(settings)
