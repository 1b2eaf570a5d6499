"""runtime_probe: flags and mode of the runtime (semantics 12)."""

from tests.conftest import GivenRows
from tests.sql.conftest import record_flags


def test_the_recorded_flags_and_mode_are_told(store: GivenRows) -> None:
    record_flags(store, is_risk_engine_on=False)
    row = store.one("runtime_probe")
    assert (row["env"], row["dry_run"], row["testnet"], row["engine_version"]) == ("prod", "0", "1", "v6.1")
    assert [name for name, value in row["v6_flags"].items() if not value] == ["RISK_ENGINE_V6_ENABLED"]
    assert len(row["v6_flags"]) == 6
