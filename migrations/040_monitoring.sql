-- 040: what running consumers report, and what to make of it.
--
-- Run it like 038 and 039, after them; again, it changes nothing. Services write public.consumer_lag_history and
-- public.consumer_processing_metrics, directly or through record_consumer_lag() and record_processing_metrics(). Both
-- are partitioned by day (UTC); lagproof.maintain_v1() makes partitions ahead, sums up what was recorded, and drops old
-- partitions. The recording functions do the same bit by bit, so that no call of theirs has a whole hour to sum up. Rows
-- that find no partition are kept in a default one until there is one.

DO $$
BEGIN
    IF to_regclass('lagproof.topics') IS NULL THEN
        RAISE EXCEPTION 'migration 039_topic_partitions.sql has not been applied'
            USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Run the migrations in the order of their numbers.';
    END IF;
    -- From before lagproof: see 038.
    IF to_regclass('lagproof.monitoring') IS NULL THEN
        PERFORM lagproof.rename_before('view', name)
        FROM unnest(ARRAY['v_consumer_performance_monitor', 'v_consumer_alerts', 'v_consumer_performance_history',
                          'v_partition_efficiency']) AS name;
        PERFORM lagproof.rename_before('function', name)
        FROM unnest(ARRAY['record_consumer_lag', 'record_processing_metrics']) AS name;
        PERFORM lagproof.set_aside('consumer_lag_history'), lagproof.set_aside('consumer_processing_metrics');
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
    samples_since timestamptz NOT NULL DEFAULT '-infinity',
    busy_above    integer NOT NULL DEFAULT 20000 CHECK (busy_above >= 0),
    kept_at       timestamptz NOT NULL DEFAULT '-infinity',
    looked_at     timestamptz NOT NULL DEFAULT '-infinity'
);
INSERT INTO lagproof.monitoring DEFAULT VALUES ON CONFLICT DO NOTHING;
COMMENT ON TABLE lagproof.monitoring IS 'How long samples are kept, and when they were last looked after. One row.';
COMMENT ON COLUMN lagproof.monitoring.only_row IS 'Always true.';
COMMENT ON COLUMN lagproof.monitoring.keep_samples IS 'How long samples are kept; at least two days.';
COMMENT ON COLUMN lagproof.monitoring.keep_hours IS 'How long hourly sums are kept.';
COMMENT ON COLUMN lagproof.monitoring.maintained_at IS 'When partitions were last made and dropped.';
COMMENT ON COLUMN lagproof.monitoring.busy_above IS 'Above how many samples of lag an hour the sums of the last hour are kept, and may be up to a minute old.';
COMMENT ON COLUMN lagproof.monitoring.kept_at IS 'When they were kept last; -infinity while they are not.';
COMMENT ON COLUMN lagproof.monitoring.looked_at IS 'When it was last seen that they need not be kept.';
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

-- Sums are brought up to date from what has changed, never from everything. Each statement that writes samples notes here
-- what it touched, without a key: writers in transactions of their own must not wait for each other. The note is committed
-- with the samples, so whoever takes it sees them, however late they come and however long the transaction was.
CREATE TABLE IF NOT EXISTS lagproof.touched (
    slice timestamptz NOT NULL
);
COMMENT ON TABLE lagproof.touched IS 'What samples have been written for since the sums were last brought up to date.';
COMMENT ON COLUMN lagproof.touched.slice IS 'The beginning of the five minutes.';

CREATE TABLE IF NOT EXISTS lagproof.slices_due (
    slice timestamptz PRIMARY KEY
);
COMMENT ON TABLE lagproof.slices_due IS 'Five minutes that are to be summed up, again where samples came late or were deleted.';
COMMENT ON COLUMN lagproof.slices_due.slice IS 'Their beginning.';

-- What an hour is added up from; kept as long as samples, so that late ones cost their five minutes and not the hour.
CREATE TABLE IF NOT EXISTS lagproof.consumer_slices (
    slice              timestamptz NOT NULL,
    service_name       text NOT NULL,
    lag_minutes        bigint NOT NULL,
    lag_sum            double precision,
    max_lag            double precision,
    messages_processed bigint,
    messages_failed    bigint,
    processing_time_ms bigint,
    rate_minutes       bigint NOT NULL,
    rate_sum           double precision,
    rebalances         bigint,
    memory_minutes     bigint NOT NULL,
    memory_sum         double precision,
    max_memory_mb      double precision,
    PRIMARY KEY (slice, service_name)
);
COMMENT ON TABLE lagproof.consumer_slices IS 'Samples summed up by five minutes.';
COMMENT ON COLUMN lagproof.consumer_slices.slice IS 'The beginning of the five minutes.';
COMMENT ON COLUMN lagproof.consumer_slices.service_name IS 'The service.';
COMMENT ON COLUMN lagproof.consumer_slices.lag_minutes IS 'Minutes with samples of lag.';
COMMENT ON COLUMN lagproof.consumer_slices.lag_sum IS 'The sum of those minutes'' mean lags, over all partitions together.';
COMMENT ON COLUMN lagproof.consumer_slices.max_lag IS 'The highest minute''s lag, over all partitions together.';
COMMENT ON COLUMN lagproof.consumer_slices.messages_processed IS 'Records processed.';
COMMENT ON COLUMN lagproof.consumer_slices.messages_failed IS 'Records that failed for good.';
COMMENT ON COLUMN lagproof.consumer_slices.processing_time_ms IS 'Milliseconds that processing took.';
COMMENT ON COLUMN lagproof.consumer_slices.rate_minutes IS 'Minutes with reported rates.';
COMMENT ON COLUMN lagproof.consumer_slices.rate_sum IS 'The sum of those minutes'' records a second, over all replicas together.';
COMMENT ON COLUMN lagproof.consumer_slices.rebalances IS 'Rebalances.';
COMMENT ON COLUMN lagproof.consumer_slices.memory_minutes IS 'Minutes with reported memory.';
COMMENT ON COLUMN lagproof.consumer_slices.memory_sum IS 'The sum of those minutes'' mean memory of a replica, in megabytes.';
COMMENT ON COLUMN lagproof.consumer_slices.max_memory_mb IS 'Highest memory of a replica, in megabytes.';

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

CREATE OR REPLACE FUNCTION lagproof.take_touched() RETURNS timestamptz[]
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    slices timestamptz[];
BEGIN
    WITH taken AS (
        DELETE FROM lagproof.touched RETURNING slice
    ), noted AS (
        INSERT INTO lagproof.slices_due (slice) SELECT DISTINCT slice FROM taken ON CONFLICT DO NOTHING
    )
    SELECT array_agg(DISTINCT slice) INTO slices FROM taken;
    RETURN slices;
END
$$;
COMMENT ON FUNCTION lagproof.take_touched() IS 'Takes what samples have been written for, notes it as due, and answers it: beginnings of five minutes.';

CREATE OR REPLACE FUNCTION lagproof.sum_up_slice(at timestamptz) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    DELETE FROM lagproof.consumer_slices WHERE slice = at;
    INSERT INTO lagproof.consumer_slices
        (slice, service_name, lag_minutes, lag_sum, max_lag, messages_processed, messages_failed, processing_time_ms,
         rate_minutes, rate_sum, rebalances, memory_minutes, memory_sum, max_memory_mb)
    SELECT at, service_name, count(avg_lag), sum(avg_lag), max(max_lag), sum(messages_processed), sum(messages_failed),
           sum(processing_time_ms), count(messages_per_second), sum(messages_per_second), sum(rebalances),
           count(avg_memory_mb), sum(avg_memory_mb), max(max_memory_mb)
    FROM lagproof.consumer_minutes(at, at + interval '5 minutes')
    GROUP BY service_name;
END
$$;
COMMENT ON FUNCTION lagproof.sum_up_slice(timestamptz) IS 'Sums the samples of five minutes up into consumer_slices.';

CREATE OR REPLACE FUNCTION lagproof.add_up_hour(at timestamptz) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- Once samples are dropped, one that comes later still does not replace the sums of all of them.
    DELETE FROM lagproof.consumer_hours WHERE hour = at AND at >= (SELECT samples_since FROM lagproof.monitoring);
    INSERT INTO lagproof.consumer_hours
        (service_name, hour, avg_lag, max_lag, messages_processed, messages_failed, processing_time_ms,
         messages_per_second, rebalances, avg_memory_mb, max_memory_mb)
    SELECT service_name, at, sum(lag_sum) / nullif(sum(lag_minutes), 0), max(max_lag), sum(messages_processed), sum(messages_failed),
           sum(processing_time_ms), sum(rate_sum) / nullif(sum(rate_minutes), 0), sum(rebalances),
           sum(memory_sum) / nullif(sum(memory_minutes), 0), max(max_memory_mb)
    FROM lagproof.consumer_slices
    WHERE slice >= at AND slice < at + interval '1 hour'
    GROUP BY service_name
    ON CONFLICT (service_name, hour) DO NOTHING;
END
$$;
COMMENT ON FUNCTION lagproof.add_up_hour(timestamptz) IS 'Adds the slices of an hour up into consumer_hours.';

CREATE OR REPLACE FUNCTION lagproof.sum_up_due(at_most bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    taken timestamptz[];
    one   timestamptz;
BEGIN
    WITH chosen AS (
        SELECT slice FROM lagproof.slices_due WHERE slice <= now() - interval '5 minutes' ORDER BY slice LIMIT at_most
    ), gone AS (
        DELETE FROM lagproof.slices_due AS due USING chosen WHERE due.slice = chosen.slice RETURNING due.slice
    )
    SELECT coalesce(array_agg(slice), '{}') INTO taken FROM gone;
    FOREACH one IN ARRAY taken LOOP
        PERFORM lagproof.sum_up_slice(one);
    END LOOP;
    FOR one IN
        SELECT DISTINCT date_bin('1 hour', slice, '2000-01-01 00:00+00') AS hour FROM unnest(taken) AS slice
    LOOP
        -- After its last slice: it is over, and no other slice is due.
        IF one <= now() - interval '1 hour'
           AND NOT EXISTS (SELECT FROM lagproof.slices_due WHERE slice >= one AND slice < one + interval '1 hour') THEN
            PERFORM lagproof.add_up_hour(one);
        END IF;
    END LOOP;
    -- What belongs to samples that are dropped goes slice by slice.
    FOR one IN
        SELECT DISTINCT slice FROM (
            SELECT slice FROM lagproof.consumer_slices
            WHERE slice < (SELECT samples_since FROM lagproof.monitoring) ORDER BY slice LIMIT coalesce(at_most, 1000000) * 1000
        ) AS oldest
    LOOP
        DELETE FROM lagproof.consumer_slices
        WHERE slice = one AND NOT EXISTS (SELECT FROM lagproof.slices_due AS due
                                          WHERE due.slice >= date_bin('1 hour', one, '2000-01-01 00:00+00')
                                            AND due.slice < date_bin('1 hour', one, '2000-01-01 00:00+00') + interval '1 hour');
    END LOOP;
END
$$;
COMMENT ON FUNCTION lagproof.sum_up_due(bigint) IS 'Sums up so many of the five minutes that are due and over, the oldest first, and the hours that they complete; NULL: all.';

CREATE OR REPLACE FUNCTION lagproof.drop_old_partitions() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    old    text;
    day    date := (SELECT (now() - keep_samples) AT TIME ZONE 'UTC' FROM lagproof.monitoring)::date;
    before timestamptz := day::timestamp AT TIME ZONE 'UTC';
BEGIN
    DELETE FROM lagproof.consumer_hours WHERE hour < now() - (SELECT keep_hours FROM lagproof.monitoring);
    IF EXISTS (SELECT FROM lagproof.slices_due WHERE slice < before) THEN
        RETURN;  -- summed up first, dropped the next time
    END IF;
    FOR old IN
        SELECT partition.relname
        FROM pg_inherits
        JOIN pg_class AS partition ON partition.oid = inhrelid
        JOIN pg_class AS parent ON parent.oid = inhparent
        WHERE inhparent IN ('public.consumer_lag_history'::regclass, 'public.consumer_processing_metrics'::regclass)
          AND partition.relname < lagproof.partition_name(parent.relname, day)
          AND partition.relname ~ '_\d{8}$'
    LOOP
        EXECUTE format('DROP TABLE lagproof.%I', old);
    END LOOP;
    DELETE FROM lagproof.consumer_lag_history_default WHERE "timestamp" < before;
    DELETE FROM lagproof.consumer_processing_metrics_default WHERE "timestamp" < before;
    UPDATE lagproof.monitoring SET samples_since = before;
END
$$;
COMMENT ON FUNCTION lagproof.drop_old_partitions() IS
    'Drops samples and hours that are older than lagproof.monitoring says; samples that are still to be summed up stay.';

CREATE OR REPLACE FUNCTION lagproof.look_after_partitions() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '5s' AS $$
DECLARE
    today date := (now() AT TIME ZONE 'UTC')::date;
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtextextended('lagproof.maintain', 0)) THEN
        RETURN;  -- somebody else is at it
    END IF;
    PERFORM lagproof.drop_old_partitions();
    PERFORM lagproof.make_partition(parent, today + ahead)
    FROM unnest(ARRAY['consumer_lag_history', 'consumer_processing_metrics']) AS parent,
         generate_series(-1, 3) AS ahead;
    UPDATE lagproof.monitoring SET maintained_at = now();
END
$$;
COMMENT ON FUNCTION lagproof.look_after_partitions() IS
    'Drops what is old, and makes partitions from yesterday to three days ahead; the recording functions call it once an hour.';

CREATE OR REPLACE FUNCTION lagproof.maintain_v1() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM lagproof.bring_up_to_date(NULL);
    PERFORM lagproof.look_after_partitions();
END
$$;
COMMENT ON FUNCTION lagproof.maintain_v1() IS
    'Sums up all that has been recorded, drops what is old, and makes partitions from yesterday to three days ahead. Safe at any time.';

CREATE OR REPLACE FUNCTION lagproof.maintain_if_due() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM lagproof.clear_expired_overrides_v1();
    IF (SELECT maintained_at < now() - interval '1 hour' FROM lagproof.monitoring) THEN
        PERFORM lagproof.look_after_partitions();
    END IF;
EXCEPTION
    WHEN lock_not_available OR deadlock_detected OR serialization_failure THEN
        -- Samples are worth more than tidiness; the next call tries again.
        RAISE WARNING 'lagproof.look_after_partitions() waited too long for a lock: %', SQLERRM;
END
$$;
COMMENT ON FUNCTION lagproof.maintain_if_due() IS 'Looks after partitions when the last time is an hour ago, and ends overrides.';

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

CREATE OR REPLACE FUNCTION lagproof.last_hour_processing()
RETURNS TABLE (service_name text, instances integer, processed bigint, error_share double precision, failed bigint,
               per_record_ms double precision, per_second double precision, rebalances bigint, avg_memory double precision,
               max_memory double precision, memory_slope double precision, processing_at timestamptz)
LANGUAGE sql STABLE AS $$
    WITH instances AS (
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
    )
    SELECT service_name, count(*)::integer AS instances, sum(processed)::bigint AS processed,
           (sum(failed) / nullif(sum(judged), 0))::double precision AS error_share, sum(failed)::bigint AS failed,
           (sum(busy_ms) / nullif(sum(timed), 0))::double precision AS per_record_ms,
           sum(per_second) AS per_second, sum(rebalances)::bigint AS rebalances,
           avg(avg_memory) AS avg_memory, max(max_memory) AS max_memory,
           max(memory_slope) FILTER (WHERE memory_samples >= 10 AND covers >= interval '30 minutes') AS memory_slope,
           max(last_at) AS processing_at
    FROM instances
    GROUP BY 1
$$;
COMMENT ON FUNCTION lagproof.last_hour_processing() IS 'Processing metrics of the last hour, one row a service that reported any.';

-- One row a service that reported anything. A service's lag is that of its partitions together: the sum of each one's
-- mean, and for the highest, the sum of each one's highest.
CREATE OR REPLACE VIEW lagproof.last_hour_live AS
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
    )
    SELECT service_name, lag_samples, partitions, avg_lag, max_lag, recent_lag, lag_slope,
           consumed, lag_at, instances, processed, error_share, failed, per_record_ms, per_second, rebalances, avg_memory,
           max_memory, memory_slope, processing_at
    FROM services FULL JOIN lagproof.last_hour_processing() AS processing USING (service_name);
COMMENT ON VIEW lagproof.last_hour_live IS 'What each service reported in the last hour, from the samples.';
COMMENT ON COLUMN lagproof.last_hour_live.service_name IS 'The service.';
COMMENT ON COLUMN lagproof.last_hour_live.lag_samples IS 'Samples of lag.';
COMMENT ON COLUMN lagproof.last_hour_live.partitions IS 'Partitions that they are of.';
COMMENT ON COLUMN lagproof.last_hour_live.avg_lag IS 'The sum of each partition''s mean lag.';
COMMENT ON COLUMN lagproof.last_hour_live.max_lag IS 'The sum of each partition''s highest lag.';
COMMENT ON COLUMN lagproof.last_hour_live.recent_lag IS 'The sum of each partition''s mean lag in the last ten minutes; NULL where none was sampled.';
COMMENT ON COLUMN lagproof.last_hour_live.lag_slope IS 'Records a second by which lag grows (least squares).';
COMMENT ON COLUMN lagproof.last_hour_live.consumed IS 'Records a second that were consumed, from the positions.';
COMMENT ON COLUMN lagproof.last_hour_live.lag_at IS 'The last sample of lag.';
COMMENT ON COLUMN lagproof.last_hour_live.instances IS 'Replicas that reported processing metrics.';
COMMENT ON COLUMN lagproof.last_hour_live.processed IS 'Records processed.';
COMMENT ON COLUMN lagproof.last_hour_live.error_share IS 'The share of records that failed for good, where that was measured.';
COMMENT ON COLUMN lagproof.last_hour_live.failed IS 'Records that failed for good.';
COMMENT ON COLUMN lagproof.last_hour_live.per_record_ms IS 'Milliseconds of processing a record, where that was measured.';
COMMENT ON COLUMN lagproof.last_hour_live.per_second IS 'Reported records a second: the sum of each replica''s mean.';
COMMENT ON COLUMN lagproof.last_hour_live.rebalances IS 'Rebalances; NULL where that was not measured.';
COMMENT ON COLUMN lagproof.last_hour_live.avg_memory IS 'Mean memory of a replica, in megabytes.';
COMMENT ON COLUMN lagproof.last_hour_live.max_memory IS 'Highest memory of a replica, in megabytes.';
COMMENT ON COLUMN lagproof.last_hour_live.memory_slope IS 'Megabytes an hour by which the memory of the worst replica grows; NULL below ten samples or half an hour.';
COMMENT ON COLUMN lagproof.last_hour_live.processing_at IS 'The last processing metrics.';

-- Many samples take longer to sum up than a dashboard should wait. Above busy_above of them in the hour, whoever
-- writes samples keeps the sums, every half minute, and readers take those while they are less than a minute old. So that
-- the writer need not wait either, each five minutes are summed up once, and again only where samples were written for them.
CREATE OR REPLACE FUNCTION lagproof.lag_parts(since timestamptz, until timestamptz)
RETURNS TABLE (service_name text, topic text, partition integer, since timestamptz, samples bigint, lag_sum double precision, max_lag bigint,
               first_at timestamptz, last_at timestamptz, lowest_offset bigint, highest_offset bigint,
               seconds double precision, seconds_squared double precision, seconds_lag double precision)
LANGUAGE sql STABLE AS $$
    SELECT service_name, topic, partition, $1, count(*), sum(lag)::double precision, max(lag), min("timestamp"), max("timestamp"),
           min(consumer_offset), max(consumer_offset), sum(at), sum(at * at), sum(at * lag)
    FROM (
        SELECT service_name, topic, partition, lag, consumer_offset, "timestamp",
               date_part('epoch', "timestamp" - $1) AS at
        FROM public.consumer_lag_history
        WHERE "timestamp" >= $1 AND "timestamp" < $2
    ) AS samples
    GROUP BY 1, 2, 3
$$;
COMMENT ON FUNCTION lagproof.lag_parts(timestamptz, timestamptz) IS
    'Samples of lag from a time (included) to another (not included), summed up by partition, so that such sums can be added to each other.';

CREATE TABLE IF NOT EXISTS lagproof.lag_slices AS SELECT * FROM lagproof.lag_parts('infinity', '-infinity') WITH NO DATA;
CREATE INDEX IF NOT EXISTS lag_slices_since ON lagproof.lag_slices (since);
COMMENT ON TABLE lagproof.lag_slices IS 'Samples of lag summed up by five minutes and partition, for the last hour, where sums are kept.';
COMMENT ON COLUMN lagproof.lag_slices.service_name IS 'The service.';
COMMENT ON COLUMN lagproof.lag_slices.topic IS 'The topic.';
COMMENT ON COLUMN lagproof.lag_slices.partition IS 'The partition.';
COMMENT ON COLUMN lagproof.lag_slices.since IS 'The beginning of the five minutes.';
COMMENT ON COLUMN lagproof.lag_slices.samples IS 'Samples.';
COMMENT ON COLUMN lagproof.lag_slices.lag_sum IS 'The sum of their lags.';
COMMENT ON COLUMN lagproof.lag_slices.max_lag IS 'The highest.';
COMMENT ON COLUMN lagproof.lag_slices.first_at IS 'When the first was taken.';
COMMENT ON COLUMN lagproof.lag_slices.last_at IS 'When the last was taken.';
COMMENT ON COLUMN lagproof.lag_slices.lowest_offset IS 'The lowest position.';
COMMENT ON COLUMN lagproof.lag_slices.highest_offset IS 'The highest position.';
COMMENT ON COLUMN lagproof.lag_slices.seconds IS 'The sum of their times, in seconds from the beginning.';
COMMENT ON COLUMN lagproof.lag_slices.seconds_squared IS 'The sum of the squares of those.';
COMMENT ON COLUMN lagproof.lag_slices.seconds_lag IS 'The sum of the products of time and lag.';

CREATE TABLE IF NOT EXISTS lagproof.last_hour_kept AS SELECT * FROM lagproof.last_hour_live WITH NO DATA;
COMMENT ON TABLE lagproof.last_hour_kept IS 'last_hour_live as it was at lagproof.monitoring.kept_at.';
COMMENT ON COLUMN lagproof.last_hour_kept.service_name IS 'The service.';
COMMENT ON COLUMN lagproof.last_hour_kept.lag_samples IS 'Samples of lag.';
COMMENT ON COLUMN lagproof.last_hour_kept.partitions IS 'Partitions that they are of.';
COMMENT ON COLUMN lagproof.last_hour_kept.avg_lag IS 'The sum of each partition''s mean lag.';
COMMENT ON COLUMN lagproof.last_hour_kept.max_lag IS 'The sum of each partition''s highest lag.';
COMMENT ON COLUMN lagproof.last_hour_kept.recent_lag IS 'The sum of each partition''s mean lag in the last ten minutes; NULL where none was sampled.';
COMMENT ON COLUMN lagproof.last_hour_kept.lag_slope IS 'Records a second by which lag grows (least squares).';
COMMENT ON COLUMN lagproof.last_hour_kept.consumed IS 'Records a second that were consumed, from the positions.';
COMMENT ON COLUMN lagproof.last_hour_kept.lag_at IS 'The last sample of lag.';
COMMENT ON COLUMN lagproof.last_hour_kept.instances IS 'Replicas that reported processing metrics.';
COMMENT ON COLUMN lagproof.last_hour_kept.processed IS 'Records processed.';
COMMENT ON COLUMN lagproof.last_hour_kept.error_share IS 'The share of records that failed for good, where that was measured.';
COMMENT ON COLUMN lagproof.last_hour_kept.failed IS 'Records that failed for good.';
COMMENT ON COLUMN lagproof.last_hour_kept.per_record_ms IS 'Milliseconds of processing a record, where that was measured.';
COMMENT ON COLUMN lagproof.last_hour_kept.per_second IS 'Reported records a second: the sum of each replica''s mean.';
COMMENT ON COLUMN lagproof.last_hour_kept.rebalances IS 'Rebalances; NULL where that was not measured.';
COMMENT ON COLUMN lagproof.last_hour_kept.avg_memory IS 'Mean memory of a replica, in megabytes.';
COMMENT ON COLUMN lagproof.last_hour_kept.max_memory IS 'Highest memory of a replica, in megabytes.';
COMMENT ON COLUMN lagproof.last_hour_kept.memory_slope IS 'Megabytes an hour by which the memory of the worst replica grows; NULL below ten samples or half an hour.';
COMMENT ON COLUMN lagproof.last_hour_kept.processing_at IS 'The last processing metrics.';

CREATE OR REPLACE FUNCTION lagproof.renew_slices(whole timestamptz, touched timestamptz[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    stale timestamptz[];
    slice timestamptz;
BEGIN
    -- What was written for, and all from the last one that there is: it was not over yet, or samples were ahead of their time.
    stale := ARRAY(
        SELECT unnest(touched)
        UNION
        SELECT generate_series((SELECT coalesce(max(since), whole) FROM lagproof.lag_slices WHERE since >= whole), now(),
                               interval '5 minutes'));
    DELETE FROM lagproof.lag_slices WHERE since < whole OR since = ANY (stale);
    FOREACH slice IN ARRAY stale LOOP
        IF slice >= whole AND slice <= now() THEN
            INSERT INTO lagproof.lag_slices
            SELECT * FROM lagproof.lag_parts(slice, least(slice + interval '5 minutes', now() + interval '1 microsecond'));
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION lagproof.renew_slices(timestamptz, timestamptz[]) IS
    'Brings lag_slices from a time on up to date, given the slices that samples were written for.';

CREATE OR REPLACE FUNCTION lagproof.keep_last_hour(touched timestamptz[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    seen    integer;
    started timestamptz := now() - interval '1 hour';
    -- From here on slices lie within the hour, and within its last ten minutes; what is before is taken from the samples.
    whole   timestamptz := date_bin('5 minutes', now() - interval '55 minutes', '2000-01-01 00:00+00');
    recent  timestamptz := date_bin('5 minutes', now() - interval '5 minutes', '2000-01-01 00:00+00');
BEGIN
    SELECT count(*) INTO seen
    FROM (SELECT FROM public.consumer_lag_history WHERE "timestamp" > started
          LIMIT (SELECT busy_above + 1 FROM lagproof.monitoring)) AS enough;
    IF seen <= (SELECT busy_above FROM lagproof.monitoring) THEN
        DELETE FROM lagproof.lag_slices;
        -- Looked at again in half a minute.
        UPDATE lagproof.monitoring SET kept_at = '-infinity', looked_at = clock_timestamp();
        RETURN;
    END IF;
    PERFORM lagproof.renew_slices(whole, touched);
    DELETE FROM lagproof.last_hour_kept;
    INSERT INTO lagproof.last_hour_kept
    WITH parts AS (
        SELECT *, CASE WHEN since >= recent THEN samples END AS recent_samples, CASE WHEN since >= recent THEN lag_sum END AS recent_sum,
               date_part('epoch', since - started) AS ahead
        FROM (
            SELECT * FROM lagproof.lag_slices WHERE since >= whole
            UNION ALL
            SELECT * FROM lagproof.lag_parts(started + interval '1 microsecond', whole)
        ) AS of_the_hour
        UNION ALL
        SELECT service_name, topic, partition, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, samples, lag_sum, NULL
        FROM lagproof.lag_parts(now() - interval '10 minutes', recent)
    ), partitions AS (
        -- Times are counted from the hour's beginning: (t + ahead)² and (t + ahead) × lag, summed.
        SELECT service_name, topic, partition, sum(samples)::bigint AS samples, sum(lag_sum) AS lag_sum, max(max_lag) AS max_lag,
               sum(recent_sum)::numeric / sum(recent_samples) AS recent_lag, min(first_at) AS first_at, max(last_at) AS last_at,
               max(highest_offset) - min(lowest_offset) AS positions,
               sum(seconds + samples * ahead) AS t,
               sum(seconds_squared + 2 * ahead * seconds + samples * ahead * ahead) AS tt,
               sum(seconds_lag + ahead * lag_sum) AS tl
        FROM parts
        GROUP BY 1, 2, 3
    ), services AS (
        SELECT service_name, sum(samples)::bigint AS lag_samples, count(*)::integer AS partitions,
               sum(lag_sum::numeric / samples)::double precision AS avg_lag, sum(max_lag)::double precision AS max_lag,
               sum(recent_lag)::double precision AS recent_lag,
               sum(CASE WHEN last_at > first_at THEN (samples * tl - t * lag_sum) / (samples * tt - t * t) END) AS lag_slope,
               sum(CASE WHEN last_at > first_at THEN positions / date_part('epoch', last_at - first_at) END) AS consumed,
               max(last_at) AS lag_at
        FROM partitions
        GROUP BY 1
    )
    SELECT service_name, lag_samples, partitions, avg_lag, max_lag, recent_lag, lag_slope,
           consumed, lag_at, instances, processed, error_share, failed, per_record_ms, per_second, rebalances, avg_memory,
           max_memory, memory_slope, processing_at
    FROM services FULL JOIN lagproof.last_hour_processing() AS processing USING (service_name);
    UPDATE lagproof.monitoring SET kept_at = clock_timestamp();
END
$$;
COMMENT ON FUNCTION lagproof.keep_last_hour(timestamptz[]) IS
    'Keeps the sums of the last hour where there are many samples, given the slices that samples were written for.';

CREATE OR REPLACE FUNCTION lagproof.bring_up_to_date(slices_at_most bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET work_mem = '64MB' SET jit = off AS $$
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtextextended('lagproof.bring_up_to_date', 0)) THEN
        RETURN;  -- somebody else is at it
    END IF;
    PERFORM lagproof.keep_last_hour(lagproof.take_touched());
    PERFORM lagproof.sum_up_due(slices_at_most);
END
$$;
COMMENT ON FUNCTION lagproof.bring_up_to_date(bigint) IS
    'Keeps the sums of the last hour where there are many samples, and sums up so many of the five minutes that are due (NULL: all).';

CREATE OR REPLACE FUNCTION lagproof.keep_if_due() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '1s' AS $$
BEGIN
    INSERT INTO lagproof.touched (slice)
    SELECT DISTINCT date_bin('5 minutes', "timestamp", '2000-01-01 00:00+00') FROM changed;
    BEGIN
        IF (SELECT greatest(kept_at, looked_at) < now() - interval '30 seconds' FROM lagproof.monitoring) THEN
            -- No call has a whole hour to sum up; what came late in bulk takes some twenty of them.
            PERFORM lagproof.bring_up_to_date((SELECT greatest(1, count(*) / 20) FROM lagproof.slices_due));
        END IF;
    EXCEPTION
        WHEN lock_not_available OR deadlock_detected OR serialization_failure THEN
            NULL;  -- samples are worth more than their sums; the next statement tries again
    END;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION lagproof.keep_if_due() IS
    'Trigger: notes what samples were written for, and brings sums up to date every half minute, whoever writes samples.';

CREATE OR REPLACE FUNCTION lagproof.forget_kept() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    DELETE FROM lagproof.lag_slices;
    UPDATE lagproof.monitoring SET kept_at = '-infinity', looked_at = '-infinity';
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION lagproof.forget_kept() IS 'Trigger: all samples were taken away, so kept sums go, too.';

DO $$
DECLARE
    samples text;
BEGIN
    FOREACH samples IN ARRAY ARRAY['consumer_lag_history', 'consumer_processing_metrics'] LOOP
        EXECUTE format('CREATE OR REPLACE TRIGGER keep_if_due AFTER INSERT ON public.%I REFERENCING NEW TABLE AS changed
                        FOR EACH STATEMENT EXECUTE FUNCTION lagproof.keep_if_due()', samples);
        EXECUTE format('CREATE OR REPLACE TRIGGER keep_if_due_new AFTER UPDATE ON public.%I REFERENCING NEW TABLE AS changed
                        FOR EACH STATEMENT EXECUTE FUNCTION lagproof.keep_if_due()', samples);
        EXECUTE format('CREATE OR REPLACE TRIGGER keep_if_due_old AFTER UPDATE ON public.%I REFERENCING OLD TABLE AS changed
                        FOR EACH STATEMENT EXECUTE FUNCTION lagproof.keep_if_due()', samples);
        EXECUTE format('CREATE OR REPLACE TRIGGER keep_if_due_deleted AFTER DELETE ON public.%I REFERENCING OLD TABLE AS changed
                        FOR EACH STATEMENT EXECUTE FUNCTION lagproof.keep_if_due()', samples);
        EXECUTE format('CREATE OR REPLACE TRIGGER forget_kept AFTER TRUNCATE ON public.%I
                        FOR EACH STATEMENT EXECUTE FUNCTION lagproof.forget_kept()', samples);
    END LOOP;
END
$$;

-- A function, so that the planner takes one of the two and not the cost of both: what it thinks of an hour's samples would
-- have it compile every query of a dashboard, which takes seconds.
CREATE OR REPLACE FUNCTION lagproof.last_hour_rows() RETURNS SETOF lagproof.last_hour_kept
LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 1000 SET search_path = pg_catalog, pg_temp SET jit = off AS $$
BEGIN
    IF (SELECT kept_at > now() - interval '1 minute' FROM lagproof.monitoring) THEN
        RETURN QUERY SELECT * FROM lagproof.last_hour_kept;
    ELSE
        RETURN QUERY SELECT * FROM lagproof.last_hour_live;
    END IF;
END
$$;
COMMENT ON FUNCTION lagproof.last_hour_rows() IS 'The sums of the last hour: those that are kept, while they are less than a minute old, else from the samples.';

CREATE OR REPLACE VIEW lagproof.last_hour AS
    SELECT service_name, lag_samples, partitions, avg_lag, max_lag, recent_lag, lag_slope, consumed, lag_at, instances, processed,
           error_share, failed, per_record_ms, per_second, rebalances, avg_memory, max_memory, memory_slope, processing_at
    FROM lagproof.last_hour_rows();
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

-- ---- alerts ---------------------------------------------------------------------------------------------------------

-- What alerts and recommendations are made from, one row a service: what it is set to, what it reported, what is
-- expected of it.
CREATE OR REPLACE VIEW lagproof.facts AS
    SELECT service_name, config.status, coalesce(config.target_lag, 100) AS target_lag,
           coalesce(config.target_error_share, 0.01) AS target_error_share,
           coalesce(config.target_rebalances_per_hour, 1) AS target_rebalances,
           config.max_poll_records, config.max_poll_interval_ms, config.session_timeout_ms, config.heartbeat_interval_ms,
           config.fetch_max_bytes, config.concurrency, config.replicas, config.generation, config.updated_at,
           (config.settings #>> '{delivery,retry,attempts}')::integer AS attempts,
           config.settings ->> 'instance_id' AS instance_id,
           expected.expected_rate, expected.partitions AS declared_partitions, expected.largest_topic, expected.main_topic,
           measured.lag_samples, measured.partitions, measured.avg_lag, measured.max_lag, measured.recent_lag,
           measured.lag_slope, measured.consumed, measured.processed, measured.error_share, measured.failed,
           measured.per_record_ms, measured.rebalances, measured.avg_memory, measured.max_memory, measured.memory_slope,
           measured.instances, greatest(measured.lag_at, measured.processing_at) AS reported_at, measured.lag_at,
           arriving.rate AS arriving,
           -- The share of the replicas' time that handlers take for what arrives: 1 is all of it.
           arriving.rate * measured.per_record_ms / 1000
               / (coalesce(config.replicas, measured.instances, 1) * coalesce(config.concurrency, 1)) AS load,
           -- A whole batch against the poll interval: 1 is all of it.
           ceil(config.max_poll_records::numeric / coalesce(config.concurrency, 1)) * measured.per_record_ms
               / config.max_poll_interval_ms AS poll_share
    FROM public.pipeline_consumer_configs AS config
    FULL JOIN lagproof.last_hour AS measured USING (service_name)
    LEFT JOIN lagproof.expected USING (service_name)
    CROSS JOIN LATERAL (
        SELECT coalesce(measured.consumed + greatest(measured.lag_slope, 0), measured.per_second, expected.expected_rate)
            AS rate
    ) AS arriving;

CREATE OR REPLACE VIEW public.v_consumer_alerts AS
    WITH facts AS MATERIALIZED (SELECT * FROM lagproof.facts),
    lag_alerts AS (
        SELECT behind.*,
               CASE setting
                   WHEN 'record_processing_metrics' THEN 'record processing metrics (record_processing_metrics), so that it can be seen whether the handler or the batch size holds it up'
                       || coalesce('; until then raise replicas from ' || replicas || ' to ' || least(replicas * 2, greatest(partitions, replicas + 1)), '')
                   WHEN 'max_poll_records' THEN format('raise max_poll_records from %s to %s: handlers are busy %s %% of the time, so what holds it up is the cost of a batch; %s records take %s ms of the %s ms poll interval',
                       current_value, recommended_value, round((load * 100)::numeric), recommended_value,
                       round((recommended_value * per_record_ms / coalesce(concurrency, 1))::numeric, 1), max_poll_interval_ms)
                   WHEN 'replicas' THEN format('raise replicas from %s to %s: %s records a second arrive, each takes %s ms, so the replicas would be busy %s %% of the time; %s partitions are enough',
                       current_value, recommended_value, round(arriving::numeric, 1), round(per_record_ms::numeric, 1),
                       round((load * 100)::numeric), coalesce(declared_partitions, partitions))
                   WHEN 'partitions' THEN format('raise partitions of %s from %s to %s and replicas from %s to %s: %s records a second arrive, each takes %s ms, so the replicas would be busy %s %% of the time, and there are no partitions for more',
                       coalesce(main_topic, 'its topic'), current_value, recommended_value, coalesce(replicas, instances, 1),
                       needed_replicas, round(arriving::numeric, 1), round(per_record_ms::numeric, 1), round((load * 100)::numeric))
                   ELSE format('look at the broker and the network: handlers are busy %s %% of the time and batches are already %s records; raise fetch_max_wait_ms or fetch_max_bytes if fetches come back small',
                       round((load * 100)::numeric), coalesce(max_poll_records::text, 'unlimited'))
               END AS recommendation
        FROM (
            SELECT facts.*, sized.needed_replicas, chosen.setting,
                   CASE chosen.setting
                       WHEN 'max_poll_records' THEN facts.max_poll_records
                       WHEN 'replicas' THEN coalesce(facts.replicas, facts.instances, 1)
                       WHEN 'partitions' THEN coalesce(facts.largest_topic, facts.partitions) END AS current_value,
                   CASE chosen.setting
                       WHEN 'max_poll_records' THEN sized.better_batch
                       WHEN 'replicas' THEN sized.needed_replicas
                       WHEN 'partitions' THEN sized.needed_replicas END AS recommended_value
            FROM facts
            CROSS JOIN LATERAL (
                SELECT greatest(
                           -- So many that they are busy 70 % of the time, and at least one more.
                           ceil(round((arriving * per_record_ms / 1000 / coalesce(concurrency, 1) / 0.7)::numeric, 6)),
                           coalesce(replicas, instances, 1) + 1)::integer AS needed_replicas,
                       -- What arrives in a second, or ten times what it is, but never more than half the poll interval.
                       least(greatest(ceil(round(arriving::numeric, 3)), max_poll_records * 10), 10000,
                             floor(max_poll_interval_ms * 0.5 * coalesce(concurrency, 1) / nullif(per_record_ms, 0)))::integer
                           AS better_batch
            ) AS sized
            CROSS JOIN LATERAL (
                SELECT CASE
                    WHEN per_record_ms IS NULL OR arriving IS NULL THEN 'record_processing_metrics'
                    WHEN load < 0.7 AND max_poll_records < sized.better_batch THEN 'max_poll_records'
                    WHEN load < 0.7 THEN 'fetches'
                    WHEN sized.needed_replicas <= coalesce(declared_partitions, partitions) THEN 'replicas'
                    ELSE 'partitions' END AS setting
            ) AS chosen
            WHERE status IS DISTINCT FROM 'retired' AND max_lag >= target_lag
        ) AS behind
    )
    -- Lag above the target.
    SELECT service_name,
           CASE WHEN coalesce(recent_lag, avg_lag) >= 50 * target_lag
                  OR coalesce(recent_lag, avg_lag) >= 10 * target_lag AND lag_slope > 0 THEN 'critical'
                WHEN coalesce(recent_lag, avg_lag) >= target_lag THEN 'high'
                WHEN avg_lag >= target_lag THEN 'medium'
                ELSE 'low' END AS priority,
           'lag' AS alert,
           format('lag is %s records on average over the last hour, %s at most, %s in the last ten minutes; the target is below %s%s',
                  round(avg_lag::numeric, 1), round(max_lag::numeric), coalesce(round(recent_lag::numeric, 1)::text, 'unknown'),
                  target_lag, CASE WHEN lag_slope > 0 THEN format('; it grows by %s records a second', round(lag_slope::numeric, 2)) ELSE '' END)
               AS problem,
           recommendation, nullif(setting, 'record_processing_metrics') AS setting,
           current_value::double precision AS current_value, recommended_value::double precision AS recommended_value,
           jsonb_build_object('avg_lag', avg_lag, 'max_lag', max_lag, 'recent_lag', recent_lag, 'target_lag', target_lag,
                              'lag_slope', lag_slope, 'arriving', arriving, 'consumed', consumed, 'load', load,
                              'per_record_ms', per_record_ms) AS evidence
    FROM lag_alerts
    UNION ALL
    -- A batch against the poll interval.
    SELECT service_name, CASE WHEN poll_share >= 1 THEN 'critical' ELSE 'high' END, 'poll budget',
           format('a full batch of %s records takes %s ms at %s ms a record; the poll interval is %s ms%s', max_poll_records,
                  round((poll_share * max_poll_interval_ms)::numeric), round(per_record_ms::numeric, 1), max_poll_interval_ms,
                  CASE WHEN poll_share >= 1 THEN ': the consumer leaves its group and gets the same records again' ELSE '' END),
           CASE WHEN batch.fits >= 1
                THEN format('lower max_poll_records from %s to %s, so that a batch takes half the poll interval', max_poll_records, batch.fits)
                ELSE format('raise max_poll_interval_ms from %s to %s: one record alone takes more than half of it', max_poll_interval_ms, batch.interval_ms) END,
           CASE WHEN batch.fits >= 1 THEN 'max_poll_records' ELSE 'max_poll_interval_ms' END,
           CASE WHEN batch.fits >= 1 THEN max_poll_records ELSE max_poll_interval_ms END,
           CASE WHEN batch.fits >= 1 THEN batch.fits ELSE batch.interval_ms END,
           jsonb_build_object('per_record_ms', per_record_ms, 'max_poll_records', max_poll_records,
                              'max_poll_interval_ms', max_poll_interval_ms, 'share', poll_share)
    FROM facts
    CROSS JOIN LATERAL (
        SELECT floor(max_poll_interval_ms * 0.5 / per_record_ms * coalesce(concurrency, 1)) AS fits,
               least(ceil(2 * per_record_ms / 60000) * 60000, 86400000) AS interval_ms
    ) AS batch
    WHERE status = 'active' AND per_record_ms > 0 AND poll_share > 0.8
    UNION ALL
    -- Errors.
    SELECT service_name, CASE WHEN error_share >= 10 * target_error_share THEN 'critical' ELSE 'high' END, 'errors',
           format('%s of %s records failed for good, %s %%; the target is below %s %%', failed, processed,
                  round((error_share * 100)::numeric, 2), round((target_error_share * 100)::numeric, 2)),
           CASE WHEN attempts IS NULL
                THEN 'declare retry = { attempts = 3, backoff = "1s", dead_letter = "…" } under [delivery]: failed records are not tried again'
                ELSE format('find out why records fail after %s attempts (their dead letters say); if what they call is only away for a while, raise delivery.retry.attempts from %s to %s', attempts, attempts, attempts + 2) END,
           'delivery.retry.attempts', attempts, coalesce(attempts + 2, 3),
           jsonb_build_object('error_share', error_share, 'target', target_error_share, 'failed', failed, 'processed', processed)
    FROM facts
    WHERE status IS DISTINCT FROM 'retired' AND error_share >= target_error_share
    UNION ALL
    -- Rebalances.
    SELECT service_name, CASE WHEN facts.rebalances >= 10 * target_rebalances THEN 'critical' ELSE 'high' END, 'rebalances',
           format('%s rebalances in the last hour; the target is below %s', facts.rebalances, target_rebalances),
           CASE advice.setting
               WHEN 'poll budget' THEN 'first see to the poll budget: batches overrun the poll interval, and each time that is a rebalance'
               WHEN 'heartbeat_interval_ms' THEN format('lower heartbeat_interval_ms from %s to %s, a third of the session timeout, so that two heartbeats may be lost', heartbeat_interval_ms, session_timeout_ms / 3)
               WHEN 'session_timeout_ms' THEN format('raise session_timeout_ms from %s to %s, so that pauses are survived', session_timeout_ms, least(session_timeout_ms * 2, max_poll_interval_ms, 1800000))
               ELSE 'give its replicas a static instance_id, so that a restart is no rebalance, and see whether deployments cause them' END,
           nullif(advice.setting, 'poll budget'),
           CASE advice.setting WHEN 'heartbeat_interval_ms' THEN heartbeat_interval_ms WHEN 'session_timeout_ms' THEN session_timeout_ms END,
           CASE advice.setting WHEN 'heartbeat_interval_ms' THEN session_timeout_ms / 3
                               WHEN 'session_timeout_ms' THEN least(session_timeout_ms * 2, max_poll_interval_ms, 1800000) END,
           jsonb_build_object('rebalances', facts.rebalances, 'target', target_rebalances)
    FROM facts
    CROSS JOIN LATERAL (
        SELECT CASE WHEN poll_share >= 1 THEN 'poll budget'
                    WHEN heartbeat_interval_ms > session_timeout_ms / 3 THEN 'heartbeat_interval_ms'
                    WHEN session_timeout_ms < least(coalesce(max_poll_interval_ms, 300000), 60000) THEN 'session_timeout_ms'
                    ELSE 'instance_id' END AS setting
    ) AS advice
    WHERE status IS DISTINCT FROM 'retired' AND facts.rebalances >= target_rebalances
    UNION ALL
    -- Memory that only grows.
    SELECT service_name, CASE WHEN memory_slope >= avg_memory THEN 'high' ELSE 'medium' END, 'memory',
           format('memory grows by %s MB an hour, to %s MB now', round(memory_slope::numeric, 1), round(max_memory::numeric, 1)),
           CASE WHEN max_poll_records > 1
                THEN format('lower max_poll_records from %s to %s and see whether it still grows; if it does, the handler keeps what it should let go', max_poll_records, max_poll_records / 2)
                WHEN fetch_max_bytes > 2000000
                THEN format('lower fetch_max_bytes from %s to %s and see whether it still grows; if it does, the handler keeps what it should let go', fetch_max_bytes, fetch_max_bytes / 2)
                ELSE 'look in the handler for what it keeps: its batch is one record' END,
           CASE WHEN max_poll_records > 1 THEN 'max_poll_records' WHEN fetch_max_bytes > 2000000 THEN 'fetch_max_bytes' END,
           CASE WHEN max_poll_records > 1 THEN max_poll_records WHEN fetch_max_bytes > 2000000 THEN fetch_max_bytes END,
           CASE WHEN max_poll_records > 1 THEN max_poll_records / 2 WHEN fetch_max_bytes > 2000000 THEN fetch_max_bytes / 2 END,
           jsonb_build_object('mb_an_hour', memory_slope, 'avg_memory_mb', avg_memory, 'max_memory_mb', max_memory)
    FROM facts
    WHERE status IS DISTINCT FROM 'retired' AND memory_slope > 0.1 * avg_memory
    UNION ALL
    -- Silence.
    SELECT service_name, CASE WHEN heard.last_at IS NULL THEN 'low' ELSE 'high' END, 'silence',
           CASE WHEN heard.last_at IS NULL THEN 'no lag has been recorded in the last day'
                ELSE format('no lag has been recorded for %s minutes', floor(extract(epoch FROM now() - heard.last_at) / 60)) END,
           CASE WHEN heard.last_at IS NULL THEN 'record its lag: SELECT record_consumer_lag(…), every 30 s or so'
                ELSE 'see whether it runs: its last sample was taken at ' || to_char(heard.last_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI "UTC"') END,
           NULL, NULL, NULL, jsonb_build_object('last_at', heard.last_at)
    FROM facts
    CROSS JOIN LATERAL (
        SELECT coalesce(lag_at, (SELECT max("timestamp") FROM public.consumer_lag_history AS sample
                                 WHERE sample.service_name = facts.service_name
                                   AND "timestamp" > now() - interval '1 day')) AS last_at
    ) AS heard
    WHERE status = 'active' AND (heard.last_at IS NULL OR heard.last_at < now() - interval '15 minutes')
    UNION ALL
    -- Retired, and still running.
    SELECT service_name, 'medium', 'retired',
           'its profile was removed, and it still reported at ' || to_char(reported_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI "UTC"'),
           'stop it, or bring its profile back', NULL, NULL, NULL, jsonb_build_object('last_at', reported_at)
    FROM facts
    WHERE status = 'retired' AND reported_at > now() - interval '15 minutes'
    UNION ALL
    -- Reported, and nowhere declared.
    SELECT service_name, 'low', 'undeclared', 'it reports, and no profile declares it',
           'declare it in profiles/services/, so that it has targets of its own', NULL, NULL, NULL,
           jsonb_build_object('last_at', reported_at)
    FROM facts
    WHERE status IS NULL
    UNION ALL
    -- Replicas that run with an older configuration.
    SELECT service_name, 'medium', 'stale configuration',
           format('%s of %s replicas run with a configuration from before %s', count(*) FILTER (WHERE said.generation < facts.generation),
                  count(*), to_char(min(facts.updated_at) AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI "UTC"')),
           'see whether they still read their configuration; settings that need it take effect with a restart: '
               || string_agg(said.instance, ', ' ORDER BY said.instance) FILTER (WHERE said.generation < facts.generation),
           NULL, NULL, NULL,
           jsonb_build_object('generation', min(facts.generation), 'oldest', min(said.generation))
    FROM facts JOIN lagproof.acknowledgements AS said USING (service_name)
    WHERE status = 'active' AND updated_at < now() - interval '5 minutes'
    GROUP BY service_name
    HAVING bool_or(said.generation < facts.generation)
    UNION ALL
    -- Replicas without a partition.
    SELECT service_name, 'low', 'idle replicas',
           format('%s replicas share %s partitions: %s of them have nothing to do', replicas, declared_partitions, replicas - declared_partitions),
           format('lower replicas from %s to %s, or raise partitions of %s', replicas, declared_partitions, main_topic),
           'replicas', replicas, declared_partitions, jsonb_build_object('replicas', replicas, 'partitions', declared_partitions)
    FROM facts
    WHERE status = 'active' AND replicas > declared_partitions;

COMMENT ON VIEW lagproof.facts IS 'What alerts are made from, one row a service: settings, measurements of the last hour, expectations.';
COMMENT ON COLUMN lagproof.facts.service_name IS 'The service.';
COMMENT ON COLUMN lagproof.facts.status IS 'active or retired; NULL: no profile declares it.';
COMMENT ON COLUMN lagproof.facts.target_lag IS 'What lag must stay below.';
COMMENT ON COLUMN lagproof.facts.target_error_share IS 'The share of records that may fail.';
COMMENT ON COLUMN lagproof.facts.target_rebalances IS 'Rebalances an hour that it must stay below.';
COMMENT ON COLUMN lagproof.facts.max_poll_records IS 'As set.';
COMMENT ON COLUMN lagproof.facts.max_poll_interval_ms IS 'As set, in milliseconds.';
COMMENT ON COLUMN lagproof.facts.session_timeout_ms IS 'As set, in milliseconds.';
COMMENT ON COLUMN lagproof.facts.heartbeat_interval_ms IS 'As set, in milliseconds.';
COMMENT ON COLUMN lagproof.facts.fetch_max_bytes IS 'As set, in bytes.';
COMMENT ON COLUMN lagproof.facts.concurrency IS 'Records processed at once in one replica; NULL: unbounded.';
COMMENT ON COLUMN lagproof.facts.replicas IS 'Replicas that are meant to run.';
COMMENT ON COLUMN lagproof.facts.generation IS 'The rows generation.';
COMMENT ON COLUMN lagproof.facts.updated_at IS 'When its configuration last changed.';
COMMENT ON COLUMN lagproof.facts.attempts IS 'Tries a record gets, the first among them; NULL: no retry.';
COMMENT ON COLUMN lagproof.facts.instance_id IS 'Its static member id; NULL: none.';
COMMENT ON COLUMN lagproof.facts.expected_rate IS 'Expected records a second, over its topics.';
COMMENT ON COLUMN lagproof.facts.declared_partitions IS 'Partitions of its topics together.';
COMMENT ON COLUMN lagproof.facts.largest_topic IS 'Partitions of the topic that has most.';
COMMENT ON COLUMN lagproof.facts.main_topic IS 'The topic with the highest expected rate.';
COMMENT ON COLUMN lagproof.facts.lag_samples IS 'Samples of lag in the last hour.';
COMMENT ON COLUMN lagproof.facts.partitions IS 'Partitions that they are of.';
COMMENT ON COLUMN lagproof.facts.avg_lag IS 'As in last_hour.';
COMMENT ON COLUMN lagproof.facts.max_lag IS 'As in last_hour.';
COMMENT ON COLUMN lagproof.facts.recent_lag IS 'As in last_hour.';
COMMENT ON COLUMN lagproof.facts.lag_slope IS 'As in last_hour.';
COMMENT ON COLUMN lagproof.facts.consumed IS 'As in last_hour.';
COMMENT ON COLUMN lagproof.facts.processed IS 'As in last_hour.';
COMMENT ON COLUMN lagproof.facts.error_share IS 'As in last_hour.';
COMMENT ON COLUMN lagproof.facts.failed IS 'As in last_hour.';
COMMENT ON COLUMN lagproof.facts.per_record_ms IS 'As in last_hour.';
COMMENT ON COLUMN lagproof.facts.rebalances IS 'As in last_hour.';
COMMENT ON COLUMN lagproof.facts.avg_memory IS 'As in last_hour.';
COMMENT ON COLUMN lagproof.facts.max_memory IS 'As in last_hour.';
COMMENT ON COLUMN lagproof.facts.memory_slope IS 'As in last_hour.';
COMMENT ON COLUMN lagproof.facts.instances IS 'As in last_hour.';
COMMENT ON COLUMN lagproof.facts.reported_at IS 'When it last reported anything.';
COMMENT ON COLUMN lagproof.facts.lag_at IS 'When it last reported lag.';
COMMENT ON COLUMN lagproof.facts.arriving IS 'Records a second that arrive: consumed plus growth of lag, else the reported rate, else the expected one.';
COMMENT ON COLUMN lagproof.facts.load IS 'The share of the replicas time that handlers take for what arrives: 1 is all of it.';
COMMENT ON COLUMN lagproof.facts.poll_share IS 'A whole batch against the poll interval: 1 is all of it.';
COMMENT ON VIEW public.v_consumer_alerts IS 'What is wrong now, and what to do: one row a service and kind of alert. Thresholds are each service''s declared targets.';
COMMENT ON COLUMN public.v_consumer_alerts.service_name IS 'The service.';
COMMENT ON COLUMN public.v_consumer_alerts.priority IS 'critical (records are being lost to time, or it never gets on), high (a target is missed now), medium (missed within the hour, or what will lead there: memory that grows, an older configuration, a retired service that runs), low (worth knowing).';
COMMENT ON COLUMN public.v_consumer_alerts.alert IS 'Which kind: lag, poll budget, errors, rebalances, memory, silence, retired, undeclared, stale configuration, idle replicas.';
COMMENT ON COLUMN public.v_consumer_alerts.problem IS 'What is wrong, with the numbers.';
COMMENT ON COLUMN public.v_consumer_alerts.recommendation IS 'What to do about it: which setting, from what, to what, and why.';
COMMENT ON COLUMN public.v_consumer_alerts.setting IS 'The setting to change; NULL where it is not a setting.';
COMMENT ON COLUMN public.v_consumer_alerts.current_value IS 'What the setting is.';
COMMENT ON COLUMN public.v_consumer_alerts.recommended_value IS 'What it should be.';
COMMENT ON COLUMN public.v_consumer_alerts.evidence IS 'The numbers that this rests on.';

-- ---- partitions -----------------------------------------------------------------------------------------------------

CREATE OR REPLACE FUNCTION lagproof.partition_rates() RETURNS TABLE (topic text, partition integer, rate double precision)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off AS $$
#variable_conflict use_column
BEGIN
    IF (SELECT kept_at > now() - interval '1 minute' FROM lagproof.monitoring) THEN
        RETURN QUERY
            SELECT topic, partition, max(rate)
            FROM (
                SELECT topic, partition,
                       (max(highest_offset) - min(lowest_offset)) / date_part('epoch', max(last_at) - min(first_at)) AS rate
                FROM lagproof.lag_slices
                WHERE highest_offset IS NOT NULL
                GROUP BY service_name, topic, partition
                HAVING max(last_at) > min(first_at)
            ) AS readers
            GROUP BY 1, 2;
    ELSE
        RETURN QUERY
            SELECT topic, partition, max(rate)
            FROM (
                SELECT topic, partition,
                       (max(consumer_offset) - min(consumer_offset)) / date_part('epoch', max("timestamp") - min("timestamp")) AS rate
                FROM public.consumer_lag_history
                WHERE "timestamp" > now() - interval '1 hour' AND "timestamp" <= now() AND consumer_offset IS NOT NULL
                GROUP BY service_name, topic, partition
                HAVING max("timestamp") > min("timestamp")
            ) AS readers
            GROUP BY 1, 2;
    END IF;
END
$$;
COMMENT ON FUNCTION lagproof.partition_rates() IS
    'Records a second through each partition in the last hour, from the positions of whoever reads furthest; from kept sums while they are less than a minute old.';

CREATE OR REPLACE VIEW public.v_partition_efficiency AS
    WITH throughput AS (
        SELECT topic, sum(rate) AS measured_rate, max(rate) AS hottest_rate FROM lagproof.partition_rates() GROUP BY 1
    ), readers AS (
        SELECT flow.topic, count(*)::integer AS services, max(flow.replicas) AS replicas,
               (array_agg(flow.service_name ORDER BY facts.per_record_ms / coalesce(facts.concurrency, 1) DESC NULLS LAST))[1] AS slowest,
               max(facts.per_record_ms / coalesce(facts.concurrency, 1)) AS slowest_ms
        FROM lagproof.flows AS flow JOIN lagproof.facts USING (service_name)
        GROUP BY 1
    ), judged AS (
        SELECT topic.topic AS topic_name, topic.partitions_now AS current_partitions, topic.partitions AS target_partitions,
               readers.services, readers.replicas, topic.expected_rate, topic.peak_rate, throughput.measured_rate,
               coalesce(throughput.measured_rate, topic.expected_rate)
                   / coalesce(topic.partitions_now, topic.partitions) AS rate_per_partition,
               throughput.hottest_rate / nullif(throughput.measured_rate, 0) AS hottest_share,
               readers.slowest, readers.slowest_ms,
               -- So many members that the slowest reader is busy 80 % of the time at peak.
               ceil(greatest(topic.peak_rate, topic.expected_rate, throughput.measured_rate) * readers.slowest_ms / 1000 / 0.8)::integer
                   AS needed_partitions
        FROM lagproof.topics AS topic
        LEFT JOIN readers USING (topic)
        LEFT JOIN throughput USING (topic)
    )
    SELECT topic_name, current_partitions, target_partitions, services, replicas, expected_rate, peak_rate, measured_rate,
           rate_per_partition, hottest_share, needed_partitions, verdict.word AS verdict,
           CASE verdict.word
               WHEN 'too few' THEN format('declare %s partitions instead of %s: at %s records a second, %s takes %s ms a record',
                   needed_partitions, target_partitions, greatest(peak_rate, expected_rate, measured_rate), slowest, round(slowest_ms::numeric, 1))
               WHEN 'grow' THEN format('grow it from %s to %s partitions, as declared: generate_partition_update_script()',
                   coalesce(current_partitions::text, 'what it has'), target_partitions)
               WHEN 'idle replicas' THEN format('declare at least %s partitions, or run fewer replicas: %s replicas share %s', replicas, replicas, target_partitions)
               WHEN 'skewed' THEN format('one partition takes %s %% of the records, where an even share is %s %%: look at the keys',
                   round((hottest_share * 100)::numeric), round(100.0 / coalesce(current_partitions, target_partitions)))
               WHEN 'unread' THEN 'no declared service reads it'
               ELSE 'nothing to do' END AS recommendation
    FROM judged
    CROSS JOIN LATERAL (
        SELECT CASE
            WHEN needed_partitions > target_partitions THEN 'too few'
            WHEN replicas > target_partitions THEN 'idle replicas'
            WHEN current_partitions IS NULL OR current_partitions < target_partitions THEN 'grow'
            WHEN hottest_share > 2.0 / coalesce(current_partitions, target_partitions)
                 AND coalesce(current_partitions, target_partitions) > 1 THEN 'skewed'
            WHEN services IS NULL THEN 'unread'
            ELSE 'fits' END AS word
    ) AS verdict;
COMMENT ON VIEW public.v_partition_efficiency IS 'Whether topics have the partitions that their rates and readers need, one row a declared topic.';
COMMENT ON COLUMN public.v_partition_efficiency.topic_name IS 'The topic.';
COMMENT ON COLUMN public.v_partition_efficiency.current_partitions IS 'Partitions as last known; NULL: not known.';
COMMENT ON COLUMN public.v_partition_efficiency.target_partitions IS 'Partitions as declared.';
COMMENT ON COLUMN public.v_partition_efficiency.services IS 'Active services that read it; NULL: none.';
COMMENT ON COLUMN public.v_partition_efficiency.replicas IS 'Replicas of the largest of them.';
COMMENT ON COLUMN public.v_partition_efficiency.expected_rate IS 'Expected records a second.';
COMMENT ON COLUMN public.v_partition_efficiency.peak_rate IS 'Records a second at peak.';
COMMENT ON COLUMN public.v_partition_efficiency.measured_rate IS 'Records a second in the last hour, from the positions of whoever reads furthest.';
COMMENT ON COLUMN public.v_partition_efficiency.rate_per_partition IS 'Measured (else expected) records a second and partition.';
COMMENT ON COLUMN public.v_partition_efficiency.hottest_share IS 'The share of records in the busiest partition (0.5 is half).';
COMMENT ON COLUMN public.v_partition_efficiency.needed_partitions IS 'Partitions that keep the slowest reader busy 80 % of the time at peak; NULL where its time a record is not measured.';
COMMENT ON COLUMN public.v_partition_efficiency.verdict IS 'too few, idle replicas, grow (fewer than declared), skewed, unread, or fits.';
COMMENT ON COLUMN public.v_partition_efficiency.recommendation IS 'What to do.';

-- ---- who may what ---------------------------------------------------------------------------------------------------

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA lagproof FROM PUBLIC;
REVOKE ALL ON FUNCTION public.record_consumer_lag(text, text, integer, bigint, bigint, timestamptz),
    public.record_consumer_lag(jsonb), public.record_processing_metrics(jsonb),
    public.record_processing_metrics(text, bigint, double precision, double precision, double precision, timestamptz, bigint, integer, text)
    FROM PUBLIC;

DO $$
BEGIN
    PERFORM lagproof.grant_if_possible('SELECT', object, role)
    FROM unnest(ARRAY['public.consumer_lag_history', 'public.consumer_processing_metrics',
                      'public.v_consumer_performance_monitor', 'public.v_consumer_performance_history',
                      'public.v_consumer_alerts', 'public.v_partition_efficiency', 'lagproof.consumer_hours',
                      'lagproof.monitoring', 'lagproof.last_hour', 'lagproof.facts', 'lagproof.expected']) AS object,
         unnest(ARRAY['lagproof_migrator', 'lagproof_operator', 'lagproof_reader']) AS role;
    PERFORM lagproof.grant_if_possible('EXECUTE', 'FUNCTION lagproof.consumer_minutes(timestamptz, timestamptz)', role),
           lagproof.grant_if_possible('EXECUTE', 'FUNCTION lagproof.last_hour_rows()', role),
           lagproof.grant_if_possible('EXECUTE', 'FUNCTION lagproof.partition_rates()', role)
    FROM unnest(ARRAY['lagproof_migrator', 'lagproof_operator', 'lagproof_reader']) AS role;
    PERFORM lagproof.grant_if_possible('INSERT', object, 'lagproof_service')
    FROM unnest(ARRAY['public.consumer_lag_history', 'public.consumer_processing_metrics']) AS object;
    PERFORM lagproof.grant_if_possible('EXECUTE', 'FUNCTION ' || signature, 'lagproof_service')
    FROM unnest(ARRAY[
        'public.record_consumer_lag(text, text, integer, bigint, bigint, timestamptz)',
        'public.record_consumer_lag(jsonb)', 'public.record_processing_metrics(jsonb)',
        'public.record_processing_metrics(text, bigint, double precision, double precision, double precision, timestamptz, bigint, integer, text)'
    ]) AS signature;
    PERFORM lagproof.grant_if_possible('EXECUTE', 'FUNCTION lagproof.maintain_v1()', role)
    FROM unnest(ARRAY['lagproof_migrator', 'lagproof_operator']) AS role;
    -- `lagproof migrate` has made it by now; psql makes none.
    IF to_regclass('lagproof.ledger') IS NOT NULL THEN
        PERFORM lagproof.grant_if_possible('SELECT, INSERT, DELETE', 'lagproof.ledger', 'lagproof_migrator');
    END IF;
END
$$;

-- ---- samples from before lagproof -----------------------------------------------------------------------------------

DO $$
DECLARE
    history record;
    oldest  timestamptz;
BEGIN
    FOR history IN
        SELECT * FROM (VALUES
            ('consumer_lag_history', ARRAY['service_name', 'topic', 'partition', 'lag'],
             '{"timestamp": ["recorded_at", "created_at", "measured_at", "sampled_at"], "consumer_offset": ["current_offset"]}'::jsonb,
             'concat_ws('' '', service_name, topic, partition, "timestamp")'),
            ('consumer_processing_metrics', ARRAY['service_name', 'messages_processed'],
             '{"timestamp": ["recorded_at", "created_at", "measured_at", "sampled_at"]}',
             'concat_ws('' '', service_name, "timestamp")')
        ) AS tables (name, keys, other_names, row_key)
        WHERE to_regclass('lagproof.' || name) IS NOT NULL
    LOOP
        IF NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = ('lagproof.' || history.name)::regclass AND attnum > 0
                       AND (attname = 'timestamp' OR history.other_names -> 'timestamp' ? attname::text)) THEN
            PERFORM lagproof.not_adoptable(history.name, 'it has no column timestamp');
        END IF;
        PERFORM lagproof.adopt_rows(history.name, history.keys, '{}', history.other_names, history.row_key, 'aside');
        -- Nothing is dropped for being old.
        EXECUTE format('SELECT min("timestamp") FROM public.%I WHERE "timestamp" > ''-infinity''', history.name) INTO oldest;
        UPDATE lagproof.monitoring SET keep_samples = now() - oldest + interval '14 days'
        WHERE now() - oldest + interval '1 day' > keep_samples;
        IF FOUND THEN
            INSERT INTO lagproof.adoption_findings (table_name, column_name, problem)
            SELECT history.name, 'timestamp', format('samples go back to %s: lagproof.monitoring.keep_samples is %s, so that none is dropped',
                to_char(oldest AT TIME ZONE 'UTC', 'YYYY-MM-DD'), date_trunc('day', keep_samples)) FROM lagproof.monitoring;
        END IF;
        EXECUTE format('SELECT lagproof.make_partition(%L, day) FROM (
            SELECT DISTINCT ("timestamp" AT TIME ZONE ''UTC'')::date AS day FROM lagproof.%I
            WHERE "timestamp" > now() - interval ''60 days'' AND "timestamp" <= now()) AS days',
            history.name, history.name || '_default');
    END LOOP;
END
$$;

DO $$ BEGIN PERFORM lagproof.maintain_v1(); END $$;
