"""``python -m docs.build DIR``: ``DIR/reference``, answers of the cookbook and of the first day, a picture."""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from docs.build import first_day
from docs.build.catalog import macro_parameters, read_catalog, table_comments
from docs.build.cookbook import parse, written
from docs.build.database import index_page, macros_page, tables_page, views_page
from docs.build.picture import terminal_picture
from docs.build.published import files_page
from docs.build.sample_home import make_home
from docs.build.settings import settings_page
from tape.client.client import Client
from tape.store.database import closing, migrate, open_database


def reference_pages(folder: Path) -> dict[str, str]:
    """Every page of the reference by its name; ``folder``: where a database may be made."""
    database = folder / "tape.duckdb"
    migrate(database)
    with closing(open_database(database)) as connection:
        catalog, comments = read_catalog(connection), table_comments(connection)
        return {
            "README.md": index_page(catalog, comments),
            "tables.md": tables_page(catalog, comments),
            "views.md": views_page(catalog),
            "macros.md": macros_page(macro_parameters(connection), catalog),
            "files.md": files_page(catalog),
            "settings.md": settings_page(),
        }


def write_docs(docs: Path) -> None:
    """Writes every page of the reference, the pages with answers, and the picture of a terminal."""
    (docs / "reference").mkdir(exist_ok=True)
    with TemporaryDirectory() as scratch:
        for name, text in reference_pages(Path(scratch)).items():
            (docs / "reference" / name).write_text(text, encoding="utf-8")
    with TemporaryDirectory() as home:
        make_home(Path(home))
        page = docs / "cookbook.md"
        page.write_text(written(parse(page.read_text(encoding="utf-8")), Client(Path(home))), encoding="utf-8")
        (docs / "terminal.svg").write_text(terminal_picture(Path(home)), encoding="utf-8")
    with TemporaryDirectory() as folder:
        page = docs / "first_day.md"
        page.write_text(first_day.written(page.read_text(encoding="utf-8"), Path(folder)), encoding="utf-8")


if __name__ == "__main__":
    write_docs(Path(sys.argv[1]))
