-- 041: what running services need beside their settings: who runs what, and restarts of one replica at a time.
--
-- Run it like 038 to 040, after them; again, it changes nothing. Loaders call report_instance_v1 every few seconds and
-- whenever something changes, and take_restart_lease_v1 before they make their consumer anew.

DO $$
BEGIN
    IF to_regclass('lagproof.monitoring') IS NULL THEN
        RAISE EXCEPTION 'migration 040_monitoring.sql has not been applied'
            USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Run the migrations in the order of their numbers.';
    END IF;
END
$$;

-- ---- who runs what --------------------------------------------------------------------------------------------------

CREATE TABLE IF NOT EXISTS lagproof.instances (
    service_name    text NOT NULL,
    instance        text NOT NULL,
    process         text NOT NULL,
    client          text NOT NULL,
    generation      bigint,
    seen_generation bigint,
    version         integer,
    state           text NOT NULL CHECK (state IN
                        ('starting', 'running', 'waiting', 'restarting', 'refused', 'last-good', 'stopped')),
    detail          text,
    started_at      timestamptz NOT NULL DEFAULT now(),
    reported_at     timestamptz NOT NULL DEFAULT now(),
    reported_by     text NOT NULL DEFAULT session_user,
    PRIMARY KEY (service_name, instance)
);
COMMENT ON TABLE lagproof.instances IS 'Running replicas and what each runs with: the last word of each. Those silent for an hour are removed, and their acknowledgements with them.';
COMMENT ON COLUMN lagproof.instances.service_name IS 'The service.';
COMMENT ON COLUMN lagproof.instances.instance IS 'Which replica: its static member id, else host and process.';
COMMENT ON COLUMN lagproof.instances.process IS 'Which start of it; another one with every start.';
COMMENT ON COLUMN lagproof.instances.client IS 'The Kafka client that it runs, with its version.';
COMMENT ON COLUMN lagproof.instances.generation IS 'The generation of the row that it runs with; NULL: none yet.';
COMMENT ON COLUMN lagproof.instances.seen_generation IS 'The newest generation that it has read.';
COMMENT ON COLUMN lagproof.instances.version IS 'The profile''s version that it runs with; NULL: the row has no profile.';
COMMENT ON COLUMN lagproof.instances.state IS 'starting, running, waiting (for its turn to restart), restarting, refused (it can''t take the new settings and goes on with the old), last-good (the database was away at its start), stopped.';
COMMENT ON COLUMN lagproof.instances.detail IS 'Why, where the state needs a reason.';
COMMENT ON COLUMN lagproof.instances.started_at IS 'When this start of it first reported.';
COMMENT ON COLUMN lagproof.instances.reported_at IS 'When it last reported.';
COMMENT ON COLUMN lagproof.instances.reported_by IS 'As whom (session_user).';

CREATE OR REPLACE FUNCTION lagproof.report_instance_v1(
    service text, instance text, process text, client text, generation bigint, seen_generation bigint,
    version integer, state text, detail text DEFAULT NULL, silence interval DEFAULT '15 seconds') RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    other lagproof.instances;
BEGIN
    SELECT * INTO other FROM lagproof.instances WHERE service_name = $1 AND instance = $2 FOR UPDATE;
    IF FOUND AND other.process <> $3 AND other.state <> 'stopped' AND other.reported_at > now() - $10 THEN
        RETURN other.process;
    END IF;
    IF $8 = 'stopped' AND other.process IS DISTINCT FROM $3 THEN
        RETURN NULL;  -- somebody else's by now, or never there
    END IF;
    INSERT INTO lagproof.instances AS made
        (service_name, instance, process, client, generation, seen_generation, version, state, detail)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, left($9, 2000))
    ON CONFLICT (service_name, instance) DO UPDATE
        SET process = excluded.process, client = excluded.client, generation = excluded.generation,
            seen_generation = excluded.seen_generation, version = excluded.version, state = excluded.state,
            detail = excluded.detail, reported_at = excluded.reported_at, reported_by = excluded.reported_by,
            started_at = CASE WHEN made.process = excluded.process THEN made.started_at ELSE excluded.started_at END;
    IF $8 = 'stopped' THEN
        DELETE FROM lagproof.acknowledgements AS said WHERE said.service_name = $1 AND said.instance = $2;
    ELSIF $5 IS NOT NULL THEN
        PERFORM lagproof.acknowledge_v1($1, $2, $5);
    END IF;
    WITH silent AS (
        DELETE FROM lagproof.instances AS gone
        WHERE gone.service_name = $1 AND gone.reported_at < now() - interval '1 hour' RETURNING gone.instance)
    DELETE FROM lagproof.acknowledgements AS said USING silent
    WHERE said.service_name = $1 AND said.instance = silent.instance;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION lagproof.report_instance_v1(text, text, text, text, bigint, bigint, integer, text, text, interval) IS
    'A replica says what it runs with, and acknowledges that generation. Answers NULL; or, where another process that is not silent yet has the same instance, that process, and nothing is written.';

-- ---- restarts, one at a time ----------------------------------------------------------------------------------------

CREATE TABLE IF NOT EXISTS lagproof.rollouts (
    service_name text PRIMARY KEY,
    generation   bigint NOT NULL,
    holder       text,
    holder_until timestamptz,
    lag_before   bigint,
    restarted    integer NOT NULL DEFAULT 0,
    halted       text,
    halted_by    text,
    halted_at    timestamptz,
    started_at   timestamptz NOT NULL DEFAULT now(),
    changed_at   timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE lagproof.rollouts IS 'The last change of each service that needs new consumers: whose turn it is, and whether it was stopped.';
COMMENT ON COLUMN lagproof.rollouts.service_name IS 'The service.';
COMMENT ON COLUMN lagproof.rollouts.generation IS 'The generation of the row that is being rolled out.';
COMMENT ON COLUMN lagproof.rollouts.holder IS 'The instance whose turn it is; NULL: nobody''s.';
COMMENT ON COLUMN lagproof.rollouts.holder_until IS 'When its turn ends if it says nothing more.';
COMMENT ON COLUMN lagproof.rollouts.lag_before IS 'The group''s lag when the first replica took its turn, in records.';
COMMENT ON COLUMN lagproof.rollouts.restarted IS 'How many replicas have restarted.';
COMMENT ON COLUMN lagproof.rollouts.halted IS 'Why it was stopped; NULL: it was not. A newer generation starts anew.';
COMMENT ON COLUMN lagproof.rollouts.halted_by IS 'Which instance or person (session_user) stopped it.';
COMMENT ON COLUMN lagproof.rollouts.halted_at IS 'When.';
COMMENT ON COLUMN lagproof.rollouts.started_at IS 'When the first replica took its turn.';
COMMENT ON COLUMN lagproof.rollouts.changed_at IS 'When anything of it last changed.';

CREATE OR REPLACE FUNCTION lagproof.take_restart_lease_v1(
    service text, instance text, generation bigint, lag bigint, lasts interval)
RETURNS TABLE (granted boolean, holder text, holder_until timestamptz, halted text, lag_before bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    found_rollout lagproof.rollouts;
    may boolean;
BEGIN
    INSERT INTO lagproof.rollouts (service_name, generation, lag_before) VALUES ($1, $3, $4)
    ON CONFLICT (service_name) DO NOTHING;
    SELECT * INTO found_rollout FROM lagproof.rollouts WHERE service_name = $1 FOR UPDATE;
    IF $3 > found_rollout.generation THEN
        UPDATE lagproof.rollouts
        SET generation = $3, lag_before = $4, restarted = 0, halted = NULL, halted_by = NULL, halted_at = NULL,
            started_at = now(), changed_at = now()
        WHERE service_name = $1 RETURNING * INTO found_rollout;
    END IF;
    may := $3 = found_rollout.generation AND found_rollout.halted IS NULL
        AND (found_rollout.holder IS NULL OR found_rollout.holder = $2 OR found_rollout.holder_until <= now());
    IF may THEN
        UPDATE lagproof.rollouts SET holder = $2, holder_until = now() + $5, changed_at = now()
        WHERE service_name = $1 RETURNING * INTO found_rollout;
    END IF;
    RETURN QUERY SELECT may, found_rollout.holder, found_rollout.holder_until, found_rollout.halted,
                        found_rollout.lag_before;
END
$$;
COMMENT ON FUNCTION lagproof.take_restart_lease_v1(text, text, bigint, bigint, interval) IS
    'A replica asks whether it may make its consumer anew for a generation: one at a time. Asked again by the holder, its turn goes on. Not granted: whose turn it is, or why the rollout was stopped; an older generation is never granted.';

CREATE OR REPLACE FUNCTION lagproof.release_restart_lease_v1(
    service text, instance text, generation bigint, failure text DEFAULT NULL) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    UPDATE lagproof.rollouts AS made
    SET holder = NULL, holder_until = NULL, changed_at = now(),
        restarted = made.restarted + ($4 IS NULL AND made.generation = $3)::integer,
        halted = CASE WHEN made.generation = $3 THEN coalesce(made.halted, left($4, 2000)) ELSE made.halted END,
        halted_by = CASE WHEN made.generation = $3 AND $4 IS NOT NULL THEN coalesce(made.halted_by, $2) ELSE made.halted_by END,
        halted_at = CASE WHEN made.generation = $3 AND $4 IS NOT NULL THEN coalesce(made.halted_at, now()) ELSE made.halted_at END
    WHERE made.service_name = $1 AND made.holder = $2
$$;
COMMENT ON FUNCTION lagproof.release_restart_lease_v1(text, text, bigint, text) IS
    'Ends a replica''s turn. With a failure the rollout of that generation stops there: the other replicas go on as they are.';

CREATE OR REPLACE FUNCTION lagproof.halt_rollout_v1(service text, reason text) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO lagproof.rollouts AS made (service_name, generation, halted, halted_by, halted_at)
    SELECT config.service_name, config.generation, $2, session_user, now()
    FROM public.pipeline_consumer_configs AS config WHERE config.service_name = $1
    ON CONFLICT (service_name) DO UPDATE
        SET generation = greatest(made.generation, excluded.generation), halted = excluded.halted,
            halted_by = excluded.halted_by, halted_at = excluded.halted_at, changed_at = now()
$$;
COMMENT ON FUNCTION lagproof.halt_rollout_v1(text, text) IS
    'A person stops the rollout of a service''s newest settings: replicas that have not restarted go on as they are.';

CREATE OR REPLACE FUNCTION lagproof.resume_rollout_v1(service text) RETURNS boolean
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH resumed AS (
        UPDATE lagproof.rollouts SET halted = NULL, halted_by = NULL, halted_at = NULL, changed_at = now()
        WHERE service_name = $1 AND halted IS NOT NULL RETURNING 1)
    SELECT EXISTS (SELECT FROM resumed)
$$;
COMMENT ON FUNCTION lagproof.resume_rollout_v1(text) IS 'Lets a stopped rollout go on. False where none was stopped.';

-- ---- what to do about it --------------------------------------------------------------------------------------------

CREATE OR REPLACE FUNCTION lagproof.recommendations_v1(service text DEFAULT NULL)
RETURNS TABLE (service_name text, priority text, alert text, problem text, recommendation text, setting text,
               current_value text, recommended_value text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT alerts.service_name, alerts.priority, alerts.alert, alerts.problem, alerts.recommendation, alerts.setting,
           alerts.current_value::text, alerts.recommended_value::text
    FROM public.v_consumer_alerts AS alerts
    WHERE $1 IS NULL OR alerts.service_name = $1
    ORDER BY array_position(ARRAY['critical', 'high', 'medium', 'low'], alerts.priority), alerts.service_name, alerts.alert
$$;
COMMENT ON FUNCTION lagproof.recommendations_v1(text) IS
    'What v_consumer_alerts says of a service, or of all, the most urgent first; for services, which may not read the view.';

-- ---- who may what ---------------------------------------------------------------------------------------------------

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA lagproof FROM PUBLIC;

DO $$
BEGIN
    PERFORM lagproof.grant_if_possible('SELECT', object, role)
    FROM unnest(ARRAY['lagproof.instances', 'lagproof.rollouts']) AS object,
         unnest(ARRAY['lagproof_migrator', 'lagproof_operator', 'lagproof_reader']) AS role;
    PERFORM lagproof.grant_if_possible('EXECUTE', 'FUNCTION lagproof.' || signature, 'lagproof_service')
    FROM unnest(ARRAY[
        'report_instance_v1(text, text, text, text, bigint, bigint, integer, text, text, interval)',
        'take_restart_lease_v1(text, text, bigint, bigint, interval)',
        'release_restart_lease_v1(text, text, bigint, text)',
        'recommendations_v1(text)'
    ]) AS signature;
    PERFORM lagproof.grant_if_possible('EXECUTE', 'FUNCTION lagproof.' || signature, 'lagproof_operator')
    FROM unnest(ARRAY['halt_rollout_v1(text, text)', 'resume_rollout_v1(text)']) AS signature;
END
$$;
