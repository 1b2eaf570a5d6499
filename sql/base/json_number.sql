-- The number at a path of a JSON document; numeric strings are numbers. Null if there is no number, and for NaN,
-- infinity and numbers beyond 1e100: no price, quantity or amount is that large.
create macro json_number(document, path) as
case
    when abs(try_cast(json_extract_string(document, path) as double)) <= 1e100
        then try_cast(json_extract_string(document, path) as double)
end;
