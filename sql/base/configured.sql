-- A configured value of the session as text (`set variable configured = '{"ENV": "dev"}'`); null if none is set.
create macro configured(name) as json_extract_string(cast(getvariable('configured') as json), name);
