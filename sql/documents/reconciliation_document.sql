-- reconciliation.json. One row; its columns are the top-level keys. No flag empties it.
-- Columns:
--   updated_ts: the file's instant, epoch [s]
--   lookback_days: length of the window of findings [d]
--   errors: findings that make figures wrong [1]
--   warnings: findings that may make figures wrong [1]
--   checks: findings by check, those of errors first
--   items: the first 500 findings, errors first
with counted as (
    select
        "check",
        severity,
        count(*) as count,
    from reconciliation_findings
    group by "check", severity
),

numbered as (
    select
        *,
        row_number() over (
            order by severity, "check", ts, coalesce(symbol, ''), coalesce(ref, ''), event_ids
        ) as place,
    from reconciliation_findings
)

select
    clock.as_of_s as updated_ts,
    7e0 as lookback_days,
    (select count(*) from reconciliation_findings where severity = 'error') as errors,
    (select count(*) from reconciliation_findings where severity = 'warning') as warnings,
    coalesce((select list(counted order by counted.severity, counted."check") from counted), []) as checks,
    coalesce(
        (
            select
                list(
                    {
                        'check': numbered."check",
                        'severity': numbered.severity,
                        'symbol': numbered.symbol,
                        'ref': numbered.ref,
                        'ts': epoch_us(numbered.ts) / 1e6,
                        'found': numbered.found,
                        'expected': numbered.expected,
                        'event_ids': numbered.event_ids
                    }
                    order by numbered.place
                )
            from numbered
            where numbered.place <= 500
        ),
        []
    ) as items,
    staleness.stale_s,
    staleness.stale_inputs,
from clock
cross join staleness(['ticks', 'positions', 'executor']) as staleness
