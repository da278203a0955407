//! Older installations to take over, and how to tell whether one was left as it was.

use super::database::{Database, migrations};

/// What the reference project's fact sheet describes: fewer columns, a foreign key, a CHECK that its own rows break
/// (they were there first), and views with other columns.
pub const FACT_SHEET: &str = "
    CREATE TABLE pipeline_stages (id serial PRIMARY KEY, service_name varchar(100) UNIQUE NOT NULL);
    INSERT INTO pipeline_stages (service_name) VALUES ('silero-vad'), ('minicpm-vision'), ('email-fetcher');
    CREATE TABLE pipeline_consumer_configs (
        service_name varchar(100) PRIMARY KEY REFERENCES pipeline_stages (service_name),
        consumer_group_id varchar(100) NOT NULL,
        max_poll_records integer NOT NULL DEFAULT 500,
        session_timeout_ms integer NOT NULL DEFAULT 10000,
        max_poll_interval_ms integer NOT NULL DEFAULT 300000,
        heartbeat_interval_ms integer NOT NULL DEFAULT 3000,
        request_timeout_ms integer,
        created_at timestamptz DEFAULT now(), updated_at timestamptz DEFAULT now());
    INSERT INTO pipeline_consumer_configs (service_name, consumer_group_id, max_poll_records, session_timeout_ms, max_poll_interval_ms, request_timeout_ms)
    VALUES ('silero-vad', 'loom-silero-vad', 500, 30000, 60000, 40000),
           ('minicpm-vision', 'loom-minicpm-vision', 1, 60000, 600000, 70000),
           ('email-fetcher', 'loom-email', 10, 60000, 30000, 40000);
    ALTER TABLE pipeline_consumer_configs ADD CONSTRAINT request_outlasts_poll CHECK (request_timeout_ms > max_poll_interval_ms) NOT VALID;
    CREATE TABLE topic_partition_changes (
        topic_name varchar(255) PRIMARY KEY, current_partitions integer, recommended_partitions integer NOT NULL, reason text);
    INSERT INTO topic_partition_changes VALUES ('device.audio.raw', 3, 6, 'audio'), ('some.other.topic', 1, 4, NULL);
    CREATE TABLE consumer_lag_history (
        service_name varchar(100) NOT NULL, topic varchar(255) NOT NULL, partition integer NOT NULL, lag integer NOT NULL,
        timestamp timestamptz DEFAULT now());
    INSERT INTO consumer_lag_history
    SELECT 'silero-vad', 'device.audio.raw', n % 3, n, now() - n * interval '1 hour' FROM generate_series(0, 999) AS n;
    CREATE TABLE consumer_processing_metrics (
        service_name varchar(100) NOT NULL, messages_processed integer NOT NULL, processing_time_ms double precision, timestamp timestamptz DEFAULT now());
    INSERT INTO consumer_processing_metrics
    SELECT 'silero-vad', 100, 12.5, now() - n * interval '1 minute' FROM generate_series(0, 99) AS n;
    CREATE VIEW v_consumer_performance_monitor AS
        SELECT service_name, consumer_group_id, sum(lag) AS current_lag
        FROM pipeline_consumer_configs JOIN consumer_lag_history USING (service_name) GROUP BY 1, 2;
    CREATE VIEW v_consumer_alerts AS SELECT service_name, 'LAG' AS alert_type FROM v_consumer_performance_monitor WHERE current_lag > 10;
    CREATE FUNCTION mark_partition_changes_applied(topics text[]) RETURNS void LANGUAGE sql AS 'SELECT';
    CREATE FUNCTION record_consumer_lag(service text, topic text, partition integer, lag bigint, consumer_offset bigint, at timestamptz)
        RETURNS integer LANGUAGE sql AS 'SELECT 1'";

impl Database {
    /// One with an older installation.
    pub fn older(sql: &str) -> Self {
        let mut database = Self::empty();
        database.owner.run(sql);
        database
    }

    /// Applies the migrations by psql, which must succeed.
    pub fn migrate_by_psql(&self) {
        for file in migrations() {
            self.must_psql(&["-q", "-1", "-v", "ON_ERROR_STOP=1", "-f", file.to_str().expect("UTF-8")]);
        }
    }

    /// Everything in it, as text.
    pub fn dump(&self) -> String {
        let output = std::process::Command::new("pg_dump")
            .args(["--inserts", "-d", &self.url()])
            .output()
            .expect("pg_dump starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).expect("UTF-8");
        // Numbers that a sequence gave are not taken back, and pg_dump's own first line differs every time.
        let same = |line: &&str| {
            !["\\restrict", "\\unrestrict", "SELECT pg_catalog.setval("]
                .iter()
                .any(|start| line.starts_with(start))
        };
        text.lines().filter(same).collect::<Vec<_>>().join("\n")
    }

    /// What was found when it was taken over, in the words of `lagproof migrate`, without what is of no interest here.
    pub fn findings(&mut self) -> Vec<String> {
        let rows = self.owner.rows(
            "SELECT concat_ws(': ', concat_ws(' ', table_name, row_key, column_name), rule, problem) AS line
             FROM lagproof.adoption_findings ORDER BY id",
        );
        rows.iter()
            .map(|row| row["line"].as_str().expect("text").to_owned())
            .collect()
    }
}
