-- Whether an event is of a process that is left out, `host:pid`. An empty list is no work for any row.
create macro is_apart(apart, hostname, pid) as len(apart) > 0 and list_contains(apart, process_of(hostname, pid));
