-- 040: what running consumers report, and what to make of it.
--
-- Run it like 038 and 039, after them; again, it changes nothing. Services write public.consumer_lag_history and
-- public.consumer_processing_metrics, directly or through record_consumer_lag() and record_processing_metrics(). Both
-- are partitioned by day (UTC); lagproof.maintain_v1() makes partitions ahead, sums hours up, and drops old partitions.
-- The recording functions call it once an hour; rows that find no partition are kept in a default one until then.

DO $$
DECLARE
    old text;
BEGIN
    IF to_regclass('lagproof.topics') IS NULL THEN
        RAISE EXCEPTION 'migration 039_topic_partitions.sql has not been applied'
            USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Run the migrations in the order of their numbers.';
    END IF;
    IF to_regclass('lagproof.monitoring') IS NULL THEN
        SELECT relname INTO old FROM pg_class
        WHERE relnamespace = 'public'::regnamespace
          AND relname IN ('consumer_lag_history', 'consumer_processing_metrics', 'v_consumer_performance_monitor',
                          'v_consumer_alerts', 'v_consumer_performance_history', 'v_partition_efficiency')
        ORDER BY relname LIMIT 1;
        IF FOUND THEN
            RAISE EXCEPTION 'public.% exists, and lagproof did not make it', old
                USING ERRCODE = 'duplicate_table',
                      DETAIL = 'Its rows would have to be taken over; nothing was changed.',
                      HINT = format('Rename it (ALTER TABLE or ALTER VIEW public.%I RENAME TO …), migrate, then compare.', old);
        END IF;
    END IF;
END
$$;

-- ---- what is recorded -----------------------------------------------------------------------------------------------

CREATE TABLE IF NOT EXISTS public.consumer_lag_history (
    service_name    text NOT NULL,
    topic           text NOT NULL,
    partition       integer NOT NULL,
    lag             bigint NOT NULL,
    consumer_offset bigint,
    "timestamp"     timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT partition_is_counted_from_0 CHECK (partition >= 0),
    CONSTRAINT lag_is_not_negative CHECK (lag >= 0)
) PARTITION BY RANGE ("timestamp");
CREATE INDEX IF NOT EXISTS consumer_lag_history_service ON public.consumer_lag_history (service_name, "timestamp");
CREATE INDEX IF NOT EXISTS consumer_lag_history_time ON public.consumer_lag_history ("timestamp");
CREATE TABLE IF NOT EXISTS lagproof.consumer_lag_history_default
    PARTITION OF public.consumer_lag_history DEFAULT;
COMMENT ON TABLE public.consumer_lag_history IS 'Samples of lag, one row a partition. Partitioned by day (UTC).';
COMMENT ON COLUMN public.consumer_lag_history.service_name IS 'The service.';
COMMENT ON COLUMN public.consumer_lag_history.topic IS 'The topic.';
COMMENT ON COLUMN public.consumer_lag_history.partition IS 'The partition.';
COMMENT ON COLUMN public.consumer_lag_history.lag IS 'Records behind in that partition: log end minus position. Read the position first, or it goes negative.';
COMMENT ON COLUMN public.consumer_lag_history.consumer_offset IS 'The position in that partition; what is consumed a second is taken from it.';
COMMENT ON COLUMN public.consumer_lag_history."timestamp" IS 'When the sample was taken.';

CREATE TABLE IF NOT EXISTS public.consumer_processing_metrics (
    service_name        text NOT NULL,
    messages_processed  bigint NOT NULL,
    processing_time_ms  bigint,
    messages_per_second double precision,
    memory_usage_mb     double precision,
    "timestamp"         timestamptz NOT NULL DEFAULT now(),
    -- lagproof's own
    messages_failed     bigint,
    rebalances          integer,
    instance            text,
    CONSTRAINT counts_are_not_negative CHECK (messages_processed >= 0 AND messages_failed >= 0 AND rebalances >= 0),
    CONSTRAINT measures_are_not_negative
        CHECK (processing_time_ms >= 0 AND messages_per_second >= 0 AND memory_usage_mb >= 0)
) PARTITION BY RANGE ("timestamp");
CREATE INDEX IF NOT EXISTS consumer_processing_metrics_service
    ON public.consumer_processing_metrics (service_name, "timestamp");
CREATE INDEX IF NOT EXISTS consumer_processing_metrics_time ON public.consumer_processing_metrics ("timestamp");
CREATE TABLE IF NOT EXISTS lagproof.consumer_processing_metrics_default
    PARTITION OF public.consumer_processing_metrics DEFAULT;
COMMENT ON TABLE public.consumer_processing_metrics IS 'What a replica processed since its last row. Partitioned by day (UTC).';
COMMENT ON COLUMN public.consumer_processing_metrics.service_name IS 'The service.';
COMMENT ON COLUMN public.consumer_processing_metrics.messages_processed IS 'Records processed since the last row, failed ones among them.';
COMMENT ON COLUMN public.consumer_processing_metrics.processing_time_ms IS 'Milliseconds that their processing took, summed over all records; NULL: not measured.';
COMMENT ON COLUMN public.consumer_processing_metrics.messages_per_second IS 'Records a second since the last row; NULL: not measured.';
COMMENT ON COLUMN public.consumer_processing_metrics.memory_usage_mb IS 'Resident memory of the process, in megabytes; NULL: not measured.';
COMMENT ON COLUMN public.consumer_processing_metrics."timestamp" IS 'When the row was taken.';
COMMENT ON COLUMN public.consumer_processing_metrics.messages_failed IS 'How many of them failed for good; NULL: not measured.';
COMMENT ON COLUMN public.consumer_processing_metrics.rebalances IS 'Rebalances since the last row; NULL: not measured.';
COMMENT ON COLUMN public.consumer_processing_metrics.instance IS 'Which replica; rows without a name count as one replica.';

-- ---- keeping it -----------------------------------------------------------------------------------------------------

CREATE TABLE IF NOT EXISTS lagproof.monitoring (
    only_row      boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    keep_samples  interval NOT NULL DEFAULT '14 days' CHECK (keep_samples >= interval '2 days'),
    keep_hours    interval NOT NULL DEFAULT '400 days' CHECK (keep_hours >= interval '2 days'),
    maintained_at timestamptz NOT NULL DEFAULT '-infinity',
    summed_until  timestamptz NOT NULL DEFAULT '-infinity',
    samples_since timestamptz NOT NULL DEFAULT '-infinity'
);
INSERT INTO lagproof.monitoring DEFAULT VALUES ON CONFLICT DO NOTHING;
COMMENT ON TABLE lagproof.monitoring IS 'How long samples are kept, and how far they have been summed up. One row.';
COMMENT ON COLUMN lagproof.monitoring.only_row IS 'Always true.';
COMMENT ON COLUMN lagproof.monitoring.keep_samples IS 'How long samples are kept; at least two days.';
COMMENT ON COLUMN lagproof.monitoring.keep_hours IS 'How long hourly sums are kept.';
COMMENT ON COLUMN lagproof.monitoring.maintained_at IS 'When lagproof.maintain_v1() last ran.';
COMMENT ON COLUMN lagproof.monitoring.summed_until IS 'Up to when hours are summed up.';
COMMENT ON COLUMN lagproof.monitoring.samples_since IS 'From when samples are still there; before it only hours are.';

CREATE TABLE IF NOT EXISTS lagproof.consumer_hours (
    service_name        text NOT NULL,
    hour                timestamptz NOT NULL,
    avg_lag             double precision,
    max_lag             double precision,
    messages_processed  bigint,
    messages_failed     bigint,
    processing_time_ms  bigint,
    messages_per_second double precision,
    rebalances          bigint,
    avg_memory_mb       double precision,
    max_memory_mb       double precision,
    PRIMARY KEY (service_name, hour)
);
CREATE INDEX IF NOT EXISTS consumer_hours_hour ON lagproof.consumer_hours (hour);
COMMENT ON TABLE lagproof.consumer_hours IS 'Samples summed up by hour.';
COMMENT ON COLUMN lagproof.consumer_hours.service_name IS 'The service.';
COMMENT ON COLUMN lagproof.consumer_hours.hour IS 'The hour''s beginning.';
COMMENT ON COLUMN lagproof.consumer_hours.avg_lag IS 'Mean lag, over all partitions together.';
COMMENT ON COLUMN lagproof.consumer_hours.max_lag IS 'The highest minute''s lag, over all partitions together.';
COMMENT ON COLUMN lagproof.consumer_hours.messages_processed IS 'Records processed.';
COMMENT ON COLUMN lagproof.consumer_hours.messages_failed IS 'Records that failed for good.';
COMMENT ON COLUMN lagproof.consumer_hours.processing_time_ms IS 'Milliseconds that processing took.';
COMMENT ON COLUMN lagproof.consumer_hours.messages_per_second IS 'Mean of the reported rates, over all replicas together.';
COMMENT ON COLUMN lagproof.consumer_hours.rebalances IS 'Rebalances.';
COMMENT ON COLUMN lagproof.consumer_hours.avg_memory_mb IS 'Mean memory of a replica, in megabytes.';
COMMENT ON COLUMN lagproof.consumer_hours.max_memory_mb IS 'Highest memory of a replica, in megabytes.';

-- Written so that the planner can inline it: what a query asks of service and time then reaches the samples' indexes.
CREATE OR REPLACE FUNCTION lagproof.consumer_minutes(since timestamptz, until timestamptz)
RETURNS TABLE (service_name text, minute timestamptz, avg_lag double precision, max_lag double precision,
               messages_processed bigint, messages_failed bigint, processing_time_ms bigint,
               messages_per_second double precision, rebalances bigint,
               avg_memory_mb double precision, max_memory_mb double precision)
LANGUAGE sql STABLE AS $$
    SELECT both_kinds.service_name, both_kinds.minute,
           max(avg_lag) AS avg_lag, max(max_lag) AS max_lag,
           max(messages_processed)::bigint AS messages_processed, max(messages_failed)::bigint AS messages_failed,
           max(processing_time_ms)::bigint AS processing_time_ms, max(messages_per_second) AS messages_per_second,
           max(rebalances)::bigint AS rebalances, max(avg_memory_mb) AS avg_memory_mb, max(max_memory_mb) AS max_memory_mb
    FROM (
        SELECT service_name, minute, sum(avg_lag)::double precision AS avg_lag,
               sum(max_lag)::double precision AS max_lag,
               NULL::numeric AS messages_processed, NULL::numeric AS messages_failed, NULL::numeric AS processing_time_ms,
               NULL::double precision AS messages_per_second, NULL::numeric AS rebalances,
               NULL::double precision AS avg_memory_mb, NULL::double precision AS max_memory_mb
        FROM (
            SELECT service_name, date_bin('1 minute', "timestamp", '2000-01-01 00:00+00') AS minute,
                   topic, partition, avg(lag) AS avg_lag, max(lag) AS max_lag
            FROM public.consumer_lag_history
            WHERE "timestamp" >= $1 AND "timestamp" < $2
            GROUP BY 1, 2, 3, 4
        ) AS partitions
        GROUP BY 1, 2
        UNION ALL
        SELECT service_name, minute, NULL, NULL, sum(messages_processed), sum(messages_failed), sum(processing_time_ms),
               sum(messages_per_second), sum(rebalances),
               sum(memory_sum) / nullif(sum(memory_samples), 0), max(max_memory_mb)
        FROM (
            SELECT service_name, date_bin('1 minute', "timestamp", '2000-01-01 00:00+00') AS minute, instance,
                   sum(messages_processed) AS messages_processed, sum(messages_failed) AS messages_failed,
                   sum(processing_time_ms) AS processing_time_ms, avg(messages_per_second) AS messages_per_second,
                   sum(rebalances) AS rebalances, sum(memory_usage_mb) AS memory_sum,
                   count(memory_usage_mb) AS memory_samples, max(memory_usage_mb) AS max_memory_mb
            FROM public.consumer_processing_metrics
            WHERE "timestamp" >= $1 AND "timestamp" < $2
            GROUP BY 1, 2, 3
        ) AS instances
        GROUP BY 1, 2
    ) AS both_kinds
    GROUP BY 1, 2
$$;
COMMENT ON FUNCTION lagproof.consumer_minutes(timestamptz, timestamptz) IS
    'Samples from a time (included) to another (not included), summed up by minute: one row a service and minute that has any. Lag: the sum of each partition''s mean and highest; rates: the sum over replicas; memory: a replica''s mean and highest.';

CREATE OR REPLACE FUNCTION lagproof.partition_name(parent text, day date) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
    SELECT parent || '_' || to_char(day, 'YYYYMMDD')
$$;
COMMENT ON FUNCTION lagproof.partition_name(text, date) IS 'The name, in schema lagproof, of a day''s partition.';

CREATE OR REPLACE FUNCTION lagproof.make_partition(parent text, day date) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    name   text := lagproof.partition_name(parent, day);
    starts timestamptz := day::timestamp AT TIME ZONE 'UTC';
    ends   timestamptz := (day + 1)::timestamp AT TIME ZONE 'UTC';
BEGIN
    IF to_regclass(format('lagproof.%I', name)) IS NOT NULL THEN
        RETURN;
    END IF;
    EXECUTE format('CREATE TABLE lagproof.%I (LIKE public.%I INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', name, parent);
    -- Rows of that day that came before its partition was made.
    EXECUTE format('WITH moved AS (DELETE FROM lagproof.%I WHERE "timestamp" >= %L AND "timestamp" < %L RETURNING *)
                    INSERT INTO lagproof.%I SELECT * FROM moved', parent || '_default', starts, ends, name);
    EXECUTE format('ALTER TABLE public.%I ATTACH PARTITION lagproof.%I FOR VALUES FROM (%L) TO (%L)',
                   parent, name, starts, ends);
END
$$;
COMMENT ON FUNCTION lagproof.make_partition(text, date) IS
    'Makes the partition of a day (UTC), unless it exists, and moves rows of that day there from the default partition.';

CREATE OR REPLACE FUNCTION lagproof.sum_up_hours() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    until   timestamptz := date_trunc('hour', now());
    -- Samples may come late: the last three hours are summed up again.
    from_on timestamptz := (SELECT summed_until - interval '3 hours' FROM lagproof.monitoring);
BEGIN
    INSERT INTO lagproof.consumer_hours AS kept
        (service_name, hour, avg_lag, max_lag, messages_processed, messages_failed, processing_time_ms,
         messages_per_second, rebalances, avg_memory_mb, max_memory_mb)
    SELECT service_name, date_bin('1 hour', minute, '2000-01-01 00:00+00'), avg(avg_lag), max(max_lag),
           sum(messages_processed), sum(messages_failed), sum(processing_time_ms), avg(messages_per_second),
           sum(rebalances), avg(avg_memory_mb), max(max_memory_mb)
    FROM lagproof.consumer_minutes(from_on, until)
    GROUP BY 1, 2
    ON CONFLICT (service_name, hour) DO UPDATE
        SET avg_lag = excluded.avg_lag, max_lag = excluded.max_lag, messages_processed = excluded.messages_processed,
            messages_failed = excluded.messages_failed, processing_time_ms = excluded.processing_time_ms,
            messages_per_second = excluded.messages_per_second, rebalances = excluded.rebalances,
            avg_memory_mb = excluded.avg_memory_mb, max_memory_mb = excluded.max_memory_mb;
    UPDATE lagproof.monitoring SET summed_until = until;
END
$$;
COMMENT ON FUNCTION lagproof.sum_up_hours() IS 'Sums complete hours up into consumer_hours.';

CREATE OR REPLACE FUNCTION lagproof.drop_old_partitions() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    old    record;
    before date := (SELECT (now() - keep_samples) AT TIME ZONE 'UTC' FROM lagproof.monitoring)::date;
BEGIN
    FOR old IN
        SELECT partition.relname AS name
        FROM pg_inherits
        JOIN pg_class AS partition ON partition.oid = inhrelid
        JOIN pg_class AS parent ON parent.oid = inhparent
        WHERE inhparent IN ('public.consumer_lag_history'::regclass, 'public.consumer_processing_metrics'::regclass)
          AND partition.relname < lagproof.partition_name(parent.relname, before)
          AND partition.relname ~ '_\d{8}$'
    LOOP
        EXECUTE format('DROP TABLE lagproof.%I', old.name);
    END LOOP;
    DELETE FROM lagproof.consumer_lag_history_default WHERE "timestamp" < before::timestamp AT TIME ZONE 'UTC';
    DELETE FROM lagproof.consumer_processing_metrics_default WHERE "timestamp" < before::timestamp AT TIME ZONE 'UTC';
    DELETE FROM lagproof.consumer_hours WHERE hour < now() - (SELECT keep_hours FROM lagproof.monitoring);
    UPDATE lagproof.monitoring SET samples_since = before::timestamp AT TIME ZONE 'UTC';
END
$$;
COMMENT ON FUNCTION lagproof.drop_old_partitions() IS
    'Drops samples and hours that are older than lagproof.monitoring says.';

CREATE OR REPLACE FUNCTION lagproof.maintain_v1() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '5s' AS $$
DECLARE
    today date := (now() AT TIME ZONE 'UTC')::date;
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtextextended('lagproof.maintain', 0)) THEN
        RETURN;  -- somebody else is at it
    END IF;
    PERFORM lagproof.sum_up_hours();
    PERFORM lagproof.drop_old_partitions();
    PERFORM lagproof.make_partition(parent, today + ahead)
    FROM unnest(ARRAY['consumer_lag_history', 'consumer_processing_metrics']) AS parent,
         generate_series(-1, 3) AS ahead;
    UPDATE lagproof.monitoring SET maintained_at = now();
END
$$;
COMMENT ON FUNCTION lagproof.maintain_v1() IS
    'Sums hours up, drops what is old, makes partitions from yesterday to three days ahead. Safe at any time; the recording functions call it once an hour.';

CREATE OR REPLACE FUNCTION lagproof.maintain_if_due() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM lagproof.clear_expired_overrides_v1();
    IF (SELECT maintained_at < now() - interval '1 hour' FROM lagproof.monitoring) THEN
        PERFORM lagproof.maintain_v1();
    END IF;
EXCEPTION
    WHEN lock_not_available OR deadlock_detected THEN
        -- Samples are worth more than tidiness; the next call tries again.
        RAISE WARNING 'lagproof.maintain_v1() waited too long for a lock: %', SQLERRM;
END
$$;
COMMENT ON FUNCTION lagproof.maintain_if_due() IS 'Calls maintain_v1 when the last time is an hour ago, and ends overrides.';

-- ---- recording ------------------------------------------------------------------------------------------------------

CREATE OR REPLACE FUNCTION public.record_consumer_lag(
    service_name text, topic text, partition integer, lag bigint,
    consumer_offset bigint DEFAULT NULL, "timestamp" timestamptz DEFAULT now()) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO public.consumer_lag_history (service_name, topic, partition, lag, consumer_offset, "timestamp")
    VALUES ($1, $2, $3, $4, $5, coalesce($6, now()));
    SELECT lagproof.maintain_if_due();
$$;
COMMENT ON FUNCTION public.record_consumer_lag(text, text, integer, bigint, bigint, timestamptz) IS 'Records one sample of lag.';

CREATE OR REPLACE FUNCTION lagproof.check_samples(samples jsonb, required text[]) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    wrong record;
BEGIN
    IF jsonb_typeof(samples) IS DISTINCT FROM 'array' THEN
        RAISE EXCEPTION 'samples is no JSON array'
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Pass a list of objects whose keys are the table''s columns.';
    END IF;
    SELECT place, jsonb_typeof(sample) = 'object' AS is_object, sample, needed INTO wrong
    FROM jsonb_array_elements(samples) WITH ORDINALITY AS listed (sample, place), unnest(required) AS needed
    WHERE jsonb_typeof(sample) <> 'object' OR coalesce(sample -> needed, 'null') = 'null'
    ORDER BY place LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'sample %: %', wrong.place,
            CASE WHEN wrong.is_object THEN wrong.needed || ' is missing' ELSE 'is no object' END
            USING ERRCODE = 'invalid_parameter_value', DETAIL = format('It is %s. No sample was recorded.', left(wrong.sample::text, 200));
    END IF;
END
$$;
COMMENT ON FUNCTION lagproof.check_samples(jsonb, text[]) IS 'Raises where a batch of samples is no list, or one lacks a key.';

CREATE OR REPLACE FUNCTION public.record_consumer_lag(samples jsonb) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    recorded integer;
BEGIN
    PERFORM lagproof.check_samples(samples, ARRAY['service_name', 'topic', 'partition', 'lag']);
    INSERT INTO public.consumer_lag_history (service_name, topic, partition, lag, consumer_offset, "timestamp")
    SELECT sample.service_name, sample.topic, sample.partition, sample.lag, sample.consumer_offset,
           coalesce(sample."timestamp", now())
    FROM jsonb_to_recordset(samples) AS sample (service_name text, topic text, partition integer, lag bigint,
                                                consumer_offset bigint, "timestamp" timestamptz);
    GET DIAGNOSTICS recorded = ROW_COUNT;
    PERFORM lagproof.maintain_if_due();
    RETURN recorded;
END
$$;
COMMENT ON FUNCTION public.record_consumer_lag(jsonb) IS
    'Records many samples of lag, all or none: [{"service_name": …, "topic": …, "partition": …, "lag": …, "consumer_offset": …, "timestamp": …}, …]; the last two may be left out. Answers how many.';

CREATE OR REPLACE FUNCTION public.record_processing_metrics(
    service_name text, messages_processed bigint, processing_time_ms double precision DEFAULT NULL,
    messages_per_second double precision DEFAULT NULL, memory_usage_mb double precision DEFAULT NULL,
    "timestamp" timestamptz DEFAULT now(), messages_failed bigint DEFAULT NULL, rebalances integer DEFAULT NULL,
    instance text DEFAULT NULL) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO public.consumer_processing_metrics
        (service_name, messages_processed, processing_time_ms, messages_per_second, memory_usage_mb, "timestamp",
         messages_failed, rebalances, instance)
    VALUES ($1, $2, round($3)::bigint, $4, $5, coalesce($6, now()), $7, $8, $9);
    SELECT lagproof.maintain_if_due();
$$;
COMMENT ON FUNCTION public.record_processing_metrics(text, bigint, double precision, double precision, double precision, timestamptz, bigint, integer, text) IS
    'Records what a replica processed since its last call.';

CREATE OR REPLACE FUNCTION public.record_processing_metrics(samples jsonb) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    recorded integer;
BEGIN
    PERFORM lagproof.check_samples(samples, ARRAY['service_name', 'messages_processed']);
    INSERT INTO public.consumer_processing_metrics
        (service_name, messages_processed, processing_time_ms, messages_per_second, memory_usage_mb, "timestamp",
         messages_failed, rebalances, instance)
    SELECT sample.service_name, sample.messages_processed, round(sample.processing_time_ms)::bigint,
           sample.messages_per_second, sample.memory_usage_mb, coalesce(sample."timestamp", now()),
           sample.messages_failed, sample.rebalances, sample.instance
    FROM jsonb_to_recordset(samples) AS sample (
        service_name text, messages_processed bigint, processing_time_ms double precision,
        messages_per_second double precision, memory_usage_mb double precision, "timestamp" timestamptz,
        messages_failed bigint, rebalances integer, instance text);
    GET DIAGNOSTICS recorded = ROW_COUNT;
    PERFORM lagproof.maintain_if_due();
    RETURN recorded;
END
$$;
COMMENT ON FUNCTION public.record_processing_metrics(jsonb) IS
    'Records many rows of consumer_processing_metrics, all or none: a list of objects whose keys are its columns. Answers how many.';

-- ---- the last hour --------------------------------------------------------------------------------------------------

-- One row a service that reported anything. A service's lag is that of its partitions together: the sum of each one's
-- mean, and for the highest, the sum of each one's highest.
CREATE OR REPLACE VIEW lagproof.last_hour AS
    WITH services AS (
        SELECT service_name, sum(samples)::bigint AS lag_samples, count(*)::integer AS partitions,
               sum(avg_lag)::double precision AS avg_lag, sum(max_lag)::double precision AS max_lag,
               sum(recent_lag)::double precision AS recent_lag, sum(lag_slope) AS lag_slope,
               sum(consumed)::double precision AS consumed, max(last_at) AS lag_at
        FROM (
            SELECT service_name, topic, partition, count(*) AS samples, avg(lag) AS avg_lag, max(lag) AS max_lag,
                   avg(lag) FILTER (WHERE "timestamp" >= now() - interval '10 minutes') AS recent_lag,
                   regr_slope(lag, extract(epoch FROM "timestamp")::double precision) AS lag_slope,
                   CASE WHEN max("timestamp") > min("timestamp")
                        THEN (max(consumer_offset) - min(consumer_offset))
                             / extract(epoch FROM max("timestamp") - min("timestamp")) END AS consumed,
                   max("timestamp") AS last_at
            FROM public.consumer_lag_history
            WHERE "timestamp" > now() - interval '1 hour' AND "timestamp" <= now()
            GROUP BY 1, 2, 3
        ) AS partitions
        GROUP BY 1
    ), instances AS (
        SELECT service_name, instance, count(*) AS samples, sum(messages_processed) AS processed,
               sum(messages_failed) AS failed,
               sum(messages_processed) FILTER (WHERE messages_failed IS NOT NULL) AS judged,
               sum(processing_time_ms) AS busy_ms,
               sum(messages_processed) FILTER (WHERE processing_time_ms IS NOT NULL) AS timed,
               avg(messages_per_second) AS per_second, sum(rebalances) AS rebalances,
               avg(memory_usage_mb) AS avg_memory, max(memory_usage_mb) AS max_memory,
               regr_slope(memory_usage_mb, extract(epoch FROM "timestamp")::double precision) * 3600 AS memory_slope,
               regr_count(memory_usage_mb, extract(epoch FROM "timestamp")::double precision) AS memory_samples,
               max("timestamp") - min("timestamp") AS covers, max("timestamp") AS last_at
        FROM public.consumer_processing_metrics
        WHERE "timestamp" > now() - interval '1 hour' AND "timestamp" <= now()
        GROUP BY 1, 2
    ), processing AS (
        SELECT service_name, count(*)::integer AS instances, sum(processed)::bigint AS processed,
               (sum(failed) / nullif(sum(judged), 0))::double precision AS error_share, sum(failed)::bigint AS failed,
               (sum(busy_ms) / nullif(sum(timed), 0))::double precision AS per_record_ms,
               sum(per_second) AS per_second, sum(rebalances)::bigint AS rebalances,
               avg(avg_memory) AS avg_memory, max(max_memory) AS max_memory,
               max(memory_slope) FILTER (WHERE memory_samples >= 10 AND covers >= interval '30 minutes') AS memory_slope,
               max(last_at) AS processing_at
        FROM instances
        GROUP BY 1
    )
    SELECT service_name, lag_samples, partitions, avg_lag, max_lag, recent_lag, lag_slope,
           consumed, lag_at, instances, processed, error_share, failed, per_record_ms, per_second, rebalances, avg_memory,
           max_memory, memory_slope, processing_at
    FROM services FULL JOIN processing USING (service_name);
COMMENT ON VIEW lagproof.last_hour IS 'What each service reported in the last hour, as v_consumer_performance_monitor and v_consumer_alerts read it.';
COMMENT ON COLUMN lagproof.last_hour.service_name IS 'The service.';
COMMENT ON COLUMN lagproof.last_hour.lag_samples IS 'Samples of lag.';
COMMENT ON COLUMN lagproof.last_hour.partitions IS 'Partitions that they are of.';
COMMENT ON COLUMN lagproof.last_hour.avg_lag IS 'The sum of each partition''s mean lag.';
COMMENT ON COLUMN lagproof.last_hour.max_lag IS 'The sum of each partition''s highest lag.';
COMMENT ON COLUMN lagproof.last_hour.recent_lag IS 'The sum of each partition''s mean lag in the last ten minutes; NULL where none was sampled.';
COMMENT ON COLUMN lagproof.last_hour.lag_slope IS 'Records a second by which lag grows (least squares).';
COMMENT ON COLUMN lagproof.last_hour.consumed IS 'Records a second that were consumed, from the positions.';
COMMENT ON COLUMN lagproof.last_hour.lag_at IS 'The last sample of lag.';
COMMENT ON COLUMN lagproof.last_hour.instances IS 'Replicas that reported processing metrics.';
COMMENT ON COLUMN lagproof.last_hour.processed IS 'Records processed.';
COMMENT ON COLUMN lagproof.last_hour.error_share IS 'The share of records that failed for good, where that was measured.';
COMMENT ON COLUMN lagproof.last_hour.failed IS 'Records that failed for good.';
COMMENT ON COLUMN lagproof.last_hour.per_record_ms IS 'Milliseconds of processing a record, where that was measured.';
COMMENT ON COLUMN lagproof.last_hour.per_second IS 'Reported records a second: the sum of each replica''s mean.';
COMMENT ON COLUMN lagproof.last_hour.rebalances IS 'Rebalances; NULL where that was not measured.';
COMMENT ON COLUMN lagproof.last_hour.avg_memory IS 'Mean memory of a replica, in megabytes.';
COMMENT ON COLUMN lagproof.last_hour.max_memory IS 'Highest memory of a replica, in megabytes.';
COMMENT ON COLUMN lagproof.last_hour.memory_slope IS 'Megabytes an hour by which the memory of the worst replica grows; NULL below ten samples or half an hour.';
COMMENT ON COLUMN lagproof.last_hour.processing_at IS 'The last processing metrics.';

CREATE OR REPLACE VIEW lagproof.expected AS
    SELECT service_name, sum(expected_rate) AS expected_rate, sum(peak_rate) AS peak_rate,
           sum(partitions)::integer AS partitions, max(partitions) AS largest_topic,
           (array_agg(topic ORDER BY coalesce(expected_rate, 0) DESC, topic))[1] AS main_topic
    FROM lagproof.flows
    GROUP BY service_name;
COMMENT ON VIEW lagproof.expected IS 'What is expected to arrive at each active service, over its topics.';
COMMENT ON COLUMN lagproof.expected.service_name IS 'The service.';
COMMENT ON COLUMN lagproof.expected.expected_rate IS 'Expected records a second; NULL where no topic states it.';
COMMENT ON COLUMN lagproof.expected.peak_rate IS 'Records a second at peak.';
COMMENT ON COLUMN lagproof.expected.partitions IS 'Partitions of its topics together.';
COMMENT ON COLUMN lagproof.expected.largest_topic IS 'Partitions of the topic that has most.';
COMMENT ON COLUMN lagproof.expected.main_topic IS 'The topic with the highest expected rate.';

CREATE OR REPLACE VIEW public.v_consumer_performance_monitor AS
    SELECT measured.service_name,
           round(measured.avg_lag::numeric, 2)::double precision AS avg_lag,
           round(measured.max_lag::numeric, 2)::double precision AS max_lag,
           round(measured.recent_lag::numeric, 2)::double precision AS recent_lag,
           coalesce(config.target_lag, 100) AS target_lag,
           CASE WHEN measured.avg_lag IS NULL THEN 'unknown'
                WHEN coalesce(measured.recent_lag, measured.avg_lag) >= coalesce(config.target_lag, 100) THEN 'behind'
                WHEN measured.avg_lag >= coalesce(config.target_lag, 100) THEN 'recovering'
                ELSE 'on target' END AS status,
           round(measured.lag_slope::numeric, 3)::double precision AS lag_growth_per_second,
           measured.partitions, measured.lag_samples,
           round(measured.consumed::numeric, 3)::double precision AS consumed_per_second,
           expected.expected_rate AS expected_per_second,
           measured.processed AS messages_processed,
           round(measured.per_second::numeric, 3)::double precision AS messages_per_second,
           round(measured.per_record_ms::numeric, 3)::double precision AS avg_processing_time_ms,
           measured.error_share, measured.rebalances,
           round(measured.avg_memory::numeric, 1)::double precision AS avg_memory_mb,
           round(measured.max_memory::numeric, 1)::double precision AS max_memory_mb,
           measured.instances, config.replicas, config.client, config.version,
           greatest(measured.lag_at, measured.processing_at) AS last_sample_at
    FROM lagproof.last_hour AS measured
    LEFT JOIN public.pipeline_consumer_configs AS config USING (service_name)
    LEFT JOIN lagproof.expected USING (service_name);
COMMENT ON VIEW public.v_consumer_performance_monitor IS 'How consumers did in the last hour, one row a service that reported anything.';
COMMENT ON COLUMN public.v_consumer_performance_monitor.service_name IS 'The service.';
COMMENT ON COLUMN public.v_consumer_performance_monitor.avg_lag IS 'Mean lag, in records, over all partitions together. NULL: no sample of lag.';
COMMENT ON COLUMN public.v_consumer_performance_monitor.max_lag IS 'Highest lag, in records: the sum of each partition''s highest.';
COMMENT ON COLUMN public.v_consumer_performance_monitor.recent_lag IS 'Mean lag, in records, of the last ten minutes.';
COMMENT ON COLUMN public.v_consumer_performance_monitor.target_lag IS 'What lag must stay below: its profile''s target, 100 where it has none.';
COMMENT ON COLUMN public.v_consumer_performance_monitor.status IS 'on target, behind (now), recovering (was behind within the hour), or unknown.';
COMMENT ON COLUMN public.v_consumer_performance_monitor.lag_growth_per_second IS 'Records a second by which lag grows; negative while it shrinks.';
COMMENT ON COLUMN public.v_consumer_performance_monitor.partitions IS 'Partitions that were sampled.';
COMMENT ON COLUMN public.v_consumer_performance_monitor.lag_samples IS 'Samples of lag.';
COMMENT ON COLUMN public.v_consumer_performance_monitor.consumed_per_second IS 'Records a second that were consumed, from consumer_offset.';
COMMENT ON COLUMN public.v_consumer_performance_monitor.expected_per_second IS 'Records a second that its topics are declared to bring.';
COMMENT ON COLUMN public.v_consumer_performance_monitor.messages_processed IS 'Records processed.';
COMMENT ON COLUMN public.v_consumer_performance_monitor.messages_per_second IS 'Reported records a second, over all replicas together.';
COMMENT ON COLUMN public.v_consumer_performance_monitor.avg_processing_time_ms IS 'Milliseconds of processing a record.';
COMMENT ON COLUMN public.v_consumer_performance_monitor.error_share IS 'The share of records that failed for good; NULL: not measured.';
COMMENT ON COLUMN public.v_consumer_performance_monitor.rebalances IS 'Rebalances; NULL: not measured.';
COMMENT ON COLUMN public.v_consumer_performance_monitor.avg_memory_mb IS 'Mean memory of a replica, in megabytes.';
COMMENT ON COLUMN public.v_consumer_performance_monitor.max_memory_mb IS 'Highest memory of a replica, in megabytes.';
COMMENT ON COLUMN public.v_consumer_performance_monitor.instances IS 'Replicas that reported processing metrics.';
COMMENT ON COLUMN public.v_consumer_performance_monitor.replicas IS 'Replicas that are meant to run.';
COMMENT ON COLUMN public.v_consumer_performance_monitor.client IS 'Its Kafka client.';
COMMENT ON COLUMN public.v_consumer_performance_monitor.version IS 'Its profile''s version.';
COMMENT ON COLUMN public.v_consumer_performance_monitor.last_sample_at IS 'When it last reported.';

CREATE OR REPLACE VIEW public.v_consumer_performance_history AS
    SELECT service_name, minute AS "timestamp", interval '1 minute' AS resolution,
           round(avg_lag::numeric, 2)::double precision AS avg_lag, max_lag, messages_processed, messages_failed,
           messages_per_second,
           processing_time_ms::double precision / nullif(messages_processed, 0) AS avg_processing_time_ms,
           rebalances, avg_memory_mb, max_memory_mb
    FROM lagproof.consumer_minutes('-infinity', 'infinity')
    UNION ALL
    SELECT service_name, hour, interval '1 hour', round(avg_lag::numeric, 2)::double precision, max_lag,
           messages_processed, messages_failed, messages_per_second,
           processing_time_ms::double precision / nullif(messages_processed, 0), rebalances, avg_memory_mb, max_memory_mb
    FROM lagproof.consumer_hours
    WHERE hour < (SELECT samples_since FROM lagproof.monitoring);
COMMENT ON VIEW public.v_consumer_performance_history IS 'How consumers did over time: by minute as long as samples are kept (14 days), by hour before that.';
COMMENT ON COLUMN public.v_consumer_performance_history.service_name IS 'The service.';
COMMENT ON COLUMN public.v_consumer_performance_history."timestamp" IS 'The beginning of the minute or hour.';
COMMENT ON COLUMN public.v_consumer_performance_history.resolution IS 'One minute or one hour: how long the row covers.';
COMMENT ON COLUMN public.v_consumer_performance_history.avg_lag IS 'Mean lag, in records, over all partitions sampled together. NULL: no sample of lag.';
COMMENT ON COLUMN public.v_consumer_performance_history.max_lag IS 'Highest lag, in records, over all partitions sampled together.';
COMMENT ON COLUMN public.v_consumer_performance_history.messages_processed IS 'Records processed.';
COMMENT ON COLUMN public.v_consumer_performance_history.messages_failed IS 'Records that failed for good; NULL: not measured.';
COMMENT ON COLUMN public.v_consumer_performance_history.messages_per_second IS 'Reported records a second, over all replicas together.';
COMMENT ON COLUMN public.v_consumer_performance_history.avg_processing_time_ms IS 'Milliseconds of processing a record.';
COMMENT ON COLUMN public.v_consumer_performance_history.rebalances IS 'Rebalances; NULL: not measured.';
COMMENT ON COLUMN public.v_consumer_performance_history.avg_memory_mb IS 'Mean memory of a replica, in megabytes.';
COMMENT ON COLUMN public.v_consumer_performance_history.max_memory_mb IS 'Highest memory of a replica, in megabytes.';
