"""known_seq: the last ingest_seq that counts, all of them where none is set."""

from tests.conftest import GivenRows


def test_the_knowledge_of_the_session_counts(store: GivenRows) -> None:
    assert store.rows("select known_seq() as value", known_seq=0) == [{"value": 0}]


def test_without_a_bound_every_row_counts(store: GivenRows) -> None:
    assert store.value("known_seq()") == 2**63 - 1
