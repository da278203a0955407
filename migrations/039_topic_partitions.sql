-- 039: topics as declared, and the partitions that they still lack.
--
-- Run it like 038, after it; again, it changes nothing. profiles/topics.toml is the only truth about a topic:
-- seeds write it here, and where a topic has fewer partitions than declared, public.topic_partition_changes says so
-- until somebody has grown it and called mark_partition_changes_applied().

DO $$
BEGIN
    IF to_regclass('lagproof.service_bases') IS NULL THEN
        RAISE EXCEPTION 'migration 038_consumer_configuration.sql has not been applied'
            USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Run the migrations in the order of their numbers.';
    END IF;
    -- From before lagproof: see 038.
    IF to_regclass('lagproof.topics') IS NULL THEN
        PERFORM lagproof.set_aside('topic_partition_changes');
        PERFORM lagproof.rename_before('function', name)
        FROM unnest(ARRAY['generate_partition_update_script', 'mark_partition_changes_applied']) AS name;
    END IF;
END
$$;

CREATE TABLE IF NOT EXISTS lagproof.topics (
    topic             text PRIMARY KEY,
    revision          integer NOT NULL CHECK (revision >= 0),
    digest            text NOT NULL,
    partitions        integer NOT NULL CHECK (partitions >= 1),
    partitions_now    integer CHECK (partitions_now >= 1),
    replication       integer,
    expected_rate     double precision CHECK (expected_rate >= 0),
    peak_rate         double precision CHECK (peak_rate >= 0),
    record_mean_bytes bigint,
    ordering          text,
    reason            text,
    document          jsonb NOT NULL,
    seeded_at         timestamptz NOT NULL DEFAULT now(),
    seeded_by         text NOT NULL DEFAULT session_user
);
COMMENT ON TABLE lagproof.topics IS 'Topics as profiles/topics.toml declares them. Written by seeds.';
COMMENT ON COLUMN lagproof.topics.topic IS 'The topic.';
COMMENT ON COLUMN lagproof.topics.revision IS 'Counts changes of its declaration; an older seed never overwrites a newer one.';
COMMENT ON COLUMN lagproof.topics.digest IS 'The digest of its declaration.';
COMMENT ON COLUMN lagproof.topics.partitions IS 'Partitions as wanted.';
COMMENT ON COLUMN lagproof.topics.partitions_now IS 'Partitions as last known: declared, or marked as applied. NULL: not known.';
COMMENT ON COLUMN lagproof.topics.replication IS 'The replication factor.';
COMMENT ON COLUMN lagproof.topics.expected_rate IS 'Expected records a second, over all partitions; NULL where nobody stated it.';
COMMENT ON COLUMN lagproof.topics.peak_rate IS 'Records a second while a peak lasts; NULL where there is none.';
COMMENT ON COLUMN lagproof.topics.record_mean_bytes IS 'The mean record, in bytes.';
COMMENT ON COLUMN lagproof.topics.ordering IS 'What must be kept in order: per-key, per-partition or none.';
COMMENT ON COLUMN lagproof.topics.reason IS 'Why it has the partitions that it has.';
COMMENT ON COLUMN lagproof.topics.document IS 'The declaration, as seeded.';
COMMENT ON COLUMN lagproof.topics.seeded_at IS 'When.';
COMMENT ON COLUMN lagproof.topics.seeded_by IS 'By whom (session_user).';

CREATE TABLE IF NOT EXISTS lagproof.partition_scripts (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    generated_at timestamptz NOT NULL DEFAULT now(),
    generated_by text NOT NULL DEFAULT session_user
);
COMMENT ON TABLE lagproof.partition_scripts IS 'The calls of generate_partition_update_script() that gave commands.';
COMMENT ON COLUMN lagproof.partition_scripts.id IS 'Grows.';
COMMENT ON COLUMN lagproof.partition_scripts.generated_at IS 'When.';
COMMENT ON COLUMN lagproof.partition_scripts.generated_by IS 'By whom (session_user).';

CREATE TABLE IF NOT EXISTS public.topic_partition_changes (
    topic_name             text NOT NULL,
    current_partitions     integer,
    target_partitions      integer NOT NULL,
    recommended_partitions integer GENERATED ALWAYS AS (target_partitions) STORED,
    reason                 text,
    applied                boolean NOT NULL DEFAULT false,
    applied_at             timestamptz,
    created_at             timestamptz NOT NULL DEFAULT now(),
    -- lagproof's own
    applied_by             text,
    script_id              bigint REFERENCES lagproof.partition_scripts,
    id                     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    CONSTRAINT topic_name_is_kafkas CHECK (topic_name ~ '^[A-Za-z0-9._-]{1,249}$' AND topic_name NOT IN ('.', '..')),
    CONSTRAINT partitions_are_counted CHECK (current_partitions >= 1 AND target_partitions >= 1),
    CONSTRAINT partitions_are_never_taken_away CHECK (target_partitions >= current_partitions)
);
CREATE UNIQUE INDEX IF NOT EXISTS topic_partition_changes_pending
    ON public.topic_partition_changes (topic_name) WHERE NOT applied;
COMMENT ON TABLE public.topic_partition_changes IS
    'Topics that have, or had, fewer partitions than profiles/topics.toml declares; at most one row a topic is not applied.';
COMMENT ON COLUMN public.topic_partition_changes.topic_name IS 'The topic.';
COMMENT ON COLUMN public.topic_partition_changes.current_partitions IS 'Partitions when this was recommended; NULL: not known.';
COMMENT ON COLUMN public.topic_partition_changes.target_partitions IS 'Partitions as declared.';
COMMENT ON COLUMN public.topic_partition_changes.recommended_partitions IS 'The same as target_partitions.';
COMMENT ON COLUMN public.topic_partition_changes.reason IS 'Why.';
COMMENT ON COLUMN public.topic_partition_changes.applied IS 'Whether somebody has grown the topic since.';
COMMENT ON COLUMN public.topic_partition_changes.applied_at IS 'When that was said.';
COMMENT ON COLUMN public.topic_partition_changes.created_at IS 'When it was recommended.';
COMMENT ON COLUMN public.topic_partition_changes.applied_by IS 'Who said so (session_user).';
COMMENT ON COLUMN public.topic_partition_changes.script_id IS 'The last script that has a command for it as it is now.';
COMMENT ON COLUMN public.topic_partition_changes.id IS 'Grows.';

DO $$
BEGIN
    IF to_regclass('lagproof.topic_partition_changes') IS NOT NULL THEN
        PERFORM lagproof.adopt_rows('topic_partition_changes', ARRAY['topic_name', 'target_partitions'],
            ARRAY['recommended_partitions', 'applied_by', 'script_id', 'id'],
            '{"target_partitions": ["recommended_partitions"]}', 'topic_name', 'aside',
            -- Of several that wait for the same topic, the newest does.
            'CASE WHEN applied THEN 1 ELSE row_number() OVER (PARTITION BY topic_name, applied ORDER BY created_at DESC, lagproof_was::text) END');
    END IF;
END
$$;

CREATE OR REPLACE FUNCTION lagproof.keep_partition_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NEW.applied AND (TG_OP = 'INSERT' OR NOT OLD.applied) THEN
        NEW.applied_at := coalesce(NEW.applied_at, now());
        NEW.applied_by := coalesce(NEW.applied_by, session_user);
    ELSIF NOT NEW.applied THEN
        NEW.applied_at := NULL;
        NEW.applied_by := NULL;
        -- A script that was made before says another number.
        IF TG_OP = 'UPDATE' AND NEW.target_partitions <> OLD.target_partitions THEN
            NEW.script_id := NULL;
        END IF;
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION lagproof.keep_partition_change() IS 'Trigger: applied, applied_at and applied_by go together.';

CREATE OR REPLACE TRIGGER keep_partition_change BEFORE INSERT OR UPDATE ON public.topic_partition_changes
    FOR EACH ROW EXECUTE FUNCTION lagproof.keep_partition_change();

-- ---- what seeds call ------------------------------------------------------------------------------------------------

CREATE OR REPLACE FUNCTION lagproof.recommend_partitions(topic text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    declared lagproof.topics;
BEGIN
    SELECT * INTO STRICT declared FROM lagproof.topics WHERE topic = $1;
    IF declared.partitions_now >= declared.partitions THEN
        DELETE FROM public.topic_partition_changes WHERE topic_name = $1 AND NOT applied;
        IF declared.partitions_now > declared.partitions THEN
            RAISE WARNING 'topic % has % partitions, and % are declared: Kafka never takes partitions away',
                quote_literal($1), declared.partitions_now, declared.partitions
                USING HINT = 'Declare what there is in profiles/topics.toml.';
        END IF;
        RETURN;
    END IF;
    INSERT INTO public.topic_partition_changes (topic_name, current_partitions, target_partitions, reason)
    VALUES ($1, declared.partitions_now, declared.partitions, declared.reason)
    ON CONFLICT (topic_name) WHERE NOT applied DO UPDATE
        SET current_partitions = excluded.current_partitions, target_partitions = excluded.target_partitions,
            reason = excluded.reason
        WHERE (topic_partition_changes.current_partitions, topic_partition_changes.target_partitions,
               topic_partition_changes.reason)
            IS DISTINCT FROM (excluded.current_partitions, excluded.target_partitions, excluded.reason);
END
$$;
COMMENT ON FUNCTION lagproof.recommend_partitions(text) IS
    'Brings a topic''s row in topic_partition_changes in line with its declaration.';

CREATE OR REPLACE FUNCTION lagproof.seed_topic_v1(topic text, digest text, doc jsonb) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    declared     jsonb := CASE WHEN jsonb_typeof($3 -> 'topic') = 'object' THEN $3 -> 'topic' ELSE $3 END;
    new_revision integer;
    known        lagproof.topics;
    wrong        text := CASE
        WHEN coalesce($1, '') !~ '^[A-Za-z0-9._-]{1,249}$' OR $1 IN ('.', '..') THEN 'Kafka allows no such name'
        WHEN coalesce($2, '') = '' THEN 'the digest is missing'
        WHEN jsonb_typeof($3) IS DISTINCT FROM 'object' THEN 'the document is no object'
        WHEN $3 ? 'revision' AND ($3 ->> 'revision') !~ '^\d{1,9}$' THEN 'revision is no whole number'
        WHEN coalesce(declared ->> 'partitions', '') !~ '^[1-9]\d{0,8}$' THEN 'partitions is no number from 1'
        WHEN coalesce(declared ->> 'partitions_now', '1') !~ '^[1-9]\d{0,8}$' THEN 'partitions_now is no number from 1'
    END;
BEGIN
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'seed of topic %: %', coalesce(quote_literal($1), '?'), wrong
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Seeds are written by `lagproof compile`; this one was changed by hand or cut short.';
    END IF;
    new_revision := coalesce(($3 ->> 'revision')::integer, 0);
    SELECT * INTO known FROM lagproof.topics WHERE topic = $1 FOR UPDATE;
    IF FOUND AND known.revision = new_revision THEN
        IF known.digest = $2 THEN
            RETURN 'unchanged';
        END IF;
        RAISE EXCEPTION 'topic % is at revision % with other content than this seed has', quote_literal($1), new_revision
            USING ERRCODE = 'unique_violation',
                  DETAIL = format('The database has digest %s, the seed %s.', known.digest, $2),
                  HINT = 'Two branches changed the topic, or a seed was edited after it was applied. Compile again on top of both.';
    ELSIF FOUND AND new_revision < known.revision THEN
        RETURN 'older';
    END IF;
    INSERT INTO lagproof.topics AS kept
        (topic, revision, digest, partitions, partitions_now, replication, expected_rate, peak_rate, record_mean_bytes,
         ordering, reason, document)
    VALUES ($1, new_revision, $2, (declared ->> 'partitions')::integer, (declared ->> 'partitions_now')::integer,
            (declared ->> 'replication')::integer, (declared ->> 'rate')::double precision,
            (declared #>> '{peak,rate}')::double precision, (declared ->> 'record_mean_bytes')::bigint,
            declared ->> 'ordering', declared ->> 'reason', declared)
    ON CONFLICT (topic) DO UPDATE
        SET revision = excluded.revision, digest = excluded.digest, partitions = excluded.partitions,
            -- What was seen to be applied stays known: partitions only grow.
            partitions_now = greatest(kept.partitions_now, excluded.partitions_now),
            replication = excluded.replication, expected_rate = excluded.expected_rate,
            peak_rate = excluded.peak_rate, record_mean_bytes = excluded.record_mean_bytes,
            ordering = excluded.ordering, reason = excluded.reason, document = excluded.document,
            seeded_at = excluded.seeded_at, seeded_by = excluded.seeded_by;
    PERFORM lagproof.recommend_partitions($1);
    RETURN 'applied';
END
$$;
COMMENT ON FUNCTION lagproof.seed_topic_v1(text, text, jsonb) IS
    'What a seed says of a topic: its declaration, with "revision". Answers applied, unchanged, or older (then nothing was done). Raises where the same revision has other content.';

-- ---- seeds that were rewritten ---------------------------------------------------------------------------------------
-- `lagproof migrate --allow-replaced`, where nobody's service rests on what the old ones said: forget, replay all, settle,
-- in one transaction.

CREATE OR REPLACE FUNCTION lagproof.forget_seeds_v1() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM lagproof.installation WHERE stage = 'production') THEN
        RAISE EXCEPTION 'this database is production''s: seeds that it has had are not taken back'
            USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'A change needs a version and a seed of its own.';
    END IF;
    PERFORM set_config('lagproof.retire_running', 'on', true);
    LOCK TABLE public.pipeline_consumer_configs, lagproof.service_bases, lagproof.overrides, lagproof.topics IN SHARE ROW EXCLUSIVE MODE;
    CREATE TEMPORARY TABLE forgotten_bases ON COMMIT DROP AS TABLE lagproof.service_bases;
    CREATE TEMPORARY TABLE forgotten_overrides ON COMMIT DROP AS TABLE lagproof.overrides;
    CREATE TEMPORARY TABLE forgotten_topics ON COMMIT DROP AS TABLE lagproof.topics;
    DELETE FROM lagproof.service_bases;
    DELETE FROM lagproof.topics;
END
$$;
COMMENT ON FUNCTION lagproof.forget_seeds_v1() IS
    'Forgets what seeds have said, so that all of them can be replayed, and sets aside what people have said; settle_replay_v1 must follow. Never in production.';

CREATE OR REPLACE FUNCTION lagproof.settle_replay_v1() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    lost    text;
    service record;
BEGIN
    SELECT string_agg(format('%s of service %L: %s', made.setting, made.service_name, made.value), E'\n' ORDER BY made.service_name, made.setting)
    INTO lost FROM pg_temp.forgotten_overrides AS made
    WHERE NOT EXISTS (SELECT FROM lagproof.service_bases AS base WHERE base.service_name = made.service_name);
    IF lost IS NOT NULL THEN
        RAISE EXCEPTION 'people have overridden settings of services that no seed knows any more'
            USING ERRCODE = 'object_not_in_prerequisite_state', DETAIL = lost, HINT = 'Drop those overrides first.';
    END IF;
    INSERT INTO lagproof.overrides SELECT * FROM pg_temp.forgotten_overrides;
    FOR service IN
        SELECT base.service_name, base.version, old.settings AS before, base.settings
        FROM lagproof.service_bases AS base JOIN pg_temp.forgotten_bases AS old USING (service_name)
        WHERE EXISTS (SELECT FROM lagproof.overrides AS made WHERE made.service_name = base.service_name)
    LOOP
        PERFORM lagproof.settle_overrides(service.service_name, service.version, service.before, service.settings);
        PERFORM lagproof.write_row(service.service_name, 'seed');
    END LOOP;
    DELETE FROM public.pipeline_consumer_configs AS config
    WHERE EXISTS (SELECT FROM pg_temp.forgotten_bases AS old WHERE old.service_name = config.service_name)
      AND NOT EXISTS (SELECT FROM lagproof.service_bases AS base WHERE base.service_name = config.service_name);
    -- What was seen of a topic stays known.
    UPDATE lagproof.topics AS topic SET partitions_now = greatest(topic.partitions_now, old.partitions_now)
    FROM pg_temp.forgotten_topics AS old WHERE old.topic = topic.topic;
    PERFORM lagproof.recommend_partitions(topic) FROM lagproof.topics;
    DELETE FROM public.topic_partition_changes AS change
    WHERE NOT applied AND EXISTS (SELECT FROM pg_temp.forgotten_topics AS old WHERE old.topic = change.topic_name)
      AND NOT EXISTS (SELECT FROM lagproof.topics AS topic WHERE topic.topic = change.topic_name);
    DROP TABLE pg_temp.forgotten_bases, pg_temp.forgotten_overrides, pg_temp.forgotten_topics;
END
$$;
COMMENT ON FUNCTION lagproof.settle_replay_v1() IS
    'After forget_seeds_v1 and the seeds: puts overrides back, removes services that no seed knows any more. Raises with both values where an overridden setting has changed.';

-- ---- the script -----------------------------------------------------------------------------------------------------

CREATE OR REPLACE FUNCTION lagproof.shell_word(word text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT AS $$
    SELECT '''' || replace(word, '''', '''\''''') || ''''
$$;
COMMENT ON FUNCTION lagproof.shell_word(text) IS 'A text as one word of a POSIX shell.';

CREATE OR REPLACE FUNCTION lagproof.topic_pattern(topic text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT AS $$
    -- kafka-topics matches the whole name. A leading dash would look like an option.
    SELECT regexp_replace(regexp_replace(topic, '([\\.^$|?*+()\[\]{}])', '\\\1', 'g'), '^-', '\\-')
$$;
COMMENT ON FUNCTION lagproof.topic_pattern(text) IS
    'A topic as the regular expression, in Java''s form, that kafka-topics --alter takes.';

CREATE OR REPLACE FUNCTION public.generate_partition_update_script() RETURNS SETOF text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    script bigint;
BEGIN
    PERFORM FROM public.topic_partition_changes WHERE NOT applied FOR UPDATE;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    INSERT INTO lagproof.partition_scripts DEFAULT VALUES RETURNING id INTO script;
    UPDATE public.topic_partition_changes SET script_id = script WHERE NOT applied;
    RETURN QUERY
        SELECT 'kafka-topics --bootstrap-server "${BOOTSTRAP_SERVER:?}" --alter --topic '
            || lagproof.shell_word(lagproof.topic_pattern(topic_name)) || ' --partitions ' || target_partitions
        FROM public.topic_partition_changes WHERE script_id = script ORDER BY topic_name;
END
$$;
COMMENT ON FUNCTION public.generate_partition_update_script() IS
    'One kafka-topics command a row, for every topic that lacks partitions: psql -At -c "SELECT generate_partition_update_script();" | bash, with BOOTSTRAP_SERVER set. Remembers what it gave, for mark_partition_changes_applied().';

CREATE OR REPLACE FUNCTION public.mark_partition_changes_applied(topic text DEFAULT NULL) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    marked integer;
BEGIN
    WITH done AS (
        UPDATE public.topic_partition_changes SET applied = true
        WHERE NOT applied AND CASE WHEN $1 IS NULL
                                   THEN script_id = (SELECT max(id) FROM lagproof.partition_scripts)
                                   ELSE topic_name = $1 END
        RETURNING topic_name, target_partitions
    ), known AS (
        UPDATE lagproof.topics SET partitions_now = greatest(partitions_now, done.target_partitions)
        FROM done WHERE topics.topic = done.topic_name
    )
    SELECT count(*) INTO marked FROM done;
    IF marked = 0 AND $1 IS NOT NULL THEN
        RAISE EXCEPTION 'topic % has no partition change that is not applied', quote_literal($1)
            USING ERRCODE = 'no_data_found',
                  HINT = 'SELECT topic_name FROM topic_partition_changes WHERE NOT applied; lists those that are.';
    ELSIF marked = 0 THEN
        RAISE NOTICE 'nothing to mark: the last script has no command that is not marked already'
            USING HINT = 'SELECT generate_partition_update_script(); makes one.';
    END IF;
    RETURN marked;
END
$$;
COMMENT ON FUNCTION public.mark_partition_changes_applied(text) IS
    'Says that the commands of the last script have been run, or that one topic has been grown. Answers how many rows it marked.';

CREATE OR REPLACE VIEW lagproof.flows AS
    SELECT config.service_name, topic.name AS topic,
           coalesce(declared.expected_rate, (config.context #>> ARRAY['topics', topic.name, 'rate'])::double precision)
               AS expected_rate,
           coalesce(declared.peak_rate, (config.context #>> ARRAY['topics', topic.name, 'peak_rate'])::double precision)
               AS peak_rate,
           coalesce(declared.partitions_now, declared.partitions,
                    (config.context #>> ARRAY['topics', topic.name, 'partitions'])::integer) AS partitions,
           config.replicas
    FROM public.pipeline_consumer_configs AS config
    CROSS JOIN LATERAL unnest(config.topics) AS topic (name)
    LEFT JOIN lagproof.topics AS declared ON declared.topic = topic.name
    WHERE config.status = 'active';
COMMENT ON VIEW lagproof.flows IS 'Which active service reads which topic, and what is expected to arrive there.';
COMMENT ON COLUMN lagproof.flows.service_name IS 'The service.';
COMMENT ON COLUMN lagproof.flows.topic IS 'The topic.';
COMMENT ON COLUMN lagproof.flows.expected_rate IS 'Expected records a second of the topic; NULL where nobody stated it.';
COMMENT ON COLUMN lagproof.flows.peak_rate IS 'Records a second while a peak lasts; NULL where there is none.';
COMMENT ON COLUMN lagproof.flows.partitions IS 'The topic''s partitions: as last known, else as declared.';
COMMENT ON COLUMN lagproof.flows.replicas IS 'How many replicas of the service are meant to run.';

-- ---- who may what ---------------------------------------------------------------------------------------------------

REVOKE ALL ON FUNCTION public.generate_partition_update_script(), public.mark_partition_changes_applied(text),
    lagproof.forget_seeds_v1(), lagproof.settle_replay_v1(), lagproof.recommend_partitions(text), lagproof.seed_topic_v1(text, text, jsonb), lagproof.shell_word(text),
    lagproof.topic_pattern(text), lagproof.keep_partition_change() FROM PUBLIC;

DO $$
BEGIN
    PERFORM lagproof.grant_if_possible('SELECT', object, role)
    FROM unnest(ARRAY['public.topic_partition_changes', 'lagproof.topics', 'lagproof.partition_scripts',
                      'lagproof.flows']) AS object,
         unnest(ARRAY['lagproof_migrator', 'lagproof_operator', 'lagproof_reader']) AS role;
    PERFORM lagproof.grant_if_possible('EXECUTE', 'FUNCTION ' || signature, role)
    FROM (VALUES
        ('lagproof.seed_topic_v1(text, text, jsonb)', 'lagproof_migrator'),
        ('lagproof.forget_seeds_v1()', 'lagproof_migrator'),
        ('lagproof.settle_replay_v1()', 'lagproof_migrator'),
        ('public.generate_partition_update_script()', 'lagproof_migrator'),
        ('public.generate_partition_update_script()', 'lagproof_operator'),
        ('public.mark_partition_changes_applied(text)', 'lagproof_migrator'),
        ('public.mark_partition_changes_applied(text)', 'lagproof_operator')
    ) AS granted (signature, role);
END
$$;
