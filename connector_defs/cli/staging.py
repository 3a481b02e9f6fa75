"""`connector sql`: questions to the rows read from SYSPRO, answered by DuckDB over the staged Parquet files."""

from itertools import islice
from typing import Annotated

import typer

from connector_defs.cli import tables
from connector_defs.cli.examples import examples
from connector_defs.cli.opening import opened
from connector_defs.cli.terminal import print_json, say
from connector_defs.domain.errors import Fatal

SHOWN_ROWS = 100

EPILOG = examples(
    "connector sql",
    'connector sql "SELECT Supplier, SupplierName FROM suppliers LIMIT 10"',
    'connector sql --json "SELECT count(*) AS n FROM order_lines"',
)


def sql(
    query: Annotated[
        str | None, typer.Argument(metavar="QUERY", help="A SELECT; without it the tables are listed.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="Rows to show; --json prints them all.")] = SHOWN_ROWS,
    json: Annotated[
        bool, typer.Option("--json", help="Machine output: one JSON document on stdout.")
    ] = False,
) -> None:
    """Ask the staged rows with DuckDB's SQL: one view for each table read from SYSPRO."""
    import duckdb

    with opened() as connector:
        views = connector.staging.tables()
        if query is None:
            _list_views(views, json=json)
            return
        try:
            with connector.staging.connect() as connection:
                answer = connection.execute(query)
                columns = [str(column[0]) for column in answer.description or ()]
                rows = answer.fetchall() if json else answer.fetchmany(limit + 1)
        except duckdb.Error as error:
            known = ", ".join(views) or "none yet (run `connector sync master-data`)"
            raise Fatal(f"The query cannot be answered: {error}\nThe tables are: {known}") from None
    if json:
        print_json([dict(zip(columns, row, strict=True)) for row in rows])
        return
    tables.table("", [(name, "key") for name in columns], islice(rows, limit))
    if len(rows) > limit:
        say(f"The first {limit:,} rows; more with --limit N, all of them with --json.")


def _list_views(views: list[str], *, json: bool) -> None:
    if json:
        print_json(views)
    elif views:
        tables.table("Staged tables", [("name", "key")], [(name,) for name in views])
        say(f'One of them: connector sql "FROM {views[0]} LIMIT 10"')
    else:
        say("Nothing is staged yet: run `connector sync master-data` first.")
