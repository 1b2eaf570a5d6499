-- An instant as RFC 3339 text in UTC; microseconds only where there are any.
create macro rfc3339(instant) as
case
    when epoch_us(instant) % 1000000 = 0 then strftime(instant at time zone 'UTC', '%Y-%m-%dT%H:%M:%SZ')
    else strftime(instant at time zone 'UTC', '%Y-%m-%dT%H:%M:%S.%fZ')
end;
