"""Exporters are tested on imported logs, as the store is."""

from tests.store.conftest import imported as imported
