-- A symbol in the form that is compared: trimmed, upper case; null if nothing is left.
create macro normal_symbol(name) as nullif(upper(trim(name, ' ' || chr(9) || chr(10) || chr(13))), '');
