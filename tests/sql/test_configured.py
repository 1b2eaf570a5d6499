"""configured: a value the session was given as JSON."""

from tests.conftest import GivenRows


def test_the_given_value_is_read_as_text(store: GivenRows) -> None:
    store.connection.execute("""set variable configured = '{"ENV": "prod", "INTEL_V6_ENABLED": true}'""")
    assert store.value("configured('ENV')") == "prod"
    assert store.value("configured('INTEL_V6_ENABLED')") == "true"
    assert store.value("configured('DRY_RUN')") is None


def test_without_a_configuration_everything_is_null(store: GivenRows) -> None:
    assert store.value("configured('ENV')") is None
