-- Every SQL line of the requirements document, as it stands there.

-- Check current consumer performance
SELECT * FROM v_consumer_performance_monitor
ORDER BY avg_lag DESC;

-- Get active alerts
SELECT * FROM v_consumer_alerts
WHERE priority IN ('high', 'critical');

-- Historical performance trends
SELECT * FROM v_consumer_performance_history
WHERE service_name = 'minicpm-vision'
AND timestamp > NOW() - INTERVAL '1 hour';

-- Get data-driven tuning suggestions
SELECT service_name, recommendation, priority
FROM v_consumer_alerts
WHERE priority = 'high'
ORDER BY service_name;

-- Generate partition update commands
SELECT generate_partition_update_script();

-- Mark as applied
SELECT mark_partition_changes_applied();
