"""The connector's settings as one typed model.

Belongs here: every setting, its default and what it may be.
Does not belong here: where they are read from (`settings_reading`), what a setting means to a flow, names of secrets
(`secret_places`), secrets at rest (`store.vault`).
"""

from decimal import Decimal
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    field_validator,
    model_validator,
)

from connector_defs.domain.cron import flaw_of
from connector_defs.domain.default_maps import DEFAULT_COUNTRIES, DEFAULT_UNITS
from connector_defs.domain.errors import Fatal
from connector_defs.domain.ledger_sections import GlSection

Region = Literal["EU", "US", "AU", "CA", "SANDBOX"]
ScheduledFlow = Literal["master_data", "purchase_orders", "invoices", "payments", "enrichment"]
# The endpoints that master data and purchase orders are published to.
Published = Literal[
    "taxCodes", "accounts", "costCenters", "paymentTerms", "vendors", "matchingOrders", "matchingOrderLines"
]


def _cron_line(line: str) -> str:
    problem = flaw_of(line)
    if problem:
        raise ValueError(f"{line!r} is no cron line: {problem}")
    return line


def _cadence(told: str) -> str:
    if told in ("daily", "weekly"):
        return told
    problem = flaw_of(told)
    if problem:
        raise ValueError(f"{told!r} is neither daily nor weekly nor a cron line: {problem}")
    return told


CronLine = Annotated[str, AfterValidator(_cron_line)]
Cadence = Annotated[str, AfterValidator(_cadence)]


# A file that is spoilt from one place on has as many problems as it has lines.
_MOST_TOLD = 12
_LONGEST_PROBLEM = 400


class SettingsError(Fatal):
    """Settings are missing or wrong. `problems` holds one line for each, with its remedy; the text tells the first."""

    def __init__(self, problems: list[str]) -> None:
        told = [f"  - {problem[:_LONGEST_PROBLEM]}" for problem in problems[:_MOST_TOLD]]
        if len(problems) > _MOST_TOLD:
            told.append(f"  - and {len(problems) - _MOST_TOLD} more")
        super().__init__("\n".join(["Settings are not usable:", *told]))
        self.problems = problems


class Section(BaseModel):
    """A table of `connector.toml`: unknown keys are refused, so a misspelt one cannot be lost in silence."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class StorageSettings(Section):
    """Where durable state and staged rows live."""

    # A PostgreSQL URL may hold a password.
    state_url: Annotated[str, Field(repr=False)] = "sqlite:///data/state.db"
    staging_url: str = "data/staging"
    master_key: SecretStr | None = None
    # Used where no key is given; without it master.key beside the staging folder, which is made on first use.
    master_key_file: Path | None = None


class TimingSettings(Section):
    """Every duration in seconds, so that a test can shorten what production keeps long."""

    http_timeout_seconds: Annotated[float, Field(gt=0)] = 60
    retry_base_seconds: Annotated[float, Field(ge=0)] = 2
    retry_max_seconds: Annotated[float, Field(ge=0)] = 300
    uncertain_quarantine_seconds: Annotated[float, Field(ge=0)] = 120
    request_status_poll_seconds: Annotated[float, Field(gt=0)] = 30
    # A run waits until Basware confirmed nothing more for this long; then dependants are held for the next run.
    confirm_wait_seconds: Annotated[float, Field(ge=0)] | None = None
    # A run stays for retries and look-ups that fall due within this time instead of leaving them to the next.
    linger_seconds: Annotated[float, Field(ge=0)] = 15

    @property
    def patience_with_basware(self) -> float:
        """Seconds without a single confirmation after which a run goes on; 20 looks where it is not set."""
        chosen = self.confirm_wait_seconds
        return max(30.0, 20 * self.request_status_poll_seconds) if chosen is None else chosen


class SysproSettings(Section):
    """The two doors of SYSPRO: e.net (writes) and OData (reads)."""

    enet_url: str
    odata_url: str
    odata_username: str
    odata_password: SecretStr
    ca_file: Path | None = None
    # Plain http carries passwords in the clear: off loopback it is for a closed network, and must be said.
    allow_plain_http: bool = False

    @field_validator("enet_url", "odata_url")
    @classmethod
    def _is_http(cls, url: str) -> str:
        if not url.startswith(("http://", "https://")):
            raise ValueError("must start with http:// or https://")
        return url.rstrip("/")


class RegionHostSettings(Section):
    """A table of hosts of one Basware region, in the place of the built-in one."""

    production: Annotated[tuple[str, ...], Field(min_length=1)]
    test: tuple[str, ...] = ()


class BaswareSettings(Section):
    """The Basware tenant: region, hosts, OAuth client."""

    region: Region
    client_id: str
    client_secret: SecretStr
    api_url: str | None = None
    token_url: str | None = None
    extra_hosts: tuple[str, ...] = ()
    # Where Basware may redirect to: `host` or `*.domain`. Without any, every public name.
    redirect_hosts: tuple[str, ...] = ()
    region_hosts: dict[Literal["EU", "US", "AU", "CA"], RegionHostSettings] = {}
    webhook_secret: SecretStr | None = None
    # The one before, while notifications signed with it may still come.
    webhook_secret_previous: SecretStr | None = None
    source_system: Annotated[str, Field(min_length=1, max_length=32)] = "SYSPRO"
    # Others whose supplier codes are SYSPRO's as well, such as that of an earlier integration.
    supplier_sources: tuple[str, ...] = ()
    language: Annotated[str, Field(min_length=2, max_length=10)] = "en-US"
    # Basware publishes no rate limit; two calls at a time is what its own guidance suggests.
    max_parallel: Annotated[int, Field(ge=1, le=20)] = 2
    # The same at any one endpoint; without it, as many as there may be in all.
    max_parallel_per_endpoint: Annotated[int, Field(ge=1, le=20)] | None = None

    @property
    def parallel_per_endpoint(self) -> int:
        """Calls at a time at one endpoint."""
        return min(self.max_parallel, self.max_parallel_per_endpoint or self.max_parallel)


class CostCenterSettings(Section):
    """Where SYSPRO keeps cost centres at this site."""

    source: Literal["auto", "analysis", "gl_section", "csv"] = "auto"
    analysis_category: str | None = None
    analysis_type: int = 1
    separator: str = "-"
    section: Annotated[int, Field(ge=1)] = 1
    file: Path | None = None
    code_column: Annotated[str, Field(min_length=1)] = "CostCenter"
    name_column: Annotated[str, Field(min_length=1)] = "Description"
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = ","

    @model_validator(mode="after")
    def _csv_has_its_file(self) -> "CostCenterSettings":
        if self.source == "csv" and self.file is None:
            raise ValueError("source csv needs file, the path of the CSV file with the cost centres")
        return self

    @property
    def gl_section(self) -> GlSection:
        """Which section of the GL code is the cost centre, where it is one."""
        return GlSection(self.separator, self.section)

    @property
    def line_section(self) -> GlSection | None:
        """The same where the site says so: `auto` may find cost centres elsewhere, and a line's would be a guess."""
        return self.gl_section if self.source == "gl_section" else None


class OperatorSettings(Section):
    """A further SYSPRO operator of a company: one more lane that posts beside the first."""

    operator: str
    operator_password: SecretStr


class CompanySettings(Section):
    """One pair: a SYSPRO company and the Basware company it belongs to, with its SYSPRO operator."""

    syspro_company: Annotated[str, Field(pattern=r"^[A-Z0-9]{1,10}$")]
    basware_company: Annotated[str, Field(min_length=1, max_length=25)]
    operator: str
    operator_password: SecretStr
    company_password: SecretStr = SecretStr("")
    extra_operators: tuple[OperatorSettings, ...] = ()
    gl_company: str | None = None
    organization_element: Annotated[str, Field(min_length=2, max_length=25)] | None = None
    cost_centers: CostCenterSettings = CostCenterSettings()
    posting_mode: Literal["ap", "journal"] = "ap"
    journal_credit_account: str | None = None

    @model_validator(mode="after")
    def _journal_has_its_account(self) -> "CompanySettings":
        if self.posting_mode == "journal" and not self.journal_credit_account:
            raise ValueError("posting_mode journal needs journal_credit_account, the GL code journals credit")
        return self

    @property
    def organization(self) -> str:
        """Basware organizationElementCode of this company's orders (at least 2 characters)."""
        return self.organization_element or self.basware_company


class PostingSettings(Section):
    """How approved invoices become SYSPRO documents."""

    posting_period: Literal["C", "P", "B"] = "C"
    period_rule: Literal["fixed", "invoice_date", "voucher_date"] = "fixed"
    # Letters of GenControl's period status; SYSPRO publishes none.
    closed_status: str = "C"
    credit_notes: Literal["negative_invoice", "credit_type"] = "negative_invoice"
    credit_note_types: tuple[str, ...] = ()
    credit_original: Literal["contractNumber", "referenceNumber", "description"] = "referenceNumber"
    credit_without_original: Literal["review", "negative_invoice"] = "review"
    credit_type_sign: Literal["positive", "negative"] = "positive"
    zero_value: Literal["review", "post"] = "review"
    exchange_rate: Literal["syspro", "basware"] = "syspro"
    tax_basis: Literal["E", "I"] = "E"
    tax_variance: Annotated[Decimal, Field(ge=0, decimal_places=2)] = Decimal(0)
    tax_codes: dict[str, str] = {}
    reverse_charge: Literal["review", "tax_code"] = "review"
    merge_rows: bool = False
    order_matching: Literal["review", "receipts", "ledger"] = "review"
    freight_charge_types: tuple[int, ...] = ()
    long_numbers: Literal["review", "tail", "hash"] = "review"
    ignore_analysis: bool = False
    rounding_tolerance: Annotated[Decimal, Field(ge=0, le=1)] = Decimal("0.01")
    rounding_account: str | None = None
    max_attempts: Annotated[int, Field(ge=1)] = 10
    batch_size: Annotated[int, Field(ge=1, le=50)] = 50
    # What a person may accept beyond the tolerance, in the invoice's currency.
    largest_accepted_rounding: Annotated[Decimal, Field(ge=0)] = Decimal("1.00")
    preview_check: bool = False


class MappingSettings(Section):
    """How GL mapping rules come into force."""

    # A rule that a person sets, imports or withdraws waits until another person approves it.
    second_approver: bool = False


class IntakeSettings(Section):
    """How approved invoices are found in Basware."""

    # A poll asks for what moved since the last one; this much is asked for again, since clocks differ.
    overlap_hours: Annotated[float, Field(ge=0)] = 24
    # Every list is read whole once in this time, whatever was polled: what moved unseen is found then.
    full_list_hours: Annotated[float, Field(ge=0)] = 24
    # The Data Access API's extracts as a further net; a separate subscription at Basware.
    data_extracts: bool = False
    extract_hours: Annotated[float, Field(ge=0)] = 1
    # Basware publishes the table's columns to its customers only, so their names are settings.
    extract_table: Annotated[str, Field(min_length=1)] = "IA_INVOICE"
    extract_id_column: Annotated[str, Field(min_length=1)] = "INVOICE_ID"
    extract_status_column: Annotated[str, Field(min_length=1)] = "PROCESSING_STATUS"
    extract_company_column: Annotated[str, Field(min_length=1)] = "COMPANY_CODE"


def _network(text: str) -> str:
    try:
        return str(ip_network(text))
    except ValueError:
        raise ValueError("neither an address nor a network such as 10.0.0.0/8") from None


class WebhookSettings(Section):
    """How Basware's notifications are received (`connector serve`), and what they change."""

    # Basware publishes neither the header's name nor the form of its value (wire notes 4.6). Both forms prove the
    # same knowledge of the key, so either is taken unless the site names one.
    header: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,60}$")] = "x-bwapi-signature-256"
    encoding: Literal["any", "hex", "base64"] = "any"
    # open: a ConnectionTest that is not signed is answered 200 and leaves no trace; signed: it is refused.
    connection_test: Literal["open", "signed"] = "open"
    # Reverse proxies whose X-Forwarded-For is believed.
    trusted_proxies: tuple[Annotated[str, AfterValidator(_network)], ...] = ()
    # Requests an address may make in a minute that do not turn out to be Basware's.
    refused_per_minute: Annotated[int, Field(ge=1)] = 120
    # Who may read /metrics.
    metrics: Literal["loopback", "anyone", "off"] = "loopback"
    # Seconds between two polls while push works; without it they are schedules.invoice_poll_seconds apart.
    stretched_poll_seconds: Annotated[int, Field(ge=1)] = 900
    # How often Basware is asked for our subscription, and for notifications that never came.
    watch_minutes: Annotated[float, Field(ge=0)] = 60


class PublishingSettings(Section):
    """What publishing to Basware may do without a person."""

    # Share of an entity's active records that one run may close or make inactive; 1.0 lifts the guard.
    deactivate_at_most: Annotated[float, Field(ge=0, le=1)] = 0.1
    # A record that is not confirmed for longer is told by the check `unconfirmed_records`. A little over a day, since a
    # daily run tries what was refused once more.
    unconfirmed_hours: Annotated[float, Field(gt=0)] = 26
    # Suppliers that share a VAT number or a bank account: sent and reported, or held back until a person decides.
    duplicate_suppliers: Literal["report", "hold"] = "report"


class OrderSettings(Section):
    """How SYSPRO's purchase orders are read."""

    # Days before the newest order date published that are read again, for orders entered late.
    overlap_days: Annotated[int, Field(ge=0, le=366)] = 14


class PaymentSettings(Section):
    """How SYSPRO's payments are read. The transaction types (ApInvoicePay.TrnType) are SYSPRO's one-letter codes."""

    # Days before the newest journal date seen that are read again, for postings that come late.
    overlap_days: Annotated[int, Field(ge=0, le=366)] = 7
    paying_types: tuple[str, ...] = ("P",)
    settling_types: tuple[str, ...] = ("A", "C", "D", "R", "T")
    discount_types: tuple[str, ...] = ()
    # ApInvoice.PaymentChkType -> Basware's payment method; where there is none, Basware keeps its own.
    methods: dict[str, Annotated[str, Field(min_length=1, max_length=25)]] = {}

    @model_validator(mode="after")
    def _types_have_one_meaning(self) -> "PaymentSettings":
        kinds = [*self.paying_types, *self.settling_types, *self.discount_types]
        doubled = sorted({kind for kind in kinds if kinds.count(kind) > 1})
        if doubled:
            raise ValueError(f"transaction type {', '.join(doubled)} stands in more than one list")
        return self


class EnrichmentSettings(Section):
    """What SYSPRO's suppliers take over from Basware's vendors, and who decides that."""

    # approval: a person approves each change. automatic: what no rule stops is written at once.
    apply: Literal["approval", "automatic"] = "approval"
    fields: tuple[Literal["payment_terms", "tax_id"], ...] = ("payment_terms", "tax_id")
    # Key of the vendor identifier that stands for the tax id; Basware's keys are each tenant's own.
    identifier_scheme: Annotated[str, Field(min_length=1, max_length=32)] = "VAT"
    # ApSupplier.TaxRegnNum is 20 in older SYSPRO releases and 30 in newer ones.
    tax_id_length: Annotated[int, Field(ge=1, le=30)] = 20
    overlap_hours: Annotated[float, Field(ge=0)] = 24
    full_list_hours: Annotated[float, Field(ge=0)] = 20


class ScheduleSettings(Section):
    """Which flows run, and when the Dagster schedules run them."""

    # Basware is asked for the scopes of these alone; a flow that is left out is not scheduled and cannot be run.
    flows: Annotated[tuple[ScheduledFlow, ...], Field(min_length=1)] = (
        *("master_data", "purchase_orders", "invoices"),
        *("payments", "enrichment"),
    )
    master_data: Cadence = "daily"
    purchase_orders: Cadence = "daily"
    payments: Cadence = "daily"
    enrichment: Cadence = "daily"
    # An entity with a cron line of its own is left out of its flow's schedule.
    entities: dict[Published, CronLine] = {}
    hour: Annotated[int, Field(ge=0, le=23)] = 5
    weekday: Annotated[int, Field(ge=0, le=6)] = 1
    timezone: str = "UTC"
    first_day: str = "2026-01-01"
    invoice_poll_seconds: Annotated[int, Field(ge=1)] = 60

    @property
    def look_seconds(self) -> int:
        """Seconds between two looks into our own store for what a notification told or a mapping freed."""
        return min(10, self.invoice_poll_seconds)


# SYSPRO keeps its own three-character currency keys; an ISO code of three letters stands for itself.
DEFAULT_CURRENCIES = {"$": "USD", "R": "ZAR", "£": "GBP", "€": "EUR"}


def _at_least_one(companies: tuple[CompanySettings, ...]) -> tuple[CompanySettings, ...]:
    # Not a minimal length, which would complain of a missing pair wherever the only one has a mistake.
    if not companies:
        raise ValueError("at least one pair of companies is needed")
    return companies


class Settings(Section):
    """Everything the connector can be told."""

    syspro: SysproSettings
    basware: BaswareSettings
    companies: Annotated[tuple[CompanySettings, ...], AfterValidator(_at_least_one)]
    storage: StorageSettings = StorageSettings()
    timing: TimingSettings = TimingSettings()
    intake: IntakeSettings = IntakeSettings()
    webhook: WebhookSettings = WebhookSettings()
    posting: PostingSettings = PostingSettings()
    mapping: MappingSettings = MappingSettings()
    publishing: PublishingSettings = PublishingSettings()
    orders: OrderSettings = OrderSettings()
    payments: PaymentSettings = PaymentSettings()
    enrichment: EnrichmentSettings = EnrichmentSettings()
    schedules: ScheduleSettings = ScheduleSettings()
    currencies: dict[str, Annotated[str, Field(pattern="^[A-Z]{3}$")]] = DEFAULT_CURRENCIES
    units: dict[str, Annotated[str, Field(min_length=1, max_length=25)]] = DEFAULT_UNITS
    countries: dict[str, Annotated[str, Field(pattern="^[A-Z]{2}$")]] = DEFAULT_COUNTRIES

    @model_validator(mode="after")
    def _pairs_are_unique(self) -> "Settings":
        for attribute in ("syspro_company", "basware_company"):
            values = [getattr(company, attribute) for company in self.companies]
            # Codes that differ in letters or blanks alone are the same company to a person, and perhaps to Basware.
            known = [value.strip().casefold() for value in values]
            doubled = sorted({value for value in values if known.count(value.strip().casefold()) > 1})
            if doubled:
                raise ValueError(f"companies: {attribute} {', '.join(doubled)} stands in more than one pair")
        return self

    def company(self, name: str) -> CompanySettings:
        """The pair whose SYSPRO or Basware company is `name`."""
        for pair in self.companies:
            if name in (pair.syspro_company, pair.basware_company):
                return pair
        known = ", ".join(f"{pair.syspro_company}/{pair.basware_company}" for pair in self.companies)
        raise SettingsError([f"company {name!r} is not configured; known pairs (SYSPRO/Basware): {known}"])
