-- A symbol as it is compared: without the blanks around it, in upper case; null where nothing is left.
create macro normal_symbol(name) as nullif(upper(trim(name, ' ' || chr(9) || chr(10) || chr(13))), '');
