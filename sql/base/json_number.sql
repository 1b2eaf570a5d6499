-- The number at a path of a JSON document; numeric strings are numbers; null where there is none, and for NaN and
-- infinity.
create macro json_number(document, path) as
case
    when isfinite(try_cast(json_extract_string(document, path) as double))
        then try_cast(json_extract_string(document, path) as double)
end;
