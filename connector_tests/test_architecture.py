"""Who may know whom: the import contracts hold, and no module goes around them; names that others rely on stay."""

import ast
import tomllib
from functools import cache
from pathlib import Path

import pytest
from importlinter.api import use_cases

import connector_defs
from connector_defs.domain import errors
from connector_defs.domain.states import State
from connector_defs.flows.entities import ENTITIES, STAGED

ROOT = Path(connector_defs.__file__).parent
PROJECT = ROOT.parent / "pyproject.toml"
MODULES = sorted(path for path in ROOT.rglob("*.py") if path.stat().st_size)

# What a package's own files may never import, directly: written apart from the contracts, to compare.
FORBIDDEN = {
    "domain": (
        "dagster",
        "httpx",
        "sqlalchemy",
        "duckdb",
        "pyarrow",
        "pandas",
        "lxml",
        "connector_defs.syspro",
    ),
    "syspro": ("dagster", "sqlalchemy", "duckdb", "connector_defs.basware", "connector_defs.store"),
    "basware": ("dagster", "sqlalchemy", "duckdb", "connector_defs.syspro", "connector_defs.store"),
    "store": (
        "dagster",
        "httpx",
        "duckdb",
        "connector_defs.syspro",
        "connector_defs.basware",
        "connector_defs.flows",
    ),
    "staging": ("dagster", "httpx", "sqlalchemy", "connector_defs.syspro", "connector_defs.basware"),
    "flows": ("dagster", "connector_defs.orchestration", "connector_defs.cli", "connector_defs.console"),
    "console": (
        "dagster",
        "sqlalchemy",
        "httpx",
        "connector_defs.syspro",
        "connector_defs.orchestration",
        "connector_defs.cli",
        "connector_defs.sandbox",
    ),
    "orchestration": ("httpx", "sqlalchemy", "connector_defs.cli", "connector_defs.sandbox"),
    "sandbox": (
        "dagster",
        "sqlalchemy",
        "connector_defs.flows",
        "connector_defs.store",
        "connector_defs.syspro",
    ),
}
ARROWS = [
    pytest.param(package, name, id=f"{package}-{name}")
    for package, names in FORBIDDEN.items()
    for name in names
]


@cache
def imported(path: Path) -> frozenset[str]:
    """Full names of everything a file imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{name.name}" for name in node.names}
    return frozenset(found)


def importers_of(name: str, package: str = "") -> list[str]:
    """Files of a package that import `name` or something below it."""
    return [
        str(path.relative_to(ROOT))
        for path in MODULES
        if path.is_relative_to(ROOT / package)
        and any(f"{one}.".startswith(f"{name}.") for one in imported(path))
    ]


def test_every_import_contract_is_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept = use_cases.lint_imports(config_filename=str(PROJECT), cache_dir=str(tmp_path))
    assert kept, capsys.readouterr().out


def test_a_contract_that_is_broken_would_be_noticed(tmp_path: Path) -> None:
    config = tmp_path / "pyproject.toml"
    config.write_text(
        """
        [tool.importlinter]
        root_packages = ["connector_defs"]
        [[tool.importlinter.contracts]]
        name = "Flows know no Basware"
        type = "forbidden"
        source_modules = ["connector_defs.flows"]
        forbidden_modules = ["connector_defs.basware"]
        """,
        encoding="utf-8",
    )
    assert not use_cases.lint_imports(config_filename=str(config), cache_dir=str(tmp_path))


def test_the_contracts_are_those_of_the_design() -> None:
    contracts = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]
    assert {contract["name"] for contract in contracts} >= {
        "SYSPRO and Basware do not know each other",
        "The business knows no Dagster",
        "The domain does no I/O",
        "Only the command line starts the sandbox",
        "Nothing but the command line knows the console",
    }
    assert not any("ignore_imports" in contract for contract in contracts)


@pytest.mark.parametrize(("package", "wrong"), ARROWS)
def test_a_package_does_not_import_what_it_may_not_know(package: str, wrong: str) -> None:
    assert importers_of(wrong, package) == []


def test_only_the_command_line_and_the_sandbox_itself_import_the_sandbox() -> None:
    outside = {Path(path).parts[0] for path in importers_of("connector_defs.sandbox")}
    assert outside <= {"cli", "sandbox"}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_module_says_what_belongs_in_it(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))


class TestNamesOthersRelyOn:
    """Changing one of these changes what users and other systems see."""

    def test_the_errors_and_what_each_stands_for(self) -> None:
        public = {
            name: [base.__name__ for base in kind.__bases__]
            for name, kind in vars(errors).items()
            if isinstance(kind, type) and issubclass(kind, Exception)
        }
        assert public == {
            "ConnectorError": ["Exception"],
            "Fatal": ["ConnectorError"],
            "RetryLater": ["ConnectorError"],
            "LaneBlocked": ["RetryLater"],
            "OutcomeUnknown": ["ConnectorError"],
            "RecordRefused": ["ConnectorError"],
        }

    def test_the_states_of_an_invoice(self) -> None:
        assert [state.value for state in State] == [
            "received",
            "needs_mapping",
            "needs_review",
            "ready",
            "acknowledged",
            "posting",
            "uncertain",
            "posted",
            "responded",
            "rejected",
            "dead",
            "withdrawn",
        ]

    def test_the_entities_in_the_order_in_which_they_are_published(self) -> None:
        assert [entity.name for entity in ENTITIES] == [
            "taxCodes",
            "accounts",
            "costCenters",
            "paymentTerms",
            "vendors",
            "matchingOrders",
            "matchingOrderLines",
        ]

    def test_the_staged_tables(self) -> None:
        assert [table.name for table in STAGED] == [
            "tax_codes",
            "gl_accounts",
            "cost_centers",
            "payment_terms",
            "suppliers",
            "supplier_addresses",
            "order_headers",
            "order_lines",
            "goods_receipts",
            "invoice_payments",
        ]


def test_one_module_decides_what_tls_trusts_and_every_client_connects_through_it() -> None:
    clients = 0
    for path in MODULES:
        if path.relative_to(ROOT).parts[0] in ("sandbox", "cli"):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute):
                assert node.attr not in (
                    "CERT_NONE",
                    "_create_unverified_context",
                    "create_default_context",
                ), path
                assert node.attr not in ("check_hostname", "verify_mode"), path
                assert node.attr != "SSLContext" or path.name in ("dialing.py", "doctor.py"), path
            elif isinstance(node, ast.Call):
                told = {word.arg: word.value for word in node.keywords}
                assert "verify" not in told or path.name == "dialing.py", path
                if ast.unparse(node.func) in ("httpx.Client", "httpx.AsyncClient"):
                    clients += 1
                    assert "transport" in told, path
                    for name in ("trust_env", "follow_redirects"):
                        assert ast.unparse(told[name]) == "False", path
                assert ast.unparse(node.func) not in (
                    "httpx.get",
                    "httpx.post",
                    "httpx.request",
                    "httpx.stream",
                )
    assert clients == 3


def test_nothing_of_a_run_is_shown_as_markdown_or_as_a_link() -> None:
    """Texts from outside are in it: Dagster's UI shows Markdown as it is meant, pictures and links included."""
    shown = [
        f"{path.name}: {name}"
        for path in (ROOT / "orchestration").rglob("*.py")
        for name in (".md(", "MetadataValue.url(", "MarkdownMetadataValue", "UrlMetadataValue")
        if name in path.read_text(encoding="utf-8")
    ]
    assert shown == []
