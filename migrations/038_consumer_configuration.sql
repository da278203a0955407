-- 038: how each consumer should run.
--
-- PostgreSQL 15 or later, no extension. Run it with `lagproof migrate`, or with
--   psql -1 -v ON_ERROR_STOP=1 -f migrations/038_consumer_configuration.sql
-- Running it again changes nothing. The tables that services read are in schema public, because that is where they
-- have always been; everything else is in schema lagproof.
--
-- One row of public.pipeline_consumer_configs is what a consumer should run with now. It is put together from
--   * the base: what the profile compiled to, kept in lagproof.service_bases, written by seeds only;
--   * the overrides: what people changed since, kept in lagproof.overrides, written by their UPDATEs.
-- Every change of a row is written down in lagproof.setting_changes and announced on channel lagproof_config.

CREATE SCHEMA IF NOT EXISTS lagproof;
COMMENT ON SCHEMA lagproof IS 'What lagproof keeps for itself: bases, overrides, history of changes, functions.';

-- ---- an older installation ------------------------------------------------------------------------------------------
-- Tables of the same names may be there from before, with other columns, types and rules. Their rows are taken over:
-- the old table is set aside in schema lagproof, ours is made in its place, and adopt_rows moves the rows, all of them in
-- the transaction of the migration. What is odd about a row, and what was left behind, is written down row by row in
-- lagproof.adoption_findings; a shape that makes no sense stops the migration, and leaves everything as it was.

CREATE TABLE IF NOT EXISTS lagproof.adoption_findings (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    table_name  text NOT NULL,
    row_key     text,
    column_name text,
    rule        text,
    problem     text NOT NULL,
    was         jsonb,
    found_at    timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE lagproof.adoption_findings IS 'What was found when an older installation was taken over: rows that break a rule, values that a column can not hold, and what was left behind.';
COMMENT ON COLUMN lagproof.adoption_findings.id IS 'Grows.';
COMMENT ON COLUMN lagproof.adoption_findings.table_name IS 'The table, view or function.';
COMMENT ON COLUMN lagproof.adoption_findings.row_key IS 'Which row; NULL where it is about the whole object.';
COMMENT ON COLUMN lagproof.adoption_findings.column_name IS 'The column, if it is about one.';
COMMENT ON COLUMN lagproof.adoption_findings.rule IS 'The rule''s code, if it has one; `lagproof explain CODE` says why.';
COMMENT ON COLUMN lagproof.adoption_findings.problem IS 'What is the matter, and what became of it.';
COMMENT ON COLUMN lagproof.adoption_findings.was IS 'The row as it was.';
COMMENT ON COLUMN lagproof.adoption_findings.found_at IS 'When.';

CREATE TABLE IF NOT EXISTS lagproof.adopted_views (
    name       text PRIMARY KEY,
    place      integer NOT NULL,
    statements text[] NOT NULL
);
COMMENT ON TABLE lagproof.adopted_views IS 'Views that had to be taken down while their tables are replaced; empty after every migration.';
COMMENT ON COLUMN lagproof.adopted_views.name IS 'The view.';
COMMENT ON COLUMN lagproof.adopted_views.place IS 'Lower ones are made first.';
COMMENT ON COLUMN lagproof.adopted_views.statements IS 'What makes it again: definition, owner, comments, triggers, indexes, privileges.';

CREATE OR REPLACE FUNCTION lagproof.not_adoptable(name text, why text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'public.% exists, and can not be taken over: %', name, why
        USING ERRCODE = 'datatype_mismatch', DETAIL = 'Nothing was changed.',
              HINT = format('Mend that, or rename it (ALTER TABLE public.%I RENAME TO …), and migrate again.', name);
END
$$;
COMMENT ON FUNCTION lagproof.not_adoptable(text, text) IS 'Raises: an older table can''t be taken over, and why.';

CREATE OR REPLACE FUNCTION lagproof.grant_statements(relation oid, name text) RETURNS text[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(array_agg(statement ORDER BY statement), '{}')
    FROM (
        -- Its owner had everything.
        SELECT format('GRANT ALL ON %s TO %I', name, pg_get_userbyid(relowner)) AS statement
        FROM pg_class WHERE oid = relation AND pg_get_userbyid(relowner) <> current_user
        UNION ALL
        SELECT format('GRANT %s%s ON %s TO %s%s', granted.privilege_type, granted.columns, name,
                      CASE granted.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(granted.grantee)) END,
                      CASE WHEN granted.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
        FROM (
            SELECT acl.*, '' AS columns FROM pg_class, aclexplode(relacl) AS acl WHERE oid = relation
            UNION ALL
            SELECT acl.*, format(' (%I)', attname) FROM pg_attribute, aclexplode(attacl) AS acl WHERE attrelid = relation
        ) AS granted
    ) AS statements
$$;
COMMENT ON FUNCTION lagproof.grant_statements(oid, text) IS 'What gives everybody who may use a table the same on another one.';

CREATE OR REPLACE FUNCTION lagproof.take_views_down(relation oid) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    view record;
BEGIN
    FOR view IN
        WITH RECURSIVE dependents (oid, place) AS (
            SELECT relation, 0
            UNION
            SELECT rule.ev_class, dependents.place + 1
            FROM dependents
            JOIN pg_depend AS needs ON needs.refclassid = 'pg_class'::regclass AND needs.refobjid = dependents.oid
            JOIN pg_rewrite AS rule ON needs.classid = 'pg_rewrite'::regclass AND rule.oid = needs.objid
            WHERE rule.ev_class <> dependents.oid
        )
        SELECT class.oid, class.relkind, class.relowner, class.reloptions, max(place) AS place,
               format('%I.%I', nspname, relname) AS name
        FROM dependents JOIN pg_class AS class USING (oid) JOIN pg_namespace ON pg_namespace.oid = relnamespace
        WHERE class.oid <> relation
        GROUP BY class.oid, nspname, relname
        ORDER BY max(place) DESC
    LOOP
        IF view.relkind NOT IN ('v', 'm') THEN
            CONTINUE;  -- a rule of another table: dropping the old one will say so
        END IF;
        INSERT INTO lagproof.adopted_views (name, place, statements)
        SELECT view.name, view.place,
               ARRAY[format('CREATE %s %s%s AS %s', CASE view.relkind WHEN 'm' THEN 'MATERIALIZED VIEW' ELSE 'VIEW' END, view.name,
                            coalesce(' WITH (' || array_to_string(view.reloptions, ', ') || ')', ''),
                            rtrim(pg_get_viewdef(view.oid), ';'))]
               || coalesce((SELECT array_agg(pg_get_triggerdef(oid)) FROM pg_trigger WHERE tgrelid = view.oid AND NOT tgisinternal), '{}')
               || coalesce((SELECT array_agg(pg_get_indexdef(indexrelid)) FROM pg_index WHERE indrelid = view.oid), '{}')
               || coalesce((SELECT array_agg(format('COMMENT ON %s IS %L',
                                CASE WHEN objsubid > 0 THEN format('COLUMN %s.%I', view.name, attname)
                                     WHEN view.relkind = 'm' THEN 'MATERIALIZED VIEW ' || view.name
                                     ELSE 'VIEW ' || view.name END, description))
                            FROM pg_description LEFT JOIN pg_attribute ON attrelid = objoid AND attnum = objsubid AND objsubid > 0
                            WHERE objoid = view.oid AND classoid = 'pg_class'::regclass), '{}')
               || lagproof.grant_statements(view.oid, view.name)
               || CASE WHEN pg_get_userbyid(view.relowner) <> current_user
                       THEN ARRAY[format('ALTER TABLE %s OWNER TO %I', view.name, pg_get_userbyid(view.relowner))] ELSE '{}' END;
        EXECUTE format('DROP %s %s', CASE view.relkind WHEN 'm' THEN 'MATERIALIZED VIEW' ELSE 'VIEW' END, view.name);
    END LOOP;
END
$$;
COMMENT ON FUNCTION lagproof.take_views_down(oid) IS 'Drops the views that read a table, and remembers how to make them again.';

CREATE OR REPLACE FUNCTION lagproof.put_views_up() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    view      record;
    statement text;
BEGIN
    FOR view IN SELECT * FROM lagproof.adopted_views ORDER BY place, name LOOP
        BEGIN
            FOREACH statement IN ARRAY view.statements LOOP
                EXECUTE statement;
            END LOOP;
        EXCEPTION WHEN OTHERS THEN
            RAISE EXCEPTION 'view % can not be made again over the table as it is now: %', view.name, SQLERRM
                USING ERRCODE = 'dependent_objects_still_exist', DETAIL = 'Nothing was changed.',
                      HINT = 'Drop it, or change what it reads, and migrate again.';
        END;
    END LOOP;
    DELETE FROM lagproof.adopted_views;
END
$$;
COMMENT ON FUNCTION lagproof.put_views_up() IS 'Makes the views again that take_views_down took down.';

CREATE OR REPLACE FUNCTION lagproof.set_aside(name text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    old pg_class;
BEGIN
    SELECT * INTO old FROM pg_class WHERE oid = to_regclass(format('public.%I', name));
    IF NOT FOUND THEN
        RETURN;
    ELSIF old.relkind NOT IN ('r', 'p') THEN
        PERFORM lagproof.not_adoptable(name, 'it is no table');
    ELSIF old.relrowsecurity THEN
        PERFORM lagproof.not_adoptable(name, 'it has policies for rows, which would be lost');
    ELSIF to_regclass(format('lagproof.%I', name)) IS NOT NULL THEN
        PERFORM lagproof.not_adoptable(name, format('lagproof.%I exists, too', name));
    END IF;
    PERFORM lagproof.take_views_down(old.oid);
    EXECUTE format('ALTER TABLE public.%I SET SCHEMA lagproof', name);
END
$$;
COMMENT ON FUNCTION lagproof.set_aside(text) IS 'Moves an older table of that name from schema public to schema lagproof, if there is one.';

CREATE OR REPLACE FUNCTION lagproof.adopted_number(value text, lowest numeric, highest numeric) RETURNS numeric
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN value ~ '^\s*[+-]?\d{1,30}(\.\d{0,30})?([eE][+-]?\d{1,2})?\s*$' AND round(value::numeric) BETWEEN lowest AND highest
                THEN round(value::numeric) END
$$;
COMMENT ON FUNCTION lagproof.adopted_number(text, numeric, numeric) IS 'A text as a whole number between two others; NULL where it is none.';

CREATE OR REPLACE FUNCTION lagproof.adopted_time(value text, zone text) RETURNS timestamptz
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM set_config('TimeZone', zone, true);
    RETURN value::timestamptz;
EXCEPTION WHEN data_exception THEN
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION lagproof.adopted_time(text, text) IS 'A text as a time, in that zone where it names none; NULL where it is no time.';

CREATE OR REPLACE FUNCTION lagproof.adopted_value(name text, "column" text, source oid, target oid) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    zone  text := coalesce(nullif(current_setting('lagproof.adopt_time_zone', true), ''), 'UTC');
    value text := format('old.%I', "column");
    kind  "char" := (SELECT typcategory FROM pg_type WHERE oid = source);
    texts boolean := source IN ('text'::regtype, 'varchar'::regtype, 'bpchar'::regtype, 'name'::regtype, 'uuid'::regtype) OR kind = 'E';
BEGIN
    IF source = target THEN
        RETURN value;
    ELSIF target IN ('integer'::regtype, 'bigint'::regtype) AND (kind = 'N' OR texts) THEN
        IF source IN ('smallint'::regtype, 'integer'::regtype) THEN
            RETURN format('%s::%s', value, target::regtype);
        END IF;
        RETURN format('lagproof.adopted_number(%s::text, %s)::%s', value,
                      CASE target WHEN 'integer'::regtype THEN '-2147483648, 2147483647'
                                  ELSE '-9223372036854775808, 9223372036854775807' END, target::regtype);
    ELSIF target = 'double precision'::regtype AND kind = 'N' THEN
        RETURN format('%s::double precision', value);
    ELSIF target = 'double precision'::regtype AND texts THEN
        RETURN format('CASE WHEN %1$s::text ~ ''^\s*[+-]?\d{1,100}(\.\d{0,100})?([eE][+-]?\d{1,2})?\s*$'' THEN %1$s::text::double precision END', value);
    ELSIF target = 'boolean'::regtype AND (kind = 'N' OR texts) THEN
        RETURN format('CASE WHEN lower(btrim(%1$s::text)) IN (''t'', ''true'', ''y'', ''yes'', ''on'', ''1'') THEN true
                            WHEN lower(btrim(%1$s::text)) IN (''f'', ''false'', ''n'', ''no'', ''off'', ''0'') THEN false END', value);
    ELSIF target = 'text'::regtype AND texts THEN
        RETURN format('%s::text', value);
    ELSIF target = 'text'::regtype AND source IN ('text[]'::regtype, 'varchar[]'::regtype) THEN
        RETURN format('array_to_string(%s, '','')', value);
    ELSIF target = 'timestamptz'::regtype AND source IN ('timestamp'::regtype, 'date'::regtype) THEN
        RETURN format('(%s::timestamp AT TIME ZONE %L)', value, zone);
    ELSIF target = 'timestamptz'::regtype AND texts THEN
        RETURN format('lagproof.adopted_time(%s::text, %L)', value, zone);
    END IF;
    PERFORM lagproof.not_adoptable(name, format('its column %s is %s, which can not be taken for %s', "column", source::regtype, target::regtype));
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION lagproof.adopted_value(text, text, oid, oid) IS
    'SQL that turns an older column''s value into ours; it gives NULL for what ours can''t hold. Times without a zone are UTC, or of the zone that SET lagproof.adopt_time_zone names.';


CREATE OR REPLACE FUNCTION lagproof.adopt_columns(name text, keys text[], own text[], other_names jsonb) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    old     oid := to_regclass(format('lagproof.%I', name));
    new     oid := to_regclass(format('public.%I', name));
    zone    text := coalesce(nullif(current_setting('lagproof.adopt_time_zone', true), ''), 'UTC');
    used    text[] := '{}';
    list    text[] := '{}';
    target  record;
    source  record;
    value   text;
BEGIN
    -- Our columns, from theirs.
    FOR target IN
        SELECT attname, atttypid, attnotnull, pg_get_expr(adbin, adrelid) AS otherwise
        FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
        WHERE attrelid = new AND attnum > 0 AND NOT attisdropped AND attgenerated = '' AND attidentity = ''
        ORDER BY attnum
    LOOP
        SELECT attname, atttypid INTO source FROM pg_attribute
        WHERE attrelid = old AND attnum > 0 AND NOT attisdropped AND target.attname <> ALL (own)
          AND (attname = target.attname OR (other_names -> target.attname::text) ? attname::text)
        ORDER BY attname = target.attname DESC, attname LIMIT 1;
        IF NOT FOUND THEN
            IF target.attname = ANY (keys) THEN
                PERFORM lagproof.not_adoptable(name, format('it has no column %s', target.attname));
            END IF;
            list := list || format('%s AS %I', coalesce(target.otherwise, format('NULL::%s', target.atttypid::regtype)), target.attname);
            CONTINUE;
        END IF;
        used := used || source.attname::text;
        value := lagproof.adopted_value(name, source.attname, source.atttypid, target.atttypid);
        IF source.atttypid <> target.atttypid THEN
            EXECUTE format('INSERT INTO lagproof.adoption_findings (table_name, row_key, column_name, problem, was)
                SELECT %1$L, old.%2$I::text, %3$L, quote_literal(old.%4$I::text) || %5$L, to_jsonb(old)
                FROM lagproof.%1$I AS old WHERE old.%4$I IS NOT NULL AND (%6$s) IS NULL',
                name, keys[1], target.attname, source.attname,
                format(' is no %s: %s', target.atttypid::regtype, CASE WHEN target.attnotnull AND target.otherwise IS NOT NULL
                    THEN 'it is now ' || target.otherwise ELSE 'it was left empty' END), value);
        END IF;
        IF source.atttypid IN ('timestamp'::regtype, 'date'::regtype) AND target.atttypid = 'timestamptz'::regtype THEN
            INSERT INTO lagproof.adoption_findings (table_name, column_name, problem)
            VALUES (name, target.attname, format('had no time zone: its times were taken as %s', zone));
        END IF;
        IF source.attname <> target.attname THEN
            INSERT INTO lagproof.adoption_findings (table_name, column_name, problem)
            VALUES (name, target.attname, format('was named %I', source.attname));
        END IF;
        list := list || format('%s AS %I', CASE WHEN target.attnotnull AND target.otherwise IS NOT NULL
            THEN format('coalesce(%s, %s)', value, target.otherwise) ELSE value END, target.attname);
    END LOOP;

    -- Theirs that we do not have stay, at the end.
    FOR source IN
        SELECT attname, atttypid, atttypmod, attidentity, attnum,
               EXISTS (SELECT FROM pg_attribute AS taken WHERE taken.attrelid = new AND taken.attname = theirs.attname) AS clashes
        FROM pg_attribute AS theirs
        WHERE attrelid = old AND attnum > 0 AND NOT attisdropped AND attname <> ALL (used)
        ORDER BY attnum
    LOOP
        value := source.attname || CASE WHEN source.clashes THEN '_before' ELSE '' END;
        IF source.clashes THEN
            INSERT INTO lagproof.adoption_findings (table_name, column_name, problem)
            VALUES (name, source.attname, format('means something else here: what it held is now in %I', value));
        END IF;
        EXECUTE format('ALTER TABLE public.%I ADD COLUMN %I %s', name, value, format_type(source.atttypid, source.atttypmod));
        EXECUTE format('COMMENT ON COLUMN public.%I.%I IS %L', name, value,
                       coalesce(col_description(old, source.attnum), 'From before lagproof.'));
        IF NOT source.clashes THEN
            PERFORM lagproof.adopt_default(name, source.attname);
        END IF;
        list := list || format('old.%I AS %I', source.attname, value);
    END LOOP;
    EXECUTE format('CREATE VIEW lagproof.adopted_rows AS SELECT %s, to_jsonb(old) AS lagproof_was FROM lagproof.%I AS old',
                   array_to_string(list, ', '), name);
END
$$;
COMMENT ON FUNCTION lagproof.adopt_columns(text, text[], text[], jsonb) IS
    'Finds for each column of ours the older one, adds those that only they have, and makes the view adopted_rows of their rows in our form.';

CREATE OR REPLACE FUNCTION lagproof.adopt_default(name text, source text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    old      oid := to_regclass(format('lagproof.%I', name));
    theirs   pg_attribute;
    sequence oid := to_regclass(pg_get_serial_sequence(format('lagproof.%I', name), source));
    value    text;
BEGIN
    SELECT * INTO theirs FROM pg_attribute WHERE attrelid = old AND attname = source;
    IF theirs.attgenerated <> '' THEN
        RETURN;  -- a value that is worked out keeps what it was
    ELSIF theirs.attidentity <> '' THEN
        value := format('public.%I', name || '_' || source || '_numbers');
        EXECUTE format('CREATE SEQUENCE %s', value);
        EXECUTE format('SELECT setval(%L, coalesce((SELECT max(%I) FROM lagproof.%I), 0) + 1, false)', value, source, name);
        sequence := value::regclass;
        value := format('nextval(%L)', value);
    ELSE
        IF sequence IS NOT NULL THEN
            EXECUTE format('ALTER SEQUENCE %s OWNED BY NONE', sequence::regclass);
            EXECUTE format('ALTER SEQUENCE %s OWNER TO %I', sequence::regclass, current_user);
            EXECUTE format('ALTER SEQUENCE %s SET SCHEMA public', sequence::regclass);
        END IF;
        SELECT pg_get_expr(adbin, adrelid) INTO value FROM pg_attrdef WHERE adrelid = old AND adnum = theirs.attnum;
    END IF;
    IF value IS NOT NULL THEN
        EXECUTE format('ALTER TABLE public.%I ALTER COLUMN %I SET DEFAULT %s', name, source, value);
    END IF;
    IF sequence IS NOT NULL THEN
        EXECUTE format('ALTER SEQUENCE %s OWNED BY public.%I.%I', sequence::regclass, name, source);
        -- Whoever may write rows needs the numbers.
        EXECUTE (SELECT coalesce(string_agg(format('GRANT USAGE ON SEQUENCE %s TO %s;', sequence::regclass,
                                 CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END), ' '), 'SELECT 1')
                 FROM (SELECT grantee FROM pg_class, aclexplode(relacl) WHERE pg_class.oid = old AND privilege_type = 'INSERT'
                       UNION SELECT relowner FROM pg_class WHERE oid = old) AS writers);
    END IF;
END
$$;
COMMENT ON FUNCTION lagproof.adopt_default(text, text) IS 'Gives an older table''s own column its default again, and its sequence.';

CREATE OR REPLACE FUNCTION lagproof.adopt_rules(name text, row_key text, broken_rows text) RETURNS text[]
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    new    oid := to_regclass(format('public.%I', name));
    rule   record;
    number bigint;
    broken text[] := '{}';
BEGIN
    FOR rule IN
        SELECT conname::text, pg_get_expr(conbin, conrelid, true) AS says,
               (SELECT array_agg(attname::text ORDER BY attnum) FROM pg_attribute WHERE attrelid = new AND attnum = ANY (conkey)) AS columns
        FROM pg_constraint WHERE conrelid = new AND contype = 'c'
        UNION ALL
        SELECT attname || '_is_there', format('%I IS NOT NULL', attname), ARRAY[attname::text]
        FROM pg_attribute
        WHERE attrelid = new AND attnotnull AND attnum > 0 AND NOT attisdropped AND attidentity = '' AND NOT atthasdef
        ORDER BY 1
    LOOP
        EXECUTE format('INSERT INTO lagproof.adoption_findings (table_name, row_key, column_name, rule, problem, was)
            SELECT %L, (%s)::text, %L, %L,
                   %L || (SELECT string_agg(key || '' is '' || coalesce(value, ''NULL''), '', '' ORDER BY key)
                          FROM jsonb_each_text(to_jsonb(adopted) - ''lagproof_was'') AS pairs (key, value)
                          WHERE key = ANY (%L)) || %L,
                   lagproof_was
            FROM lagproof.adopted_rows AS adopted WHERE (%s) IS FALSE',
            name, row_key, CASE cardinality(rule.columns) WHEN 1 THEN rule.columns[1] END, CASE WHEN rule.conname ~ '^[a-z]\d{3}_' THEN upper(left(rule.conname, 4)) END,
            rule.says || ' does not hold: ', rule.columns,
            CASE broken_rows WHEN 'keep' THEN '; the row is as it was' ELSE '; the row is kept here only' END, rule.says);
        GET DIAGNOSTICS number = ROW_COUNT;
        IF number > 0 THEN
            IF broken_rows <> 'keep' THEN
                broken := broken || format('(%s) IS NOT FALSE', rule.says);
                CONTINUE;
            END IF;
            broken := broken || format('ALTER TABLE public.%I ADD CONSTRAINT %I CHECK (%s) NOT VALID', name, rule.conname, rule.says);
            -- Held against what is written from now on, and against the old once all of it is mended.
            IF rule.conname = rule.columns[1] || '_is_there' THEN
                EXECUTE format('ALTER TABLE public.%I ALTER COLUMN %I DROP NOT NULL', name, rule.columns[1]);
            ELSE
                EXECUTE format('ALTER TABLE public.%I DROP CONSTRAINT %I', name, rule.conname);
            END IF;
        END IF;
    END LOOP;
    RETURN broken;
END
$$;
COMMENT ON FUNCTION lagproof.adopt_rules(text, text, text) IS
    'Writes down, rule by rule, which older rows break it. With keep, takes those rules off and answers what puts them back for new values; else answers what a row must fulfil.';

CREATE OR REPLACE FUNCTION lagproof.leave_behind(name text) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO lagproof.adoption_findings (table_name, problem)
    SELECT name, 'was not taken over: ' || what FROM (
        SELECT 1 AS place, pg_get_constraintdef(oid) AS what FROM pg_constraint
        WHERE conrelid = to_regclass(format('lagproof.%I', name)) AND contype IN ('c', 'f', 'x')
           OR conrelid = to_regclass(format('lagproof.%I', name)) AND contype IN ('p', 'u') AND NOT EXISTS (
                SELECT FROM pg_constraint AS ours WHERE ours.conrelid = to_regclass(format('public.%I', name)) AND ours.contype = 'p'
                   AND substring(pg_get_constraintdef(ours.oid) FROM '\(.*') = substring(pg_get_constraintdef(pg_constraint.oid) FROM '\(.*'))
        UNION ALL
        SELECT 2, pg_get_indexdef(indexrelid) FROM pg_index
        WHERE indrelid = to_regclass(format('lagproof.%I', name)) AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)
        UNION ALL
        SELECT 3, pg_get_triggerdef(oid) FROM pg_trigger
        WHERE tgrelid = to_regclass(format('lagproof.%I', name)) AND NOT tgisinternal
    ) AS parts ORDER BY place, what
$$;
COMMENT ON FUNCTION lagproof.leave_behind(text) IS 'Writes down the rules, indexes and triggers of an older table that ours does not have.';

CREATE OR REPLACE FUNCTION lagproof.adopt_rows(name text, keys text[], own text[], other_names jsonb, row_key text,
                                               broken_rows text, place text DEFAULT '1', settle text DEFAULT '') RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    old     oid := to_regclass(format('lagproof.%I', name));
    rules   text[];
    columns text;
    said    record;
    had     bigint;
    taken   bigint;
    aside   bigint;
    after   text[];
    detail  text;
BEGIN
    PERFORM lagproof.adopt_columns(name, keys, own, other_names);
    IF broken_rows = 'keep' THEN
        EXECUTE format('SELECT string_agg(coalesce(quote_literal(key), ''NULL'') || '' '' || times || '' times'', '', '' ORDER BY key)
                        FROM (SELECT %1$I AS key, count(*) AS times FROM lagproof.adopted_rows GROUP BY 1
                              HAVING count(*) > 1 OR %1$I IS NULL ORDER BY 1 LIMIT 20) AS wrong', keys[1]) INTO detail;
        IF detail IS NOT NULL THEN
            PERFORM lagproof.not_adoptable(name, format('each row needs a %s of its own, and it has %s', keys[1], detail));
        END IF;
    END IF;
    rules := lagproof.adopt_rules(name, row_key, broken_rows);
    SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) INTO columns FROM pg_attribute
    WHERE attrelid = 'lagproof.adopted_rows'::regclass AND attnum > 0 AND attname <> 'lagproof_was';
    EXECUTE format('SELECT count(*) FROM lagproof.%I', name) INTO had;
    IF broken_rows = 'keep' THEN
        after := rules;
        rules := '{}';
    END IF;
    EXECUTE format('CREATE VIEW lagproof.adopted_places AS SELECT *, %s AS lagproof_place FROM lagproof.adopted_rows WHERE %s',
                   place, coalesce(nullif(array_to_string(rules, ' AND '), ''), 'true'));
    EXECUTE format('INSERT INTO lagproof.adoption_findings (table_name, row_key, problem, was)
        SELECT %L, (%s)::text, ''a newer row says the same; this one is kept here only'', lagproof_was
        FROM lagproof.adopted_places WHERE lagproof_place > 1', name, row_key);
    GET DIAGNOSTICS aside = ROW_COUNT;
    IF rules <> '{}' THEN
        EXECUTE format('SELECT count(*) FROM lagproof.adopted_rows WHERE NOT (%s)', array_to_string(rules, ' AND ')) INTO taken;
        aside := aside + taken;
    END IF;
    EXECUTE format('INSERT INTO public.%I (%s) SELECT %s FROM lagproof.adopted_places WHERE lagproof_place = 1', name, columns, columns);
    GET DIAGNOSTICS taken = ROW_COUNT;
    IF taken + aside <> had THEN
        PERFORM lagproof.not_adoptable(name, format('of its %s rows %s would be taken over and %s written down', had, taken, aside));
    END IF;
    DROP VIEW lagproof.adopted_places;
    DROP VIEW lagproof.adopted_rows;
    EXECUTE settle;  -- before the rules are back that rows break

    PERFORM lagproof.leave_behind(name);
    after := coalesce(after, '{}') || lagproof.grant_statements(old, format('public.%I', name));
    FOR said IN SELECT conrelid::regclass AS referrer, conname, pg_get_constraintdef(oid) AS definition
                FROM pg_constraint WHERE confrelid = old AND conrelid <> old AND contype = 'f' LOOP
        EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', said.referrer, said.conname);
        after := after || format('ALTER TABLE %s ADD CONSTRAINT %I %s', said.referrer, said.conname,
            replace(said.definition, format('REFERENCES lagproof.%I(', name), format('REFERENCES public.%I(', name)));
    END LOOP;
    BEGIN
        EXECUTE format('DROP TABLE lagproof.%I', name);
    EXCEPTION WHEN dependent_objects_still_exist THEN
        GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
        PERFORM lagproof.not_adoptable(name, format('something else rests on it: %s', detail));
    END;
    FOREACH detail IN ARRAY after LOOP
        BEGIN
            EXECUTE detail;
        EXCEPTION WHEN invalid_foreign_key OR foreign_key_violation OR datatype_mismatch THEN
            PERFORM lagproof.not_adoptable(name, format('%s (%s)', SQLERRM, detail));
        END;
    END LOOP;
    PERFORM lagproof.put_views_up();
    PERFORM lagproof.tell_findings(name);
    RETURN taken;
END
$$;
COMMENT ON FUNCTION lagproof.adopt_rows(text, text[], text[], jsonb, text, text, text, text) IS
    'Moves the rows of an older table, set aside before, into ours: each is in the table or in adoption_findings, or it raises. Then drops the old table.';

CREATE OR REPLACE FUNCTION lagproof.tell_findings(name text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    finding record;
    more    bigint;
BEGIN
    FOR finding IN SELECT * FROM lagproof.adoption_findings WHERE table_name = name ORDER BY id LIMIT 50 LOOP
        RAISE WARNING '%', concat_ws(': ', concat_ws(' ', finding.table_name, quote_literal(finding.row_key), finding.column_name),
                                     finding.rule, finding.problem);
    END LOOP;
    SELECT count(*) - 50 INTO more FROM lagproof.adoption_findings WHERE table_name = name;
    IF more > 0 THEN
        RAISE WARNING '%: and % more', name, more USING HINT = 'SELECT * FROM lagproof.adoption_findings ORDER BY id;';
    END IF;
END
$$;
COMMENT ON FUNCTION lagproof.tell_findings(text) IS 'Says what was found when a table was taken over, to whoever runs the migration.';

CREATE OR REPLACE FUNCTION lagproof.rename_before(kind text, name text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    old record;
BEGIN
    FOR old IN
        SELECT 'TABLE' AS kind, format('public.%I', relname) AS what FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relname = $2 AND $1 = 'view'
        UNION ALL
        SELECT CASE prokind WHEN 'p' THEN 'PROCEDURE' WHEN 'a' THEN 'AGGREGATE' ELSE 'FUNCTION' END,
               format('public.%I(%s)', proname, pg_get_function_identity_arguments(oid))
        FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND proname = $2 AND $1 = 'function'
    LOOP
        EXECUTE format('ALTER %s %s RENAME TO %I', old.kind, old.what, name || '_before');
        INSERT INTO lagproof.adoption_findings (table_name, problem)
        VALUES (name, format('was there with another meaning: %s is now named %I', old.what, name || '_before'));
    END LOOP;
    PERFORM lagproof.tell_findings(name) WHERE FOUND;
END
$$;
COMMENT ON FUNCTION lagproof.rename_before(text, text) IS 'Gives older views or functions of that name another one: what rests on them goes on.';

CREATE OR REPLACE FUNCTION lagproof.validate_adopted_v1() RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    rule  record;
    fails boolean;
    still integer := 0;
BEGIN
    FOR rule IN SELECT conrelid::regclass AS relation, conname, pg_get_expr(conbin, conrelid) AS says FROM pg_constraint
                WHERE conrelid = to_regclass('public.pipeline_consumer_configs') AND contype = 'c' AND NOT convalidated LOOP
        EXECUTE format('SELECT EXISTS (SELECT FROM %s WHERE (%s) IS FALSE)', rule.relation, rule.says) INTO fails;
        IF fails THEN
            still := still + 1;
        ELSE
            EXECUTE format('ALTER TABLE %s VALIDATE CONSTRAINT %I', rule.relation, rule.conname);
        END IF;
    END LOOP;
    RETURN still;
END
$$;
COMMENT ON FUNCTION lagproof.validate_adopted_v1() IS
    'Validates the rules that rows of an older installation broke, where they do not any more; answers how many are still broken. `lagproof migrate` calls it.';

-- ---- roles ----------------------------------------------------------------------------------------------------------
-- None can log in: grant them to the logins that you have. Where they may not be created here, and do not exist, the
-- grants below are left out, and the owner grants by hand.

CREATE OR REPLACE FUNCTION lagproof.create_role(role text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role) THEN
        EXECUTE format('CREATE ROLE %I NOLOGIN', role);
    END IF;
EXCEPTION
    WHEN duplicate_object OR unique_violation THEN
        NULL;  -- another migration of this cluster made it just now
    WHEN insufficient_privilege THEN
        RAISE WARNING 'role % does not exist and % may not create roles: nothing is granted to it', role, current_user
            USING HINT = format('As a superuser: CREATE ROLE %I NOLOGIN; then run this migration again.', role);
END
$$;
COMMENT ON FUNCTION lagproof.create_role(text) IS 'Creates a role without login, unless it exists or may not be created.';

CREATE OR REPLACE FUNCTION lagproof.grant_if_possible(privileges text, object text, role text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = role) THEN
        EXECUTE format('GRANT %s ON %s TO %I', privileges, object, role);
    END IF;
END
$$;
COMMENT ON FUNCTION lagproof.grant_if_possible(text, text, text) IS
    'Grants privileges on an object, both written as in SQL, to a role, if that role exists. For migrations only.';

REVOKE ALL ON FUNCTION lagproof.create_role(text), lagproof.grant_if_possible(text, text, text) FROM PUBLIC;

DO $$
BEGIN
    PERFORM lagproof.create_role(role)
    FROM unnest(ARRAY['lagproof_migrator', 'lagproof_operator', 'lagproof_service', 'lagproof_reader']) AS role;
END
$$;

-- ---- what can be set ------------------------------------------------------------------------------------------------

CREATE TABLE IF NOT EXISTS lagproof.consumer_settings (
    column_name text PRIMARY KEY,
    path        text[] NOT NULL,
    kind        text NOT NULL CHECK (kind IN ('count', 'duration', 'size', 'switch', 'word', 'words')),
    minimum     bigint,
    maximum     bigint,
    words       text[]
);
COMMENT ON TABLE lagproof.consumer_settings IS
    'What a person may override: columns of pipeline_consumer_configs, where each stands in a seed''s settings, and its bounds. The bounds are the compiler''s (src/model/limits.rs).';
COMMENT ON COLUMN lagproof.consumer_settings.column_name IS 'The column, which is also the key in seeds.';
COMMENT ON COLUMN lagproof.consumer_settings.path IS 'Where it stands in settings.';
COMMENT ON COLUMN lagproof.consumer_settings.kind IS 'count, duration (milliseconds), size (bytes), switch, word or words.';
COMMENT ON COLUMN lagproof.consumer_settings.minimum IS 'The least; rule S108.';
COMMENT ON COLUMN lagproof.consumer_settings.maximum IS 'The greatest; rule S108.';
COMMENT ON COLUMN lagproof.consumer_settings.words IS 'The words that there are (src/model/keywords.rs); rule S107. NULL: any text.';

INSERT INTO lagproof.consumer_settings (column_name, path, kind, minimum, maximum, words) VALUES
    ('max_poll_records',              '{consumer,max_poll_records}',              'count',    1,    2147483647, NULL),
    ('session_timeout_ms',            '{consumer,session_timeout_ms}',            'duration', 1,    3600000, NULL),
    ('heartbeat_interval_ms',         '{consumer,heartbeat_interval_ms}',         'duration', 1,    3600000, NULL),
    ('max_poll_interval_ms',          '{consumer,max_poll_interval_ms}',          'duration', 1,    86400000, NULL),
    ('rebalance_timeout_ms',          '{consumer,rebalance_timeout_ms}',          'duration', 1,    3600000, NULL),
    ('partition_assignment_strategy', '{consumer,partition_assignment_strategy}', 'words',    NULL, NULL, '{range,roundrobin,sticky,cooperative-sticky}'),
    ('group_remote_assignor',         '{consumer,group_remote_assignor}',         'word',     NULL, NULL, '{uniform,range}'),
    ('auto_offset_reset',             '{consumer,auto_offset_reset}',             'word',     NULL, NULL, '{earliest,latest,none}'),
    ('fetch_min_bytes',               '{consumer,fetch_min_bytes}',               'size',     1,    100000000, NULL),
    ('fetch_max_wait_ms',             '{consumer,fetch_max_wait_ms}',             'duration', 0,    300000, NULL),
    ('fetch_max_bytes',               '{consumer,fetch_max_bytes}',               'size',     1,    2147483135, NULL),
    ('max_partition_fetch_bytes',     '{consumer,max_partition_fetch_bytes}',     'size',     1000, 1000000000, NULL),
    ('message_max_bytes',             '{consumer,message_max_bytes}',             'size',     1000, 1000000000, NULL),
    ('receive_message_max_bytes',     '{consumer,receive_message_max_bytes}',     'size',     1000, 2147483647, NULL),
    ('queued_min_messages',           '{consumer,queued_min_messages}',           'count',    1,    10000000, NULL),
    ('queued_max_bytes',              '{consumer,queued_max_bytes}',              'size',     1000, 2097151000, NULL),
    ('fetch_queue_backoff_ms',        '{consumer,fetch_queue_backoff_ms}',        'duration', 0,    300000, NULL),
    ('request_timeout_ms',            '{consumer,request_timeout_ms}',            'duration', 10,   300000, NULL),
    ('retry_backoff_ms',              '{consumer,retry_backoff_ms}',              'duration', 1,    300000, NULL),
    ('retry_backoff_max_ms',          '{consumer,retry_backoff_max_ms}',          'duration', 1,    300000, NULL),
    ('reconnect_backoff_ms',          '{consumer,reconnect_backoff_ms}',          'duration', 0,    3600000, NULL),
    ('reconnect_backoff_max_ms',      '{consumer,reconnect_backoff_max_ms}',      'duration', 0,    3600000, NULL),
    ('connections_max_idle_ms',       '{consumer,connections_max_idle_ms}',       'duration', 0,    2147483647, NULL),
    ('receive_buffer_bytes',          '{consumer,receive_buffer_bytes}',          'size',     0,    100000000, NULL),
    ('client_rack',                   '{consumer,client_rack}',                   'word',     NULL, NULL, NULL),
    ('check_crcs',                    '{consumer,check_crcs}',                    'switch',   NULL, NULL, NULL),
    ('statistics_interval_ms',        '{consumer,statistics_interval_ms}',        'duration', 0,    86400000, NULL),
    ('metadata_max_age_ms',           '{consumer,metadata_max_age_ms}',           'duration', 10,   3600000, NULL),
    ('allow_auto_create_topics',      '{consumer,allow_auto_create_topics}',      'switch',   NULL, NULL, NULL),
    ('enable_auto_commit',            '{delivery,commit}',                        'switch',   NULL, NULL, NULL),
    ('auto_commit_interval_ms',       '{delivery,commit_interval_ms}',            'duration', 0,    86400000, NULL),
    ('concurrency',                   '{concurrency}',                            'count',    1,    2147483647, NULL)
ON CONFLICT (column_name) DO UPDATE
    SET path = excluded.path, kind = excluded.kind, minimum = excluded.minimum, maximum = excluded.maximum, words = excluded.words;

CREATE TABLE IF NOT EXISTS lagproof.consumer_relations (
    rule    text PRIMARY KEY,
    lesser  text NOT NULL REFERENCES lagproof.consumer_settings,
    orders  text NOT NULL CHECK (orders IN ('below', 'at most')),
    greater text NOT NULL REFERENCES lagproof.consumer_settings,
    because text NOT NULL
);
COMMENT ON TABLE lagproof.consumer_relations IS
    'How settings of one row must stand to each other: the compiler''s relations (src/model/limits.rs). Each is also a CHECK of pipeline_consumer_configs.';
COMMENT ON COLUMN lagproof.consumer_relations.rule IS 'The rule''s code; `lagproof explain CODE` says why.';
COMMENT ON COLUMN lagproof.consumer_relations.lesser IS 'The setting that must be smaller.';
COMMENT ON COLUMN lagproof.consumer_relations.orders IS 'How: below, or at most.';
COMMENT ON COLUMN lagproof.consumer_relations.greater IS 'The setting that must be larger.';
COMMENT ON COLUMN lagproof.consumer_relations.because IS 'What happens at run time otherwise.';

INSERT INTO lagproof.consumer_relations (rule, lesser, orders, greater, because) VALUES
    ('C101', 'heartbeat_interval_ms', 'below', 'session_timeout_ms',
     'the group takes the member for dead before its next heartbeat, and Java and kafkajs refuse to start'),
    ('C103', 'session_timeout_ms', 'at most', 'max_poll_interval_ms',
     'a member that stops polling is thrown out before its session could end, and librdkafka refuses to start'),
    ('N101', 'reconnect_backoff_ms', 'at most', 'reconnect_backoff_max_ms',
     'librdkafka refuses to start')
ON CONFLICT (rule) DO UPDATE
    SET lesser = excluded.lesser, orders = excluded.orders, greater = excluded.greater, because = excluded.because;

-- ---- configuration --------------------------------------------------------------------------------------------------

CREATE SEQUENCE IF NOT EXISTS lagproof.generation;

DO $$
BEGIN
    IF to_regclass('lagproof.service_bases') IS NULL THEN
        PERFORM lagproof.set_aside('pipeline_consumer_configs');
    END IF;
END
$$;

CREATE TABLE IF NOT EXISTS public.pipeline_consumer_configs (
    service_name                  text PRIMARY KEY,
    consumer_group_id             text NOT NULL,
    max_poll_records              integer,
    session_timeout_ms            integer,
    max_poll_interval_ms          integer,
    heartbeat_interval_ms         integer,
    partition_assignment_strategy text,
    enable_auto_commit            boolean,
    auto_commit_interval_ms       integer,
    auto_offset_reset             text,
    fetch_min_bytes               integer,
    fetch_max_wait_ms             integer,
    fetch_max_bytes               integer,
    max_partition_fetch_bytes     integer,
    request_timeout_ms            integer,
    retry_backoff_ms              integer,
    reconnect_backoff_ms          integer,
    reconnect_backoff_max_ms      integer,
    description                   text,
    created_at                    timestamptz NOT NULL DEFAULT now(),
    updated_at                    timestamptz NOT NULL DEFAULT now(),
    -- lagproof's own
    client                        text,
    version                       integer,
    revision                      integer,
    digest                        text,
    status                        text NOT NULL DEFAULT 'active',
    topics                        text[] NOT NULL DEFAULT '{}',
    replicas                      integer,
    target_lag                    bigint NOT NULL DEFAULT 100,
    target_error_share            double precision NOT NULL DEFAULT 0.01,
    target_rebalances_per_hour    double precision NOT NULL DEFAULT 1,
    concurrency                   integer,
    rebalance_timeout_ms          integer,
    group_remote_assignor         text,
    message_max_bytes             integer,
    receive_message_max_bytes     integer,
    queued_min_messages           integer,
    queued_max_bytes              integer,
    fetch_queue_backoff_ms        integer,
    retry_backoff_max_ms          integer,
    connections_max_idle_ms       integer,
    receive_buffer_bytes          integer,
    client_rack                   text,
    check_crcs                    boolean,
    statistics_interval_ms        integer,
    metadata_max_age_ms           integer,
    allow_auto_create_topics      boolean,
    settings                      jsonb NOT NULL DEFAULT '{}',
    context                       jsonb NOT NULL DEFAULT '{}',
    generation                    bigint NOT NULL DEFAULT 0,
    changed_by                    text NOT NULL DEFAULT session_user,
    changed_through               text NOT NULL DEFAULT 'person',

    -- S108: each number within what every client accepts
    CONSTRAINT s108_max_poll_records CHECK (max_poll_records BETWEEN 1 AND 2147483647),
    CONSTRAINT s108_session_timeout_ms CHECK (session_timeout_ms BETWEEN 1 AND 3600000),
    CONSTRAINT s108_heartbeat_interval_ms CHECK (heartbeat_interval_ms BETWEEN 1 AND 3600000),
    CONSTRAINT s108_max_poll_interval_ms CHECK (max_poll_interval_ms BETWEEN 1 AND 86400000),
    CONSTRAINT s108_rebalance_timeout_ms CHECK (rebalance_timeout_ms BETWEEN 1 AND 3600000),
    CONSTRAINT s108_fetch_min_bytes CHECK (fetch_min_bytes BETWEEN 1 AND 100000000),
    CONSTRAINT s108_fetch_max_wait_ms CHECK (fetch_max_wait_ms BETWEEN 0 AND 300000),
    CONSTRAINT s108_fetch_max_bytes CHECK (fetch_max_bytes BETWEEN 1 AND 2147483135),
    CONSTRAINT s108_max_partition_fetch_bytes CHECK (max_partition_fetch_bytes BETWEEN 1000 AND 1000000000),
    CONSTRAINT s108_message_max_bytes CHECK (message_max_bytes BETWEEN 1000 AND 1000000000),
    CONSTRAINT s108_receive_message_max_bytes CHECK (receive_message_max_bytes BETWEEN 1000 AND 2147483647),
    CONSTRAINT s108_queued_min_messages CHECK (queued_min_messages BETWEEN 1 AND 10000000),
    CONSTRAINT s108_queued_max_bytes CHECK (queued_max_bytes BETWEEN 1000 AND 2097151000),
    CONSTRAINT s108_fetch_queue_backoff_ms CHECK (fetch_queue_backoff_ms BETWEEN 0 AND 300000),
    CONSTRAINT s108_request_timeout_ms CHECK (request_timeout_ms BETWEEN 10 AND 300000),
    CONSTRAINT s108_retry_backoff_ms CHECK (retry_backoff_ms BETWEEN 1 AND 300000),
    CONSTRAINT s108_retry_backoff_max_ms CHECK (retry_backoff_max_ms BETWEEN 1 AND 300000),
    CONSTRAINT s108_reconnect_backoff_ms CHECK (reconnect_backoff_ms BETWEEN 0 AND 3600000),
    CONSTRAINT s108_reconnect_backoff_max_ms CHECK (reconnect_backoff_max_ms BETWEEN 0 AND 3600000),
    CONSTRAINT s108_connections_max_idle_ms CHECK (connections_max_idle_ms BETWEEN 0 AND 2147483647),
    CONSTRAINT s108_receive_buffer_bytes CHECK (receive_buffer_bytes BETWEEN 0 AND 100000000),
    CONSTRAINT s108_statistics_interval_ms CHECK (statistics_interval_ms BETWEEN 0 AND 86400000),
    CONSTRAINT s108_metadata_max_age_ms CHECK (metadata_max_age_ms BETWEEN 10 AND 3600000),
    CONSTRAINT s108_auto_commit_interval_ms CHECK (auto_commit_interval_ms BETWEEN 0 AND 86400000),
    CONSTRAINT s108_concurrency CHECK (concurrency BETWEEN 1 AND 2147483647),
    -- relations
    CONSTRAINT c101_heartbeat_interval_below_session_timeout CHECK (heartbeat_interval_ms < session_timeout_ms),
    CONSTRAINT c103_session_timeout_at_most_max_poll_interval CHECK (session_timeout_ms <= max_poll_interval_ms),
    CONSTRAINT n101_reconnect_backoff_at_most_reconnect_backoff_max
        CHECK (reconnect_backoff_ms <= reconnect_backoff_max_ms),
    -- the row itself
    CONSTRAINT service_has_a_name CHECK (service_name <> ''),
    CONSTRAINT group_has_a_name CHECK (consumer_group_id <> ''),
    CONSTRAINT status_is_known CHECK (status IN ('active', 'retired'))
);
COMMENT ON TABLE public.pipeline_consumer_configs IS
    'What each consumer should run with now, one row a service: the profile''s values with people''s overrides on top. An UPDATE of a setting is an override: it is kept, recorded, and announced. NULL leaves a setting to the client.';
COMMENT ON COLUMN public.pipeline_consumer_configs.service_name IS 'The service; its profile''s file name.';
COMMENT ON COLUMN public.pipeline_consumer_configs.consumer_group_id IS 'Its consumer group (group.id). Only its profile changes it: another group would abandon the offsets.';
COMMENT ON COLUMN public.pipeline_consumer_configs.max_poll_records IS 'Most records in one batch.';
COMMENT ON COLUMN public.pipeline_consumer_configs.session_timeout_ms IS 'Silence, in milliseconds, after which the group takes a member for dead.';
COMMENT ON COLUMN public.pipeline_consumer_configs.max_poll_interval_ms IS 'Longest time, in milliseconds, between two polls before the member leaves its group.';
COMMENT ON COLUMN public.pipeline_consumer_configs.heartbeat_interval_ms IS 'Milliseconds between heartbeats; below session_timeout_ms, at best a third of it.';
COMMENT ON COLUMN public.pipeline_consumer_configs.partition_assignment_strategy IS 'How partitions are shared out, the preferred first, separated by commas: range, roundrobin, sticky, cooperative-sticky.';
COMMENT ON COLUMN public.pipeline_consumer_configs.enable_auto_commit IS 'Whether offsets are committed by the client''s timer; from delivery.commit = interval.';
COMMENT ON COLUMN public.pipeline_consumer_configs.auto_commit_interval_ms IS 'Milliseconds between commits by the timer.';
COMMENT ON COLUMN public.pipeline_consumer_configs.auto_offset_reset IS 'Where to start without a committed offset: earliest, latest, none, or by_duration:….';
COMMENT ON COLUMN public.pipeline_consumer_configs.fetch_min_bytes IS 'Bytes that the broker waits for before it answers a fetch.';
COMMENT ON COLUMN public.pipeline_consumer_configs.fetch_max_wait_ms IS 'Longest time, in milliseconds, that the broker waits for fetch_min_bytes.';
COMMENT ON COLUMN public.pipeline_consumer_configs.fetch_max_bytes IS 'Most bytes in one fetch response.';
COMMENT ON COLUMN public.pipeline_consumer_configs.max_partition_fetch_bytes IS 'Most bytes of one partition in one fetch response.';
COMMENT ON COLUMN public.pipeline_consumer_configs.request_timeout_ms IS 'Longest wait, in milliseconds, for a broker''s answer.';
COMMENT ON COLUMN public.pipeline_consumer_configs.retry_backoff_ms IS 'First pause, in milliseconds, before a failed request is repeated.';
COMMENT ON COLUMN public.pipeline_consumer_configs.reconnect_backoff_ms IS 'First pause, in milliseconds, before reconnecting to a broker.';
COMMENT ON COLUMN public.pipeline_consumer_configs.reconnect_backoff_max_ms IS 'Longest pause, in milliseconds, before reconnecting to a broker.';
COMMENT ON COLUMN public.pipeline_consumer_configs.description IS 'What the service does, in a line; its profile''s summary.';
COMMENT ON COLUMN public.pipeline_consumer_configs.created_at IS 'When the row appeared.';
COMMENT ON COLUMN public.pipeline_consumer_configs.updated_at IS 'When the row last changed.';
COMMENT ON COLUMN public.pipeline_consumer_configs.client IS 'The Kafka client: librdkafka, java, aiokafka, kafkajs or confluent-javascript. NULL: the row has no profile.';
COMMENT ON COLUMN public.pipeline_consumer_configs.version IS 'The profile''s version that is the base of this row. NULL: the row has no profile.';
COMMENT ON COLUMN public.pipeline_consumer_configs.revision IS 'Counts changes of the context (targets, rates, replicas) within a version.';
COMMENT ON COLUMN public.pipeline_consumer_configs.digest IS 'The digest of the settings that are the base of this row; "retired" after a tombstone.';
COMMENT ON COLUMN public.pipeline_consumer_configs.status IS 'active, or retired: its profile was removed.';
COMMENT ON COLUMN public.pipeline_consumer_configs.topics IS 'The topics that it reads.';
COMMENT ON COLUMN public.pipeline_consumer_configs.replicas IS 'How many replicas are meant to run; NULL where that is not known.';
COMMENT ON COLUMN public.pipeline_consumer_configs.target_lag IS 'Records behind, over all partitions, below which it must stay.';
COMMENT ON COLUMN public.pipeline_consumer_configs.target_error_share IS 'The share of records that may fail (0.01 is 1 %), below which it must stay.';
COMMENT ON COLUMN public.pipeline_consumer_configs.target_rebalances_per_hour IS 'Rebalances an hour, below which it must stay.';
COMMENT ON COLUMN public.pipeline_consumer_configs.concurrency IS 'Records processed at once in one replica; NULL is unbounded.';
COMMENT ON COLUMN public.pipeline_consumer_configs.rebalance_timeout_ms IS 'Longest time, in milliseconds, that the group waits for members to rejoin (aiokafka, kafkajs).';
COMMENT ON COLUMN public.pipeline_consumer_configs.group_remote_assignor IS 'The broker''s assignor under KIP-848: uniform or range.';
COMMENT ON COLUMN public.pipeline_consumer_configs.message_max_bytes IS 'Largest message, in bytes (librdkafka).';
COMMENT ON COLUMN public.pipeline_consumer_configs.receive_message_max_bytes IS 'Largest response that is accepted, in bytes (librdkafka).';
COMMENT ON COLUMN public.pipeline_consumer_configs.queued_min_messages IS 'Messages that librdkafka tries to keep in its local queue.';
COMMENT ON COLUMN public.pipeline_consumer_configs.queued_max_bytes IS 'Bytes in librdkafka''s local queue beyond which it stops fetching.';
COMMENT ON COLUMN public.pipeline_consumer_configs.fetch_queue_backoff_ms IS 'Pause, in milliseconds, before librdkafka looks again whether its queue has room.';
COMMENT ON COLUMN public.pipeline_consumer_configs.retry_backoff_max_ms IS 'Longest pause, in milliseconds, before a failed request is repeated.';
COMMENT ON COLUMN public.pipeline_consumer_configs.connections_max_idle_ms IS 'Idle milliseconds after which a connection is closed.';
COMMENT ON COLUMN public.pipeline_consumer_configs.receive_buffer_bytes IS 'The socket''s receive buffer, in bytes.';
COMMENT ON COLUMN public.pipeline_consumer_configs.client_rack IS 'Where the consumer stands, for fetching from the nearest replica.';
COMMENT ON COLUMN public.pipeline_consumer_configs.check_crcs IS 'Whether checksums are verified.';
COMMENT ON COLUMN public.pipeline_consumer_configs.statistics_interval_ms IS 'How often, in milliseconds, librdkafka reports its statistics; 0 is off.';
COMMENT ON COLUMN public.pipeline_consumer_configs.metadata_max_age_ms IS 'How often, in milliseconds, topics and partitions are looked up again.';
COMMENT ON COLUMN public.pipeline_consumer_configs.allow_auto_create_topics IS 'Whether subscribing may create a topic.';
COMMENT ON COLUMN public.pipeline_consumer_configs.settings IS 'Everything that a running service needs, overrides included: client, group, topics, consumer, raw, delivery, concurrency, handler.';
COMMENT ON COLUMN public.pipeline_consumer_configs.context IS 'What others need to know, as seeded: targets, topics'' rates and partitions, replicas, summary.';
COMMENT ON COLUMN public.pipeline_consumer_configs.generation IS 'Grows with every change of any row: what a service polls, and what it acknowledges.';
COMMENT ON COLUMN public.pipeline_consumer_configs.changed_by IS 'Who changed the row last (session_user).';
COMMENT ON COLUMN public.pipeline_consumer_configs.changed_through IS 'By what means: person, seed, expiry, drop, retire or adoption.';

CREATE TABLE IF NOT EXISTS lagproof.service_bases (
    service_name text PRIMARY KEY,
    version      integer NOT NULL CHECK (version >= 1),
    revision     integer NOT NULL CHECK (revision >= 0),
    digest       text NOT NULL,
    settings     jsonb NOT NULL,
    context      jsonb NOT NULL,
    status       text NOT NULL CHECK (status IN ('active', 'retired')),
    settings_version  integer NOT NULL,
    settings_revision integer NOT NULL,
    seeded_at    timestamptz NOT NULL DEFAULT now(),
    seeded_by    text NOT NULL DEFAULT session_user
);
COMMENT ON TABLE lagproof.service_bases IS 'What each profile compiled to last: the base under people''s overrides. Written by seeds only.';
COMMENT ON COLUMN lagproof.service_bases.service_name IS 'The service.';
COMMENT ON COLUMN lagproof.service_bases.version IS 'The profile''s version; with revision it orders everything that can happen to a service.';
COMMENT ON COLUMN lagproof.service_bases.revision IS 'Counts changes of the context within a version.';
COMMENT ON COLUMN lagproof.service_bases.digest IS 'The digest of the seed''s settings; "retired" after a tombstone.';
COMMENT ON COLUMN lagproof.service_bases.settings IS 'The settings as seeded.';
COMMENT ON COLUMN lagproof.service_bases.context IS 'The context as seeded.';
COMMENT ON COLUMN lagproof.service_bases.status IS 'active, or retired by a tombstone.';
COMMENT ON COLUMN lagproof.service_bases.settings_version IS 'The version that settings and context are of: the last one before a tombstone, else version; 0 where only a tombstone has come.';
COMMENT ON COLUMN lagproof.service_bases.settings_revision IS 'The revision that settings and context are of.';
COMMENT ON COLUMN lagproof.service_bases.seeded_at IS 'When.';
COMMENT ON COLUMN lagproof.service_bases.seeded_by IS 'By whom (session_user).';

CREATE TABLE IF NOT EXISTS lagproof.overrides (
    service_name text NOT NULL REFERENCES lagproof.service_bases ON DELETE CASCADE,
    setting      text NOT NULL REFERENCES lagproof.consumer_settings,
    base_value   jsonb NOT NULL,
    value        jsonb NOT NULL,
    changed_by   text NOT NULL DEFAULT session_user,
    changed_at   timestamptz NOT NULL DEFAULT now(),
    reason       text,
    until        timestamptz,
    PRIMARY KEY (service_name, setting)
);
CREATE INDEX IF NOT EXISTS overrides_until ON lagproof.overrides (until) WHERE until IS NOT NULL;
COMMENT ON TABLE lagproof.overrides IS 'What people changed on top of the bases, one row a setting.';
COMMENT ON COLUMN lagproof.overrides.service_name IS 'The service.';
COMMENT ON COLUMN lagproof.overrides.setting IS 'The setting: a column of pipeline_consumer_configs.';
COMMENT ON COLUMN lagproof.overrides.base_value IS 'The base''s value when the override was made; JSON null where the profile has none.';
COMMENT ON COLUMN lagproof.overrides.value IS 'The value instead; JSON null leaves it to the client.';
COMMENT ON COLUMN lagproof.overrides.changed_by IS 'Who (session_user).';
COMMENT ON COLUMN lagproof.overrides.changed_at IS 'When.';
COMMENT ON COLUMN lagproof.overrides.reason IS 'Why, if said: SET lagproof.reason = ''…''.';
COMMENT ON COLUMN lagproof.overrides.until IS 'When it ends, if said: SET lagproof.until = ''…'' (a time, or an interval from now).';

CREATE TABLE IF NOT EXISTS lagproof.setting_changes (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    service_name text NOT NULL,
    setting      text NOT NULL,
    old_value    jsonb,
    new_value    jsonb,
    through      text NOT NULL,
    version      integer,
    generation   bigint NOT NULL,
    changed_by   text NOT NULL DEFAULT session_user,
    changed_at   timestamptz NOT NULL DEFAULT now(),
    reason       text,
    until        timestamptz
);
CREATE INDEX IF NOT EXISTS setting_changes_service ON lagproof.setting_changes (service_name, id);
COMMENT ON TABLE lagproof.setting_changes IS 'Every change of pipeline_consumer_configs, one row a setting. Nothing is ever removed from it by lagproof.';
COMMENT ON COLUMN lagproof.setting_changes.id IS 'Grows.';
COMMENT ON COLUMN lagproof.setting_changes.service_name IS 'The service.';
COMMENT ON COLUMN lagproof.setting_changes.setting IS 'The column that changed; * where the whole row appeared or went.';
COMMENT ON COLUMN lagproof.setting_changes.old_value IS 'What it was; for a whole row its settings, NULL where it appeared.';
COMMENT ON COLUMN lagproof.setting_changes.new_value IS 'What it became; for a whole row its settings, NULL where it went.';
COMMENT ON COLUMN lagproof.setting_changes.through IS 'By what means: person, seed, expiry, drop, retire or adoption.';
COMMENT ON COLUMN lagproof.setting_changes.version IS 'The base''s version after the change.';
COMMENT ON COLUMN lagproof.setting_changes.generation IS 'The row''s generation after the change.';
COMMENT ON COLUMN lagproof.setting_changes.changed_by IS 'Who (session_user).';
COMMENT ON COLUMN lagproof.setting_changes.changed_at IS 'When.';
COMMENT ON COLUMN lagproof.setting_changes.reason IS 'Why, if said.';
COMMENT ON COLUMN lagproof.setting_changes.until IS 'When an override ends, if said.';

CREATE TABLE IF NOT EXISTS lagproof.installation (
    only_row    boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    environment text NOT NULL,
    stage       text NOT NULL CHECK (stage IN ('production', 'test'))
);
COMMENT ON TABLE lagproof.installation IS 'Which environment of lagproof.toml this database serves, once `lagproof migrate --environment` has said so. At most one row.';
COMMENT ON COLUMN lagproof.installation.only_row IS 'Always true.';
COMMENT ON COLUMN lagproof.installation.environment IS 'The environment''s name.';
COMMENT ON COLUMN lagproof.installation.stage IS 'production, or test.';

CREATE TABLE IF NOT EXISTS lagproof.acknowledgements (
    service_name    text NOT NULL,
    instance        text NOT NULL,
    generation      bigint NOT NULL,
    acknowledged_at timestamptz NOT NULL DEFAULT now(),
    acknowledged_by text NOT NULL DEFAULT session_user,
    PRIMARY KEY (service_name, instance)
);
COMMENT ON TABLE lagproof.acknowledgements IS 'What running services say they run with: the last word of each instance.';
COMMENT ON COLUMN lagproof.acknowledgements.service_name IS 'The service.';
COMMENT ON COLUMN lagproof.acknowledgements.instance IS 'Which replica; a name that it keeps while it runs.';
COMMENT ON COLUMN lagproof.acknowledgements.generation IS 'The generation of the row that it runs with.';
COMMENT ON COLUMN lagproof.acknowledgements.acknowledged_at IS 'When it said so.';
COMMENT ON COLUMN lagproof.acknowledgements.acknowledged_by IS 'As whom (session_user).';

-- ---- from a seed's document to a row --------------------------------------------------------------------------------

-- What is called once a row and more is in plpgsql, whose plans are kept: a body in SQL is planned with every call.
CREATE OR REPLACE FUNCTION lagproof.setting_value(settings jsonb, setting text, path text[]) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    found jsonb := coalesce(settings #> path, settings -> setting, 'null');
BEGIN
    IF setting = 'enable_auto_commit' THEN
        RETURN coalesce(to_jsonb((settings #>> '{delivery,commit}') = 'interval'), 'null');
    ELSIF setting = 'concurrency' AND jsonb_typeof(found) = 'string' THEN
        RETURN 'null';  -- "unbounded"
    ELSIF setting = 'partition_assignment_strategy' AND jsonb_typeof(found) = 'array' THEN
        RETURN to_jsonb((SELECT string_agg(name, ',' ORDER BY place)
                         FROM jsonb_array_elements_text(found) WITH ORDINALITY AS names (name, place)));
    END IF;
    RETURN found;
END
$$;
COMMENT ON FUNCTION lagproof.setting_value(jsonb, text, text[]) IS
    'A setting of a seed''s settings as its column holds it; JSON null where it is not set. Consumer settings may stand under "consumer" or beside it.';

CREATE OR REPLACE FUNCTION lagproof.with_setting(settings jsonb, setting text, path text[], value jsonb) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF path[1] = 'consumer' AND NOT settings ? 'consumer' THEN
        path := ARRAY[setting];
    END IF;
    IF setting = 'enable_auto_commit' THEN
        value := CASE
            WHEN value = 'true' THEN '"interval"'
            WHEN settings #>> path = 'interval' THEN '"after-batch"'
            -- A row without a profile says no more than that the timer is off.
            ELSE coalesce(settings #> path, CASE WHEN value = 'false' THEN '"after-batch"' ELSE 'null' END::jsonb)
        END;
    ELSIF setting = 'concurrency' AND value = 'null' THEN
        value := '"unbounded"';
    ELSIF setting = 'partition_assignment_strategy' AND value <> 'null'
          AND jsonb_typeof(settings #> path) IS DISTINCT FROM 'string' THEN
        value := to_jsonb(string_to_array(value #>> '{}', ','));
    END IF;
    IF value = 'null' THEN
        RETURN settings #- path;
    END IF;
    IF cardinality(path) > 1 AND NOT settings ? path[1] THEN
        settings := settings || jsonb_build_object(path[1], '{}'::jsonb);
    END IF;
    RETURN jsonb_set(settings, path, value);
END
$$;
COMMENT ON FUNCTION lagproof.with_setting(jsonb, text, text[], jsonb) IS
    'A seed''s settings with one setting changed to what its column holds; the reverse of setting_value.';

CREATE OR REPLACE FUNCTION lagproof.setting_columns(settings jsonb, context jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (
        SELECT jsonb_object_agg(known.column_name, CASE
                WHEN known.column_name IN ('enable_auto_commit', 'concurrency', 'partition_assignment_strategy')
                THEN lagproof.setting_value(settings, known.column_name, known.path)
                ELSE coalesce(settings #> known.path, settings -> known.column_name, 'null') END)
        FROM lagproof.consumer_settings AS known
    ) || jsonb_build_object(
        'consumer_group_id', settings -> 'group',
        'client', settings -> 'client',
        'topics', coalesce(settings -> 'topics', '[]'),
        'description', coalesce(context -> 'summary', 'null'),
        'replicas', coalesce(context -> 'replicas', 'null'),
        'target_lag', coalesce(context #> '{targets,lag}', '100'),
        'target_error_share', coalesce(context #> '{targets,errors}', '0.01'),
        'target_rebalances_per_hour', coalesce(context #> '{targets,rebalances_per_hour}', '1'),
        'settings', settings,
        'context', context);
END
$$;
COMMENT ON FUNCTION lagproof.setting_columns(jsonb, jsonb) IS
    'The columns of pipeline_consumer_configs that a seed''s settings and context say, as one object.';

CREATE OR REPLACE FUNCTION lagproof.effective_settings(service text, base jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    override record;
BEGIN
    FOR override IN
        SELECT overrides.setting, overrides.value, known.path
        FROM lagproof.overrides JOIN lagproof.consumer_settings AS known ON known.column_name = overrides.setting
        WHERE overrides.service_name = service AND (overrides.until IS NULL OR overrides.until > now())
        ORDER BY overrides.setting
    LOOP
        base := lagproof.with_setting(base, override.setting, override.path, override.value);
    END LOOP;
    RETURN base;
END
$$;
COMMENT ON FUNCTION lagproof.effective_settings(text, jsonb) IS
    'A base''s settings with the overrides that have not ended on top.';

CREATE OR REPLACE FUNCTION lagproof.effective_row(service text) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    base lagproof.service_bases;
BEGIN
    SELECT * INTO base FROM lagproof.service_bases WHERE service_name = service;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    RETURN lagproof.setting_columns(lagproof.effective_settings(service, base.settings), base.context)
        || jsonb_build_object(
            'version', base.version, 'revision', base.revision, 'digest', base.digest, 'status', base.status);
END
$$;
COMMENT ON FUNCTION lagproof.effective_row(text) IS
    'What a row of pipeline_consumer_configs must hold: base and overrides. NULL for a service that has no profile.';

-- ---- rules that one row must keep -----------------------------------------------------------------------------------
-- The CHECK constraints hold whatever happens here; this only says it better, and before they do.

CREATE OR REPLACE FUNCTION lagproof.check_row(service text, columns jsonb) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    broken record;
BEGIN
    SELECT known.*, columns -> known.column_name AS value INTO broken
    FROM lagproof.consumer_settings AS known
    WHERE known.kind IN ('count', 'duration', 'size') AND columns -> known.column_name <> 'null'
      AND CASE jsonb_typeof(columns -> known.column_name)
            WHEN 'number' THEN (columns ->> known.column_name)::numeric NOT BETWEEN known.minimum AND known.maximum
                OR (columns ->> known.column_name)::numeric <> trunc((columns ->> known.column_name)::numeric)
            ELSE true
          END
    ORDER BY known.column_name LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'S108: % of service % would be %, outside % to %',
            broken.column_name, quote_literal(service), broken.value, broken.minimum, broken.maximum
            USING ERRCODE = 'check_violation', TABLE = 'pipeline_consumer_configs', COLUMN = broken.column_name,
                  DETAIL = 'At run time: the consumer would not start with it.',
                  HINT = format('Choose a whole number from %s to %s; `lagproof explain S108` says more.',
                                broken.minimum, broken.maximum);
    END IF;
    SELECT relation.*, columns -> relation.lesser AS low, columns -> relation.greater AS high INTO broken
    FROM lagproof.consumer_relations AS relation
    WHERE columns -> relation.lesser <> 'null' AND columns -> relation.greater <> 'null'
      AND CASE relation.orders
            WHEN 'below' THEN (columns ->> relation.lesser)::numeric >= (columns ->> relation.greater)::numeric
            ELSE (columns ->> relation.lesser)::numeric > (columns ->> relation.greater)::numeric
          END
    ORDER BY relation.rule LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION '%: % (%) of service % must be % % (%)',
            broken.rule, broken.lesser, broken.low, quote_literal(service), broken.orders, broken.greater, broken.high
            USING ERRCODE = 'check_violation', TABLE = 'pipeline_consumer_configs', COLUMN = broken.lesser,
                  DETAIL = format('At run time: %s.', broken.because),
                  HINT = format('Change both in one UPDATE, or lower %s, or raise %s; `lagproof explain %s` says more.',
                                broken.lesser, broken.greater, broken.rule);
    END IF;
END
$$;
COMMENT ON FUNCTION lagproof.check_row(text, jsonb) IS
    'Raises check_violation, naming the rule, where a row would break one of consumer_settings'' bounds or of consumer_relations.';

CREATE OR REPLACE FUNCTION lagproof.check_words(service text, setting text, value text, words text[]) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    unknown text;
BEGIN
    SELECT word INTO unknown
    FROM unnest(CASE setting WHEN 'partition_assignment_strategy' THEN string_to_array(value, ',') ELSE ARRAY[value] END) AS word
    WHERE word <> ALL (words) AND NOT (setting = 'auto_offset_reset' AND word ~ '^by_duration:PT\d{1,10}(\.\d{1,9})?S$') LIMIT 1;
    IF FOUND OR value = '' AND words IS NOT NULL THEN
        RAISE EXCEPTION 'S107: % of service % would be %, which is not a value that it takes', setting, quote_literal(service), quote_literal(value)
            USING ERRCODE = 'check_violation', TABLE = 'pipeline_consumer_configs', COLUMN = setting,
                  DETAIL = 'At run time: the consumer would not start with it.',
                  HINT = format('It takes %s; `lagproof explain S107` says more.', array_to_string(words, ', '));
    END IF;
END
$$;
COMMENT ON FUNCTION lagproof.check_words(text, text, text, text[]) IS
    'Raises check_violation, naming the rule, where a setting that takes certain words would hold another. NULL words: any text.';

-- ---- what people write ----------------------------------------------------------------------------------------------

CREATE OR REPLACE FUNCTION lagproof.stated_reason() RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT nullif(btrim(current_setting('lagproof.reason', true)), '')
$$;
COMMENT ON FUNCTION lagproof.stated_reason() IS 'Why, as said with SET lagproof.reason; NULL where nothing was.';

CREATE OR REPLACE FUNCTION lagproof.stated_until() RETURNS timestamptz
LANGUAGE plpgsql STABLE AS $$
DECLARE
    stated text := nullif(btrim(current_setting('lagproof.until', true)), '');
    ends   timestamptz;
BEGIN
    IF stated IS NULL THEN
        RETURN NULL;
    END IF;
    BEGIN
        ends := stated::timestamptz;
    EXCEPTION WHEN data_exception THEN
        BEGIN
            ends := now() + stated::interval;
        EXCEPTION WHEN data_exception THEN
            RAISE EXCEPTION 'lagproof.until is no time and no interval: %', quote_literal(stated)
                USING ERRCODE = 'invalid_datetime_format',
                      HINT = 'Such as SET lagproof.until = ''2 hours'', or ''2027-01-31 18:00+00''; RESET lagproof.until for no end.';
        END;
    END;
    IF ends <= now() THEN
        RAISE EXCEPTION 'lagproof.until has passed: %', ends
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'An override that has ended would change nothing. RESET lagproof.until for no end.';
    END IF;
    RETURN ends;
END
$$;
COMMENT ON FUNCTION lagproof.stated_until() IS
    'When an override ends, as said with SET lagproof.until, a time or an interval from now; NULL where nothing was.';

CREATE OR REPLACE FUNCTION lagproof.apply_edit(was jsonb, wanted jsonb) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    base    lagproof.service_bases;
    edit    record;
    fixed   text;
BEGIN
    IF pg_trigger_depth() = 0 THEN
        RAISE EXCEPTION 'lagproof.apply_edit is called by the trigger of pipeline_consumer_configs only'
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    -- An INSERT makes a row without a profile; where it meets a row that has one, ON CONFLICT … DO UPDATE comes here again.
    SELECT * INTO base FROM lagproof.service_bases WHERE service_name = was ->> 'service_name';
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    SELECT key INTO fixed FROM jsonb_each(wanted)
    WHERE value IS DISTINCT FROM was -> key AND key NOT IN ('created_at', 'updated_at')
      AND key NOT IN (SELECT column_name FROM lagproof.consumer_settings)
      -- A column that was there before lagproof is its owner's affair.
      AND (key IN ('service_name', 'generation', 'changed_by', 'changed_through')
           OR lagproof.effective_row(base.service_name) ? key)
    ORDER BY key LIMIT 1;
    IF fixed IS NOT NULL THEN
        RAISE EXCEPTION '% of service % comes from its profile and cannot be changed here',
            fixed, quote_literal(base.service_name)
            USING ERRCODE = 'object_not_in_prerequisite_state', COLUMN = fixed,
                  HINT = format('Change profiles/services/%s.toml, then `lagproof compile` and `lagproof migrate`. Consumer settings, commits and concurrency can be changed here.', base.service_name);
    END IF;
    FOR edit IN
        SELECT known.column_name AS setting, wanted -> known.column_name AS value, known.words,
               lagproof.setting_value(base.settings, known.column_name, known.path) AS base_value
        FROM lagproof.consumer_settings AS known
        WHERE wanted -> known.column_name IS DISTINCT FROM was -> known.column_name
    LOOP
        PERFORM lagproof.check_words(base.service_name, edit.setting, edit.value #>> '{}', edit.words);
        IF edit.value = edit.base_value THEN
            DELETE FROM lagproof.overrides AS made
            WHERE made.service_name = base.service_name AND made.setting = edit.setting;
        ELSE
            INSERT INTO lagproof.overrides (service_name, setting, base_value, value, reason, until)
            VALUES (base.service_name, edit.setting, edit.base_value, edit.value,
                    lagproof.stated_reason(), lagproof.stated_until())
            ON CONFLICT (service_name, setting) DO UPDATE
                SET base_value = excluded.base_value, value = excluded.value, changed_by = excluded.changed_by,
                    changed_at = excluded.changed_at, reason = excluded.reason, until = excluded.until;
        END IF;
    END LOOP;
    RETURN lagproof.effective_row(base.service_name);
END
$$;
COMMENT ON FUNCTION lagproof.apply_edit(jsonb, jsonb) IS
    'Turns a person''s UPDATE into overrides and returns what the row must hold then; NULL for a row without a profile, which holds what it is told.';

CREATE OR REPLACE FUNCTION lagproof.writes_as_lagproof(relation oid) RETURNS boolean
LANGUAGE sql STABLE AS $$
    -- Both: a person can set the variable, and an owner who logs in is a person too.
    SELECT coalesce(current_setting('lagproof.through', true), '') <> ''
       AND pg_catalog.pg_get_userbyid((SELECT relowner FROM pg_catalog.pg_class WHERE oid = relation)) = current_user
$$;
COMMENT ON FUNCTION lagproof.writes_as_lagproof(oid) IS
    'Whether a statement comes from one of lagproof''s functions rather than from a person.';

CREATE OR REPLACE FUNCTION lagproof.settings_of_row(columns jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    settings jsonb := jsonb_build_object(
        'client', columns -> 'client', 'group', columns -> 'consumer_group_id', 'topics', columns -> 'topics',
        'consumer', '{}'::jsonb);
    known    record;
BEGIN
    FOR known IN SELECT * FROM lagproof.consumer_settings ORDER BY column_name LOOP
        IF columns -> known.column_name <> 'null' THEN
            settings := lagproof.with_setting(settings, known.column_name, known.path, columns -> known.column_name);
        END IF;
    END LOOP;
    RETURN settings;
END
$$;
COMMENT ON FUNCTION lagproof.settings_of_row(jsonb) IS 'The settings of a row that has no profile, from its columns.';

CREATE OR REPLACE FUNCTION lagproof.keep_config() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    effective jsonb;
    through   text := 'person';
BEGIN
    IF lagproof.writes_as_lagproof(TG_RELID) THEN
        through := current_setting('lagproof.through');
        effective := lagproof.effective_row(NEW.service_name);
    ELSE
        effective := lagproof.apply_edit(CASE TG_OP WHEN 'UPDATE' THEN to_jsonb(OLD) END, to_jsonb(NEW));
    END IF;
    IF effective IS NULL THEN
        NEW.version := NULL;
        NEW.revision := NULL;
        NEW.digest := NULL;
        effective := to_jsonb(NEW);
        effective := effective || jsonb_build_object('settings', lagproof.settings_of_row(effective));
    END IF;
    PERFORM lagproof.check_row(NEW.service_name, effective);
    NEW := jsonb_populate_record(NEW, effective);
    NEW.generation := nextval('lagproof.generation');
    NEW.updated_at := now();
    NEW.changed_by := session_user;
    NEW.changed_through := through;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION lagproof.keep_config() IS
    'Trigger: a row holds base and overrides, keeps the rules, and says who changed it last.';

CREATE OR REPLACE FUNCTION lagproof.refuse_delete() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM lagproof.service_bases WHERE service_name = OLD.service_name) THEN
        RAISE EXCEPTION 'service % has a profile: its row cannot be deleted', quote_literal(OLD.service_name)
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = 'Remove the profile, then `lagproof compile` and `lagproof migrate`: the row is then retired.';
    END IF;
    RETURN OLD;
END
$$;
COMMENT ON FUNCTION lagproof.refuse_delete() IS 'Trigger: a row that has a profile is retired by a seed, never deleted.';

CREATE OR REPLACE FUNCTION lagproof.record_change() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    was   jsonb := CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) END;
    now_is jsonb := CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) END;
    whole jsonb := coalesce(now_is, was);
    reason text;
    until timestamptz;
    notice text;
BEGIN
    IF whole ->> 'changed_through' = 'person' OR TG_OP = 'DELETE' THEN
        reason := lagproof.stated_reason();
        IF TG_OP = 'UPDATE' THEN
            until := lagproof.stated_until();
        END IF;
    END IF;
    IF TG_OP = 'UPDATE' THEN
        INSERT INTO lagproof.setting_changes
            (service_name, setting, old_value, new_value, through, version, generation, reason, until)
        SELECT NEW.service_name, key, was -> key, value, NEW.changed_through, NEW.version, NEW.generation, reason, until
        FROM jsonb_each(now_is)
        WHERE value IS DISTINCT FROM was -> key
          AND key NOT IN ('updated_at', 'generation', 'changed_by', 'changed_through', 'settings');
    ELSE
        INSERT INTO lagproof.setting_changes
            (service_name, setting, old_value, new_value, through, version, generation, reason)
        VALUES (whole ->> 'service_name', '*', was -> 'settings', now_is -> 'settings',
                CASE TG_OP WHEN 'DELETE' THEN 'person' ELSE whole ->> 'changed_through' END,
                (whole ->> 'version')::integer, (whole ->> 'generation')::bigint, reason);
    END IF;
    notice := jsonb_build_object('service_name', whole -> 'service_name', 'version', whole -> 'version',
                                 'generation', whole -> 'generation')::text;
    -- A payload holds less than 8000 bytes. It is a hint only: an empty one says "look again".
    PERFORM pg_notify('lagproof_config', CASE WHEN octet_length(notice) < 8000 THEN notice ELSE '' END);
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION lagproof.record_change() IS
    'Trigger: writes each changed column into setting_changes and announces the row on channel lagproof_config.';

DO $$
BEGIN
    IF to_regclass('lagproof.pipeline_consumer_configs') IS NULL THEN
        RETURN;
    END IF;
    PERFORM lagproof.adopt_rows('pipeline_consumer_configs', ARRAY['service_name'],
        ARRAY['client', 'version', 'revision', 'digest', 'status', 'topics', 'replicas', 'target_lag', 'target_error_share',
              'target_rebalances_per_hour', 'settings', 'context', 'generation', 'changed_by', 'changed_through'],
        '{}', 'service_name', 'keep', settle =>
            'UPDATE public.pipeline_consumer_configs AS config
             SET settings = lagproof.settings_of_row(to_jsonb(config)), generation = nextval(''lagproof.generation''),
                 changed_through = ''adoption''');
    INSERT INTO lagproof.setting_changes (service_name, setting, new_value, through, generation)
    SELECT service_name, '*', settings, 'adoption', generation FROM public.pipeline_consumer_configs ORDER BY service_name;
END
$$;

CREATE OR REPLACE TRIGGER keep_config BEFORE INSERT OR UPDATE ON public.pipeline_consumer_configs
    FOR EACH ROW EXECUTE FUNCTION lagproof.keep_config();
CREATE OR REPLACE TRIGGER refuse_delete BEFORE DELETE ON public.pipeline_consumer_configs
    FOR EACH ROW EXECUTE FUNCTION lagproof.refuse_delete();
CREATE OR REPLACE TRIGGER record_change AFTER INSERT OR UPDATE OR DELETE ON public.pipeline_consumer_configs
    FOR EACH ROW EXECUTE FUNCTION lagproof.record_change();

-- ---- what lagproof writes -------------------------------------------------------------------------------------------

CREATE OR REPLACE FUNCTION lagproof.write_row(service text, through text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM set_config('lagproof.through', through, true);
    UPDATE public.pipeline_consumer_configs SET service_name = service_name WHERE service_name = service;
    IF NOT FOUND THEN
        INSERT INTO public.pipeline_consumer_configs (service_name, consumer_group_id) VALUES (service, '-');
    END IF;
    PERFORM set_config('lagproof.through', '', true);
END
$$;
COMMENT ON FUNCTION lagproof.write_row(text, text) IS
    'Writes a service''s row anew from its base and overrides. The trigger fills it in.';
REVOKE ALL ON FUNCTION lagproof.write_row(text, text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION lagproof.clear_expired_overrides_v1() RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    ended   record;
    cleared integer := 0;
BEGIN
    IF NOT EXISTS (SELECT FROM lagproof.overrides WHERE until <= now()) THEN
        RETURN 0;
    END IF;
    FOR ended IN
        SELECT config.service_name FROM public.pipeline_consumer_configs AS config
        WHERE config.service_name IN (SELECT service_name FROM lagproof.overrides WHERE until <= now())
        ORDER BY config.service_name FOR UPDATE SKIP LOCKED
    LOOP
        BEGIN
            DELETE FROM lagproof.overrides WHERE service_name = ended.service_name AND until <= now();
            PERFORM lagproof.write_row(ended.service_name, 'expiry');
            cleared := cleared + 1;
        EXCEPTION WHEN check_violation THEN
            RAISE WARNING 'an override of service % has ended, and without it the others would break a rule: %',
                quote_literal(ended.service_name), SQLERRM
                USING HINT = 'The row stays as it is. Change or drop the other overrides.';
        END;
    END LOOP;
    RETURN cleared;
END
$$;
COMMENT ON FUNCTION lagproof.clear_expired_overrides_v1() IS
    'Takes overrides that have ended off their rows and says of how many services. Called by seeds and by the recording functions.';

CREATE OR REPLACE FUNCTION lagproof.drop_overrides_v1(service text, settings text[] DEFAULT NULL) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    dropped integer;
BEGIN
    PERFORM FROM public.pipeline_consumer_configs WHERE service_name = service FOR UPDATE;
    DELETE FROM lagproof.overrides AS made
    WHERE made.service_name = service AND (settings IS NULL OR made.setting = ANY (settings));
    GET DIAGNOSTICS dropped = ROW_COUNT;
    IF dropped > 0 THEN
        PERFORM lagproof.write_row(service, 'drop');
    END IF;
    RETURN dropped;
END
$$;
COMMENT ON FUNCTION lagproof.drop_overrides_v1(text, text[]) IS
    'Discards overrides of a service, those of the settings named, or all of them, at once: the row shows the profile''s values again. Answers how many.';

CREATE OR REPLACE FUNCTION lagproof.drop_override_v1(service text, setting text) RETURNS boolean
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT lagproof.drop_overrides_v1(service, ARRAY[setting]) > 0
$$;
COMMENT ON FUNCTION lagproof.drop_override_v1(text, text) IS
    'Discards the override of one setting: the row shows the profile''s value again. False where there was none.';

-- ---- what seeds call ------------------------------------------------------------------------------------------------

CREATE OR REPLACE FUNCTION lagproof.check_seed(service text, version integer, digest text, doc jsonb) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    wrong text := CASE
        WHEN coalesce(service, '') = '' THEN 'the service has no name'
        WHEN version IS NULL OR version < 1 THEN 'the version is not 1 or more'
        WHEN coalesce(digest, '') = '' THEN 'the digest is missing'
        WHEN jsonb_typeof(doc) IS DISTINCT FROM 'object' THEN 'the document is no object'
        WHEN doc ? 'revision' AND (jsonb_typeof(doc -> 'revision') <> 'number' OR (doc ->> 'revision') !~ '^\d{1,9}$')
            THEN 'revision is no whole number'
    END;
BEGIN
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'seed of service %, version %: %', coalesce(quote_literal(service), '?'), coalesce(version, 0), wrong
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Seeds are written by `lagproof compile`; this one was changed by hand or cut short.';
    END IF;
END
$$;
COMMENT ON FUNCTION lagproof.check_seed(text, integer, text, jsonb) IS 'Raises where a seed lacks what every seed must say.';

CREATE OR REPLACE FUNCTION lagproof.check_settings_document(service text, version integer, settings jsonb) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    wrong text := CASE
        WHEN jsonb_typeof(settings) IS DISTINCT FROM 'object' THEN 'settings is no object'
        WHEN coalesce(settings ->> 'client', '') = '' THEN 'settings.client is missing'
        WHEN coalesce(settings ->> 'group', '') = '' THEN 'settings.group is missing'
        WHEN jsonb_typeof(settings -> 'topics') IS DISTINCT FROM 'array' THEN 'settings.topics is no list'
        WHEN settings ? 'consumer' AND jsonb_typeof(settings -> 'consumer') <> 'object' THEN 'settings.consumer is no object'
        WHEN settings ? 'delivery' AND jsonb_typeof(settings -> 'delivery') <> 'object' THEN 'settings.delivery is no object'
    END;
BEGIN
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'seed of service %, version %: %', quote_literal(service), version, wrong
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Seeds are written by `lagproof compile`; this one was changed by hand or cut short.';
    END IF;
END
$$;
COMMENT ON FUNCTION lagproof.check_settings_document(text, integer, jsonb) IS
    'Raises where a seed''s settings lack what a row needs. Keys that nobody here knows are kept.';

CREATE OR REPLACE FUNCTION lagproof.settle_overrides(service text, version integer, old_base jsonb, new_base jsonb) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    conflicts text;
BEGIN
    SELECT string_agg(format('%s: the seed says %s (before: %s), %s set %s on %s%s', touched.setting,
                             touched.new_value, touched.old_value, touched.changed_by, touched.value,
                             to_char(touched.changed_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI "UTC"'),
                             coalesce(' (' || touched.reason || ')', '')), E'\n' ORDER BY touched.setting)
    INTO conflicts
    FROM (
        SELECT made.*, lagproof.setting_value(old_base, made.setting, known.path) AS old_value,
               lagproof.setting_value(new_base, made.setting, known.path) AS new_value
        FROM lagproof.overrides AS made JOIN lagproof.consumer_settings AS known ON known.column_name = made.setting
        WHERE made.service_name = service
    ) AS touched
    WHERE touched.new_value <> touched.old_value AND touched.new_value <> touched.value;
    IF conflicts IS NOT NULL THEN
        RAISE EXCEPTION 'seed of service %, version %, changes what a person has overridden', quote_literal(service), version
            USING ERRCODE = 'object_not_in_prerequisite_state', DETAIL = conflicts,
                  HINT = format('Take the override''s value into the profile (lagproof diff --database --adopt %1$s), or discard it (--drop-override %1$s, or SELECT lagproof.drop_override_v1(%2$L, ''SETTING'')).',
                                CASE WHEN service ~ '^[A-Za-z0-9._-]+$' THEN service ELSE quote_literal(service) END, service);
    END IF;
    -- What the profile has taken over is no override any more.
    DELETE FROM lagproof.overrides AS made USING lagproof.consumer_settings AS known
    WHERE made.service_name = service AND known.column_name = made.setting
      AND made.value = lagproof.setting_value(new_base, made.setting, known.path);
END
$$;
COMMENT ON FUNCTION lagproof.settle_overrides(text, integer, jsonb, jsonb) IS
    'Raises where a new base changes overridden settings to something else, with both values; drops overrides that it says too.';
REVOKE ALL ON FUNCTION lagproof.settle_overrides(text, integer, jsonb, jsonb) FROM PUBLIC;

CREATE OR REPLACE FUNCTION lagproof.seed_service_v1(service text, version integer, digest text, doc jsonb) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    new_revision integer;
    base lagproof.service_bases;
BEGIN
    PERFORM lagproof.check_seed($1, $2, $3, $4);
    PERFORM lagproof.check_settings_document($1, $2, $4 -> 'settings');
    new_revision := coalesce(($4 ->> 'revision')::integer, 0);
    -- The row before its base, as people's UPDATEs lock them.
    PERFORM FROM public.pipeline_consumer_configs WHERE service_name = $1 FOR UPDATE;
    INSERT INTO lagproof.service_bases
        (service_name, version, revision, digest, settings, context, status, settings_version, settings_revision)
    VALUES ($1, $2, new_revision, $3, $4 -> 'settings', coalesce($4 -> 'context', '{}'), 'active', $2, new_revision)
    ON CONFLICT (service_name) DO NOTHING;
    IF FOUND THEN
        PERFORM lagproof.write_row($1, 'seed');
        RETURN 'applied';
    END IF;
    SELECT * INTO base FROM lagproof.service_bases WHERE service_name = $1 FOR UPDATE;
    IF (base.version, base.revision) = ($2, new_revision) THEN
        IF base.digest = $3 AND base.context = coalesce($4 -> 'context', '{}') THEN
            RETURN 'unchanged';
        END IF;
        RAISE EXCEPTION 'service % is at version %, revision %, with other content than this seed has', quote_literal($1), $2, new_revision
            USING ERRCODE = 'unique_violation',
                  DETAIL = format('The database has digest %s, the seed %s.', base.digest, $3),
                  HINT = 'Two branches used the same version, or a seed was edited after it was applied. `lagproof check --fix` bumps the version of one.';
    END IF;
    IF ($2, new_revision) < (base.settings_version, base.settings_revision)
       OR base.status = 'active' AND ($2, new_revision) < (base.version, base.revision) THEN
        RETURN 'older';
    END IF;
    PERFORM lagproof.clear_expired_overrides_v1();
    PERFORM lagproof.settle_overrides($1, $2, base.settings, $4 -> 'settings');
    IF ($2, new_revision) > (base.version, base.revision) THEN
        UPDATE lagproof.service_bases SET version = $2, revision = new_revision, digest = $3, status = 'active'
        WHERE service_name = $1;
    END IF;
    UPDATE lagproof.service_bases
    SET settings = $4 -> 'settings', context = coalesce($4 -> 'context', '{}'),
        settings_version = $2, settings_revision = new_revision, seeded_at = now(), seeded_by = session_user
    WHERE service_name = $1;
    PERFORM lagproof.write_row($1, 'seed');
    RETURN 'applied';
END
$$;
COMMENT ON FUNCTION lagproof.seed_service_v1(text, integer, text, jsonb) IS
    'What a seed says of a service: {"settings": {…}, "context": {…}, "revision": n}. Answers applied, unchanged, or older (then nothing was done). Raises where the same version and revision has other content, and where it changes an override.';

CREATE OR REPLACE FUNCTION lagproof.last_sign_of_life(service text) RETURNS timestamptz
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    seen timestamptz := (SELECT max(acknowledged_at) FROM lagproof.acknowledgements WHERE service_name = service);
    more timestamptz;
BEGIN
    IF to_regclass('lagproof.monitoring') IS NOT NULL THEN
        EXECUTE 'SELECT greatest((SELECT max("timestamp") FROM public.consumer_lag_history
                                  WHERE service_name = $1 AND "timestamp" BETWEEN now() - interval ''1 hour'' AND now()),
                                 (SELECT max("timestamp") FROM public.consumer_processing_metrics
                                  WHERE service_name = $1 AND "timestamp" BETWEEN now() - interval ''1 hour'' AND now()))'
        INTO more USING service;
    END IF;
    RETURN greatest(seen, more);
END
$$;
COMMENT ON FUNCTION lagproof.last_sign_of_life(text) IS
    'When a service last acknowledged its configuration, or reported lag or metrics within the hour; NULL where it did neither.';

CREATE OR REPLACE FUNCTION lagproof.retire_service_v1(service text, version integer, doc jsonb DEFAULT '{}')
RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    new_revision integer;
    base lagproof.service_bases;
    seen timestamptz;
BEGIN
    PERFORM lagproof.check_seed($1, $2, 'retired', $3);
    new_revision := coalesce(($3 ->> 'revision')::integer, 0);
    PERFORM FROM public.pipeline_consumer_configs WHERE service_name = $1 FOR UPDATE;
    INSERT INTO lagproof.service_bases
        (service_name, version, revision, digest, settings, context, status, settings_version, settings_revision)
    VALUES ($1, $2, new_revision, 'retired', '{}', '{}', 'retired', 0, 0)
    ON CONFLICT (service_name) DO NOTHING;
    IF FOUND THEN
        RETURN 'applied';  -- an older seed that comes later still says how it ran
    END IF;
    SELECT * INTO base FROM lagproof.service_bases WHERE service_name = $1 FOR UPDATE;
    IF (base.version, base.revision) = ($2, new_revision) THEN
        IF base.status = 'retired' THEN
            RETURN 'unchanged';
        END IF;
        RAISE EXCEPTION 'service % is at version %, revision %, with other content than this tombstone', quote_literal($1), $2, new_revision
            USING ERRCODE = 'unique_violation',
                  DETAIL = format('The database has digest %s.', base.digest),
                  HINT = 'Two branches used the same version, or a seed was edited after it was applied.';
    END IF;
    IF ($2, new_revision) < (base.version, base.revision) THEN
        RETURN 'older';
    END IF;
    seen := lagproof.last_sign_of_life($1);
    IF base.status = 'active' AND seen > now() - interval '5 minutes'
       AND coalesce(current_setting('lagproof.retire_running', true), '') <> 'on' THEN
        RAISE EXCEPTION 'service % was removed from the profiles, and still runs', quote_literal($1)
            USING ERRCODE = 'object_in_use',
                  DETAIL = format('It last reported on %s UTC.', to_char(seen AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS')),
                  HINT = 'Stop it, wait five minutes, and migrate again; or bring its profile back. PGOPTIONS=''-c lagproof.retire_running=on'' retires it as it runs.';
    END IF;
    UPDATE lagproof.service_bases
    SET version = $2, revision = new_revision, digest = 'retired', status = 'retired', seeded_at = now(), seeded_by = session_user
    WHERE service_name = $1;
    IF base.settings_version > 0 THEN
        PERFORM lagproof.write_row($1, 'retire');
    END IF;
    RETURN 'applied';
END
$$;
COMMENT ON FUNCTION lagproof.retire_service_v1(text, integer, jsonb) IS
    'What a tombstone says: the service''s profile was removed. The row stays, retired, and keeps its last settings. Raises where the service reported within five minutes, unless lagproof.retire_running is on.';

-- ---- what services call ---------------------------------------------------------------------------------------------

CREATE OR REPLACE FUNCTION lagproof.read_config_v1(service text)
RETURNS TABLE (service_name text, status text, version integer, revision integer, generation bigint,
               etag text, settings jsonb, updated_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT config.service_name, config.status, config.version, config.revision, config.generation,
           config.generation || '-' || ended.number,
           CASE WHEN ended.number = 0 THEN config.settings
                ELSE lagproof.effective_settings(config.service_name, base.settings) END,
           config.updated_at
    FROM public.pipeline_consumer_configs AS config
    LEFT JOIN lagproof.service_bases AS base USING (service_name),
    LATERAL (SELECT count(*) AS number FROM lagproof.overrides AS made
             WHERE made.service_name = config.service_name AND made.until <= now()) AS ended
    WHERE config.service_name = $1
$$;
COMMENT ON FUNCTION lagproof.read_config_v1(text) IS
    'What a service should run with now, in one query, overrides that have ended left out. Another etag means: read it again. No row: the service is not known.';

CREATE OR REPLACE FUNCTION lagproof.acknowledge_v1(service text, instance text, generation bigint) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO lagproof.acknowledgements (service_name, instance, generation) VALUES ($1, $2, $3)
    ON CONFLICT (service_name, instance) DO UPDATE
        SET generation = excluded.generation, acknowledged_at = excluded.acknowledged_at,
            acknowledged_by = excluded.acknowledged_by
$$;
COMMENT ON FUNCTION lagproof.acknowledge_v1(text, text, bigint) IS 'A running replica says which generation it runs with.';

CREATE OR REPLACE VIEW lagproof.service_topics AS
    SELECT config.service_name, topic.name AS topic
    FROM public.pipeline_consumer_configs AS config, unnest(config.topics) AS topic (name)
    WHERE config.status = 'active';
COMMENT ON VIEW lagproof.service_topics IS 'Which active service reads which topic.';
COMMENT ON COLUMN lagproof.service_topics.service_name IS 'The service.';
COMMENT ON COLUMN lagproof.service_topics.topic IS 'The topic.';

-- ---- who may what ---------------------------------------------------------------------------------------------------

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA lagproof FROM PUBLIC;

DO $$
BEGIN
    PERFORM lagproof.grant_if_possible('USAGE', 'SCHEMA lagproof', role),
           lagproof.grant_if_possible('USAGE', 'SCHEMA public', role),
           lagproof.grant_if_possible('SELECT', 'public.pipeline_consumer_configs', role),
           lagproof.grant_if_possible('EXECUTE', 'FUNCTION lagproof.read_config_v1(text)', role)
    FROM unnest(ARRAY['lagproof_migrator', 'lagproof_operator', 'lagproof_service', 'lagproof_reader']) AS role;
END
$$;

DO $$
BEGIN
    PERFORM lagproof.grant_if_possible('SELECT', object, role)
    FROM unnest(ARRAY['lagproof.overrides', 'lagproof.service_bases', 'lagproof.setting_changes',
                      'lagproof.acknowledgements', 'lagproof.adoption_findings', 'lagproof.installation', 'lagproof.consumer_settings', 'lagproof.consumer_relations',
                      'lagproof.service_topics']) AS object,
         unnest(ARRAY['lagproof_migrator', 'lagproof_operator', 'lagproof_reader']) AS role;
END
$$;

DO $$
BEGIN
    PERFORM lagproof.grant_if_possible('EXECUTE', 'FUNCTION lagproof.' || signature, role)
    FROM (VALUES
        ('acknowledge_v1(text, text, bigint)', 'lagproof_service'),
        ('drop_override_v1(text, text)', 'lagproof_operator'),
        ('drop_override_v1(text, text)', 'lagproof_migrator'),
        ('drop_overrides_v1(text, text[])', 'lagproof_operator'),
        ('drop_overrides_v1(text, text[])', 'lagproof_migrator'),
        ('validate_adopted_v1()', 'lagproof_migrator'),
        ('clear_expired_overrides_v1()', 'lagproof_operator'),
        ('clear_expired_overrides_v1()', 'lagproof_migrator'),
        ('seed_service_v1(text, integer, text, jsonb)', 'lagproof_migrator'),
        ('retire_service_v1(text, integer, jsonb)', 'lagproof_migrator'),
        -- what the trigger of pipeline_consumer_configs needs in the hands of who updates it
        ('apply_edit(jsonb, jsonb)', 'lagproof_operator'),
        ('writes_as_lagproof(oid)', 'lagproof_operator'),
        ('effective_row(text)', 'lagproof_operator'),
        ('settings_of_row(jsonb)', 'lagproof_operator'),
        ('with_setting(jsonb, text, text[], jsonb)', 'lagproof_operator'),
        ('check_row(text, jsonb)', 'lagproof_operator')
    ) AS granted (signature, role);
END
$$;

DO $$
BEGIN
    PERFORM lagproof.grant_if_possible('INSERT, UPDATE', 'lagproof.installation', 'lagproof_migrator'),
           lagproof.grant_if_possible('INSERT, UPDATE, DELETE', 'public.pipeline_consumer_configs', 'lagproof_operator'),
           lagproof.grant_if_possible('USAGE', 'SEQUENCE lagproof.generation', 'lagproof_operator');
END
$$;

-- Whoever could change rows of an older table still can: what the trigger needs is theirs, too.
DO $$
DECLARE
    editor text;
BEGIN
    FOR editor IN
        SELECT DISTINCT pg_get_userbyid(grantee) FROM pg_class, aclexplode(relacl)
        WHERE pg_class.oid = 'public.pipeline_consumer_configs'::regclass AND privilege_type IN ('INSERT', 'UPDATE')
          AND grantee NOT IN (0, relowner)
    LOOP
        PERFORM lagproof.grant_if_possible('USAGE', 'SCHEMA lagproof', editor),
               lagproof.grant_if_possible('SELECT', 'lagproof.consumer_settings', editor),
               lagproof.grant_if_possible('SELECT', 'lagproof.consumer_relations', editor),
               lagproof.grant_if_possible('USAGE', 'SEQUENCE lagproof.generation', editor);
        PERFORM lagproof.grant_if_possible('EXECUTE', 'FUNCTION lagproof.' || signature, editor)
        FROM unnest(ARRAY['apply_edit(jsonb, jsonb)', 'writes_as_lagproof(oid)', 'effective_row(text)', 'settings_of_row(jsonb)',
                          'with_setting(jsonb, text, text[], jsonb)', 'check_row(text, jsonb)']) AS signature;
    END LOOP;
END
$$;
