-- The number at a path of a JSON document; numeric strings are numbers; null where there is none, and for NaN, infinity
-- and what is beyond 1e100, which no price, quantity or amount is.
create macro json_number(document, path) as
case
    when abs(try_cast(json_extract_string(document, path) as double)) <= 1e100
        then try_cast(json_extract_string(document, path) as double)
end;
