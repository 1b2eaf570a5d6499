-- Ticks that count since the day began in the reset time zone (semantics 11).
select nav_ticks.*
from nav_ticks
where ts >= (select day_start from today)
