-- Strength of a symbol's results, a sum over expectancy, hit rate and score (semantics 7); unknown inputs add nothing.
create macro suggestion_strength(expectancy, hit_rate, score) as
cast(
    case
        when expectancy >= 5 then 1.5
        when expectancy >= 1 then 0.75
        when expectancy <= -3 then -1.5
        when expectancy <= -1 then -0.75
        else 0
    end
    + case when hit_rate >= 0.65 then 0.25 when hit_rate <= 0.45 then -0.25 else 0 end
    + case when score >= 0.7 then 0.75 when score <= 0.3 then -0.75 else 0 end
    as double
);
