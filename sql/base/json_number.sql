-- The number at a path of a JSON document; numeric strings are numbers; null where there is none.
create macro json_number(document, path) as try_cast(json_extract_string(document, path) as double);
