"""The loader: the document's sample, what it refuses, and how it follows changes."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from typing import Any

import asyncpg
import pytest
from aiokafka.errors import KafkaConnectionError
from conftest import Service
from kafka import Kafka, eventually
from postgres import Postgres

import lagproof
from lagproof import last_good, security
from lagproof.consumer_config_loader import KafkaConsumerConfigLoader


async def test_the_documents_sample_runs_as_written(
    service: Service, kafka: Kafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    """But for the names of the service, the topic and the broker."""
    monkeypatch.setenv("DATABASE_URL", service.postgres.url(service.database))
    service.name = "minicpm-vision"  # of the reference project, seeded by `lagproof migrate`
    topic = await kafka.topic(2, "device.image.camera.raw")

    async def create_optimized_consumer() -> Any:
        db_pool = await asyncpg.create_pool(os.getenv("DATABASE_URL"))
        loader = KafkaConsumerConfigLoader(db_pool)

        consumer = await loader.create_consumer(
            service_name="minicpm-vision", topics=[topic], bootstrap_servers=kafka.bootstrap
        )

        return consumer, loader

    consumer, loader = await create_optimized_consumer()
    try:
        # Started and subscribed, with every setting of the row.
        assert consumer.subscription() == {topic}
        assert consumer._max_poll_records == 1
        assert consumer._session_timeout_ms == 60_000
        assert consumer._max_poll_interval_ms == 600_000
        assert consumer._fetch_max_wait_ms == 100
        assert consumer._group_id == "loom-minicpm-vision"
        assert consumer._isolation_level == "read_committed"
        assert consumer._enable_auto_commit is False
        await kafka.produce(topic, [b"one", b"two", b"three"])
        seen: list[bytes] = []
        while len(seen) < 3:
            batch = await loader.poll_with_limit(consumer, "minicpm-vision")
            records = [record for part in batch.values() for record in part]
            assert len(records) <= 1
            seen += [record.value for record in records]
            if records:
                await consumer.commit()
                await loader.record_processing_metrics("minicpm-vision", 1, processing_time_ms=5.0)
                await loader.record_consumer_lag("minicpm-vision", topic, records[0].partition, 3 - len(seen))
        assert sorted(seen) == [b"one", b"three", b"two"]
        assert await service.owner("SELECT sum(messages_processed) FROM consumer_processing_metrics") == 3
        assert await service.owner("SELECT count(*) FROM consumer_lag_history") == 3
        assert await service.owner("SELECT min(memory_usage_mb) FROM consumer_processing_metrics") > 10
        for recommendation in await loader.get_processing_recommendations():
            assert recommendation["priority"] in ("critical", "high", "medium", "low")
    finally:
        await consumer.stop()
        await loader.close()
        loader.db_pool.terminate()


async def test_recommendations_say_which_setting_from_what_to_what(service: Service) -> None:
    await service.seed(["t"], consumer={"max_poll_records": 1})
    for partition in range(3):
        for _ in range(5):
            await service.owner(f"SELECT record_consumer_lag('{service.name}', 't', {partition}, 4000)")
    loader = KafkaConsumerConfigLoader(service.pool)
    (lag,) = [one for one in await loader.get_processing_recommendations(service.name) if one["alert"] == "lag"]
    assert lag["service_name"] == service.name and lag["recommendation"]
    assert lag["priority"] in ("critical", "high")


async def test_an_unknown_service_says_which_are_known(service: Service) -> None:
    loader = KafkaConsumerConfigLoader(service.pool)
    with pytest.raises(lagproof.UnknownService) as refused:
        await loader.load_config("minicpm-visoin")
    text = str(refused.value)
    assert "did you mean 'minicpm-vision'?" in text
    assert "activity-classifier, face-emotion" in text
    assert "lagproof compile" in text


@pytest.mark.parametrize(
    "name", ["'; DROP TABLE pipeline_consumer_configs; --", "a/../../b", "größe 日本", "", "x" * 500]
)
async def test_names_are_only_names(service: Service, name: str) -> None:
    loader = KafkaConsumerConfigLoader(service.pool)
    with pytest.raises(lagproof.UnknownService):
        await loader.load_config(name)
    assert last_good.file_of(name, service.state_dir).parent == service.state_dir
    assert await service.owner("SELECT count(*) FROM pipeline_consumer_configs") == 11


async def test_a_database_without_the_schema_says_what_to_run(postgres: Postgres) -> None:
    async with asyncpg.create_pool(postgres.url(postgres.database(migrated=False)), min_size=1, max_size=2) as pool:
        loader = KafkaConsumerConfigLoader(pool)
        with pytest.raises(lagproof.NotMigrated, match="lagproof migrate"):
            await loader.load_config("x")
        with pytest.raises(lagproof.NotMigrated, match="lagproof migrate"):
            await loader.record_processing_metrics("x", 1)


async def test_a_login_without_the_role_says_which_to_grant(postgres: Postgres) -> None:
    database = postgres.database()
    postgres.psql("DROP ROLE IF EXISTS nobody_special; CREATE ROLE nobody_special LOGIN")
    async with asyncpg.create_pool(postgres.url(database, "nobody_special"), min_size=1, max_size=2) as pool:
        with pytest.raises(lagproof.NoRights, match="GRANT lagproof_service"):
            await KafkaConsumerConfigLoader(pool).load_config("minicpm-vision")


async def test_a_retired_service_is_not_started(service: Service) -> None:
    await service.seed(["t"])
    await service.owner("SELECT lagproof.retire_service_v1($1, 2)", service.name)
    with pytest.raises(lagproof.RetiredService, match="profile was removed"):
        await KafkaConsumerConfigLoader(service.pool).load_config(service.name)


async def test_topics_must_be_named_somewhere(service: Service, kafka: Kafka) -> None:
    await service.seed([])
    loader = KafkaConsumerConfigLoader(service.pool)
    with pytest.raises(lagproof.NoTopics, match="no topics"):
        await loader.create_consumer(service.name, topics=[], bootstrap_servers=kafka.bootstrap)


async def test_without_topics_it_reads_the_rows(service: Service, kafka: Kafka) -> None:
    topic = await kafka.topic(1)
    await service.seed([topic])
    async with KafkaConsumerConfigLoader(service.pool) as loader:
        consumer = await loader.create_consumer(service.name, topics=[], bootstrap_servers=kafka.bootstrap)
        assert consumer.subscription() == {topic}
        await consumer.stop()


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"client": "kafkajs"}, "declares kafkajs, which is no client of Python's"),
        ({"raw": {"aiokafka": {"sasl_plain_password": "x"}}}, "comes from the environment, never from the table"),
        ({"raw": {"aiokafka": {"no_such_thing": 1}}}, "aiokafka refuses it.*no_such_thing"),
        ({"concurrency": "many"}, "concurrency: 'many' is no whole number"),
        ({"instance_id": "svc-${NOT_SET_ANYWHERE}"}, "needs the environment variable NOT_SET_ANYWHERE"),
        ({"delivery": {"commit": "sometimes"}}, "commit: 'sometimes' is unknown.*after-batch"),
        ({"handler": "carrier-pigeon"}, "handler"),
    ],
)
async def test_rows_that_can_not_be_honoured_name_the_key(
    service: Service, kafka: Kafka, settings: dict[str, Any], says: str
) -> None:
    await service.seed(["t"], **settings)
    loader = KafkaConsumerConfigLoader(service.pool)
    with pytest.raises(lagproof.BadRow, match=says) as refused:
        await loader.create_consumer(service.name, bootstrap_servers=kafka.bootstrap)
    assert service.name in str(refused.value)


async def test_a_row_without_a_profile_is_read_from_its_columns(service: Service) -> None:
    await service.owner(
        "INSERT INTO pipeline_consumer_configs (service_name, consumer_group_id, max_poll_records, enable_auto_commit, "
        "topics) VALUES ($1, 'by-hand', 7, false, '{a,b}')",
        service.name,
    )
    config = await KafkaConsumerConfigLoader(service.pool).load_config(service.name)
    assert (config.max_poll_records, config.settings.group, config.version) == (7, "by-hand", None)
    assert config.settings.topics == ("a", "b")
    assert config.settings.client == "aiokafka"
    assert config.settings.delivery.commit == "after-batch"


async def test_no_broker_is_an_error_in_time(service: Service) -> None:
    await service.seed(["t"])
    async with KafkaConsumerConfigLoader(service.pool) as loader:
        with pytest.raises(KafkaConnectionError):
            await loader.create_consumer(service.name, bootstrap_servers="127.0.0.1:9", start_within=1)


async def test_a_change_is_in_force_at_once_with_listen(service: Service, kafka: Kafka) -> None:
    topic = await kafka.topic(1)
    await service.seed([topic], consumer={"max_poll_records": 1})
    await kafka.produce(topic, [b"x"] * 50)
    async with KafkaConsumerConfigLoader(service.pool, poll_every=3600) as loader:
        consumer = await loader.create_consumer(service.name, bootstrap_servers=kafka.bootstrap)
        try:
            batch = await loader.poll_with_limit(consumer, service.name)
            assert sum(map(len, batch.values())) == 1
            await eventually(lambda: loader._watchers[service.name].listening)
            await service.update(max_poll_records=20)
            await eventually(lambda: loader._configs[service.name].max_poll_records == 20, within=2)
            batch = await loader.poll_with_limit(consumer, service.name)
            assert sum(map(len, batch.values())) == 20
            generation = await service.owner(
                "SELECT generation FROM pipeline_consumer_configs WHERE service_name = $1", service.name
            )

            async def acknowledged() -> bool:
                found = await service.owner(
                    "SELECT generation FROM lagproof.acknowledgements WHERE service_name = $1", service.name
                )
                return bool(found == generation)

            await eventually(acknowledged)
            assert await service.owner("SELECT state FROM lagproof.instances") == "running"
        finally:
            await consumer.stop()
    assert await service.owner("SELECT state FROM lagproof.instances") == "stopped"
    assert await service.owner("SELECT count(*) FROM lagproof.acknowledgements") == 0


async def test_without_listen_it_is_in_force_within_the_polling_period(
    service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    await service.seed(["t"], consumer={"max_poll_records": 1})
    async with asyncpg.create_pool(service.postgres.url(service.database, "app"), min_size=1, max_size=1) as pool:
        async with KafkaConsumerConfigLoader(pool, poll_every=0.5) as loader:
            await loader.load_config(service.name)
            loader.watch(service.name)
            began = time.monotonic()
            await service.update(max_poll_records=9)
            await eventually(lambda: loader._configs[service.name].max_poll_records == 9, within=5)
            with capsys.disabled():
                print(
                    f"\n  a hot change, without LISTEN, polled every 0.5 s: in force after {time.monotonic() - began:.3f} s"
                )
            assert not loader._watchers[service.name].listening


async def test_an_override_that_ends_is_found_without_any_change_of_the_row(service: Service) -> None:
    await service.seed(["t"], consumer={"max_poll_records": 1})
    connection = await asyncpg.connect(service.postgres.url(service.database))
    await connection.execute("SET lagproof.until = '2 seconds'")
    await connection.execute(
        "UPDATE pipeline_consumer_configs SET max_poll_records = 9 WHERE service_name = $1", service.name
    )
    await connection.close()
    async with KafkaConsumerConfigLoader(service.pool, poll_every=0.5) as loader:
        assert (await loader.load_config(service.name)).max_poll_records == 9
        loader.watch(service.name)
        await eventually(lambda: loader._configs[service.name].max_poll_records == 1, within=10)


async def test_the_last_good_settings_start_it_while_the_database_is_down(
    service: Service, kafka: Kafka, caplog: pytest.LogCaptureFixture
) -> None:
    topic = await kafka.topic(1)
    await service.seed([topic], consumer={"max_poll_records": 3})
    first = KafkaConsumerConfigLoader(service.pool)
    await first.load_config(service.name)
    file = last_good.file_of(service.name, service.state_dir)
    assert file.stat().st_mode & 0o077 == 0
    service.postgres.crash()
    try:
        with caplog.at_level(logging.ERROR):
            async with KafkaConsumerConfigLoader(service.pool, poll_every=1) as loader:
                consumer = await loader.create_consumer(service.name, bootstrap_servers=kafka.bootstrap)
                assert consumer._max_poll_records == 3
                assert any("THE DATABASE IS AWAY" in record.message for record in caplog.records)
                file.unlink()
                with pytest.raises(lagproof.DatabaseAway, match="no last good settings"):
                    await loader.load_config(service.name)
                # It comes back, and what was changed meanwhile is taken.
                await asyncio.to_thread(service.postgres.restart)
                await service.update(max_poll_records=8)
                await eventually(lambda: loader._configs[service.name].max_poll_records == 8, within=20)
                await consumer.stop()
    finally:
        await asyncio.to_thread(service.postgres.up)


def test_last_good_files_of_another_service_or_form_are_not_used(service: Service) -> None:
    service.state_dir.mkdir()
    half = '{"format": 1, "service_name": "a", "generation": 1, "version": 1, "etag": "x"}'
    for text in ("", "{", "[]", '{"format": 2, "service_name": "a"}', '{"format": 1, "service_name": "b"}', half):
        last_good.file_of("a", service.state_dir).write_text(text)
        assert last_good.load("a", service.state_dir) is None


async def test_a_second_process_with_the_same_static_id_is_refused(service: Service, kafka: Kafka) -> None:
    topic = await kafka.topic(1)
    await service.seed([topic], instance_id="only-one")
    async with KafkaConsumerConfigLoader(service.pool) as first:
        consumer = await first.create_consumer(service.name, bootstrap_servers=kafka.bootstrap)
        second = KafkaConsumerConfigLoader(service.pool)
        with pytest.raises(lagproof.SameInstance, match="only-one"):
            await second.create_consumer(service.name, bootstrap_servers=kafka.bootstrap)
        await consumer.stop()
    # Stopped in good order, its name is free at once.
    async with KafkaConsumerConfigLoader(service.pool) as third:
        consumer = await third.create_consumer(service.name, bootstrap_servers=kafka.bootstrap)
        await consumer.stop()


@pytest.mark.parametrize(
    ("environment", "says"),
    [
        ({"KAFKA_SECURITY_PROTOCOL": "TLS"}, "it must be one of PLAINTEXT"),
        ({"KAFKA_SECURITY_PROTOCOL": "SASL_SSL"}, "KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD is not set"),
        ({"KAFKA_SASL_USERNAME": "u", "KAFKA_SASL_PASSWORD": "s3cret"}, "nothing would be logged in"),
        ({"KAFKA_SECURITY_PROTOCOL": "SSL", "KAFKA_SSL_CA": "/no/such"}, "can't be used"),
        ({"KAFKA_SSL_CERTIFICATE": "/c"}, "go together"),
        (
            {"KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT", "KAFKA_SASL_MECHANISM": "X"}
            | {"KAFKA_SASL_USERNAME": "u", "KAFKA_SASL_PASSWORD": "s3cret"},
            "must be one of PLAIN",
        ),
    ],
)
def test_security_that_contradicts_itself_is_refused_without_telling_secrets(
    environment: dict[str, str], says: str
) -> None:
    with pytest.raises(lagproof.SecurityMissing, match=says) as refused:
        security.for_aiokafka(environment)
    assert "s3cret" not in str(refused.value)


def test_security_comes_from_the_environment() -> None:
    environment = {
        "KAFKA_SECURITY_PROTOCOL": "sasl_ssl",
        "KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
        "KAFKA_SASL_USERNAME": "u",
        "KAFKA_SASL_PASSWORD": "p",
    }
    arguments = security.for_aiokafka(environment)
    assert arguments["security_protocol"] == "SASL_SSL" and arguments["sasl_mechanism"] == "SCRAM-SHA-512"
    assert arguments["sasl_plain_password"] == "p" and arguments["ssl_context"] is not None
    assert security.for_librdkafka(environment)["sasl.password"] == "p"
    assert security.bootstrap(None, {"KAFKA_BOOTSTRAP_SERVERS": "a:1"}) == "a:1"
    with pytest.raises(lagproof.SecurityMissing, match="KAFKA_BOOTSTRAP_SERVERS"):
        security.bootstrap(None, {})
