"""The tables of the state store. Migrations in `store.migrations` create them; a test holds both equal.

Belongs here: columns and their types. Amounts are exact decimals kept as text, instants are UTC.
"""

from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
)
from sqlalchemy.engine import Dialect

metadata = MetaData()
# Older than any reading there is.
NEVER_READ = datetime(1970, 1, 1, tzinfo=UTC)


class Exact(TypeDecorator[Decimal]):
    """A Decimal kept as text, since SQLite would make it a float."""

    impl = String(48)
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        """Decimal -> plain text."""
        return None if value is None else format(value, "f")

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:  # noqa: ARG002
        """Plain text -> Decimal."""
        return self.read(value)

    @staticmethod
    def read(value: Any) -> Decimal | None:
        """Plain text -> Decimal."""
        return None if value is None else Decimal(value)


class Instant(TypeDecorator[datetime]):
    """A UTC instant as fixed-width text, which sorts by time in every database."""

    impl = String(27)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        """Aware datetime -> `2026-01-31T05:00:00.000000Z`."""
        return None if value is None else instant_text(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Text -> aware datetime."""
        return self.read(value)

    @staticmethod
    def read(value: Any) -> datetime | None:
        """Text -> aware datetime."""
        return None if value is None else datetime.fromisoformat(value)


@lru_cache(4096)
def instant_text(value: datetime) -> str:
    """The one textual form of an instant; rows of one batch share theirs."""
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


invoice = Table(
    "invoice",
    metadata,
    Column("company", String(10), primary_key=True),
    Column("invoice_id", String(64), primary_key=True),
    Column("state", String(20), nullable=False),
    Column("version", Integer, nullable=False),
    Column("code", String(40), nullable=False, default=""),
    Column("reason", Text, nullable=False, default=""),
    Column("remedy", Text, nullable=False, default=""),
    Column("payload", Text, nullable=False),
    Column("payload_digest", String(64), nullable=False),
    Column("document_updated", String(40), nullable=False, default=""),
    Column("supplier", String(40), nullable=False, default=""),
    Column("number", String(120), nullable=False, default=""),
    Column("currency", String(10), nullable=False, default=""),
    Column("gross", Exact),
    Column("attempts", Integer, nullable=False, default=0),
    Column("received_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Column("next_attempt_at", Instant),
    Column("fence", Integer),
    Column("fingerprint", String(64), nullable=False, default=""),
    Column("reference", String(30), nullable=False, default=""),
    Column("voucher", String(25), nullable=False, default=""),
    Column("gl_journal", String(25), nullable=False, default=""),
    Column("gl_problem", Text, nullable=False, default=""),
    Column("generation", Integer, nullable=False, default=1),
    Column("answers", Integer, nullable=False, default=0),
    Column("answered_at", Instant),
    # What a person decided for this invoice alone (`domain.invoices.Decisions`), as JSON.
    Column("decisions", Text, nullable=False, default="{}", server_default="{}"),
    # The document as it was meant (`domain.intents.Intent`), as JSON, from the first intent on.
    Column("intent", Text, nullable=False, default="", server_default=""),
    # What makes two invoice numbers of a supplier the same to a person, from `ready` on.
    Column("number_key", String(120), nullable=False, default="", server_default=""),
    Index("invoice_by_state", "company", "state", "next_attempt_at"),
    Index("invoice_by_number", "company", "supplier", "number"),
    Index("invoice_by_number_key", "company", "supplier", "number_key"),
)

# Which lane works on an invoice at present. Void as soon as the lane's lease has another fence or no owner, so
# a dead worker's claims need no clearing up.
claim = Table(
    "claim",
    metadata,
    Column("company", String(10), primary_key=True),
    Column("invoice_id", String(64), primary_key=True),
    Column("lane", String(120), nullable=False),
    Column("fence", Integer, nullable=False),
    # How many workers died while they held it: one that kills its worker is told from its neighbours.
    Column("deaths", Integer, nullable=False, default=0),
)

# How far intake has read one list of one company: the largest lastUpdated met there, and when the list was last
# read whole. A source beside the lists of a company is the data extracts of the tenant, under company "*".
intake_cursor = Table(
    "intake_cursor",
    metadata,
    Column("company", String(10), primary_key=True),
    Column("source", String(40), primary_key=True),
    Column("last_updated", Instant),
    Column("listed_at", Instant),
)

# A data extract of the tenant and how much of it is taken in. `rows` counts what was read so far, `taken` what
# is durable of that; `columns` is the table as it was defined then, as JSON.
data_extract = Table(
    "data_extract",
    metadata,
    Column("id", String(200), primary_key=True),
    Column("state", String(12), nullable=False),
    Column("rows", Integer, nullable=False),
    Column("taken", Integer, nullable=False),
    Column("columns", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("noted_at", Instant, nullable=False),
)

# A notification of Basware: a hint that something waits there, never the thing itself (`store.notifications`). It is
# open until it was looked into; `note` says what came of it. The digest is that of the body as it was signed.
notification = Table(
    "notification",
    metadata,
    Column("task_id", String(200), primary_key=True),
    Column("status", String(60), primary_key=True),
    Column("task_type", String(60), nullable=False),
    Column("task_sub_type", String(60), nullable=False),
    Column("document_id", String(200), nullable=False),
    Column("company_code", String(60)),
    Column("body_digest", String(64), nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("settled_at", Instant),
    Column("note", Text, nullable=False),
    Index("notification_by_settling", "settled_at", "received_at"),
)

# When a company was last polled for approved invoices, whether that poll left any to be taken in, up to when what
# polls found was compared with the notifications, and when one was last missing (`store.polls`).
poll = Table(
    "poll",
    metadata,
    Column("company", String(10), primary_key=True),
    Column("polled_at", Instant),
    Column("left_over", Integer, nullable=False, default=0),
    Column("judged_until", Instant),
    Column("missed_at", Instant),
    Column("missed", Integer, nullable=False, default=0),
)

# What was last seen of push at Basware: the `subscription`, with our address, and the `tasks` (`store.push_watch`).
push_watch = Table(
    "push_watch",
    metadata,
    Column("subject", String(20), primary_key=True),
    Column("state", String(12), nullable=False),
    Column("url", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("since", Instant, nullable=False),
    Column("checked_at", Instant, nullable=False),
)

# A company whose state is older than what both systems hold: nothing leaves for either until they are compared.
hold = Table(
    "hold",
    metadata,
    Column("company", String(10), primary_key=True),
    Column("reason", Text, nullable=False),
    Column("since", Instant, nullable=False),
)

# `dimensions` as in `domain.gl_mapping.dimension_text`, dates as ISO text; "" where a rule does not limit them.
gl_mapping = Table(
    "gl_mapping",
    metadata,
    Column("company", String(10), primary_key=True),
    Column("account_code", String(50), primary_key=True),
    Column("cost_center", String(200), primary_key=True),
    Column("dimensions", String(300), primary_key=True, default="", server_default=""),
    Column("valid_from", String(10), primary_key=True, default="", server_default=""),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("gl_code", String(35), nullable=False),
    Column("author", String(80), nullable=False),
    Column("reason", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("valid_to", String(10), nullable=False, default="", server_default=""),
    Column("status", String(10), nullable=False, default="active", server_default="active"),
    Column("approved_by", String(80), nullable=False, default="", server_default=""),
)

published_record = Table(
    "published_record",
    metadata,
    Column("entity", String(30), primary_key=True),
    Column("company", String(10), primary_key=True),
    Column("key", String(120), primary_key=True),
    Column("external_code", String(36), nullable=False),
    Column("parent", String(60), nullable=False, default=""),
    Column("hash", String(32), nullable=False),
    Column("state", String(12), nullable=False),
    Column("active", Integer, nullable=False, default=1),
    Column("touches", Integer, nullable=False, default=0),
    Column("request_id", String(80), nullable=False, default=""),
    Column("code", String(40), nullable=False, default=""),
    Column("reason", Text, nullable=False, default=""),
    Column("updated_at", Instant, nullable=False),
    # Whether the outcome before the present sending was a confirmation: then "unchanged" is good news.
    Column("confirmed_before", Integer, nullable=False, default=0, server_default="0"),
    # When the reading of SYSPRO began that the record was last judged by: an older one never overwrites it.
    Column("read_at", Instant, nullable=False, default=NEVER_READ, server_default=instant_text(NEVER_READ)),
    Index("published_by_request", "request_id"),
    Index("published_by_state", "entity", "company", "state"),
)

publish_request = Table(
    "publish_request",
    metadata,
    Column("request_id", String(80), primary_key=True),
    Column("entity", String(30), nullable=False),
    Column("company", String(10), nullable=False),
    Column("client_request_id", String(36), nullable=False),
    Column("records", Integer, nullable=False),
    Column("state", String(10), nullable=False),
    Column("polls", Integer, nullable=False, default=0),
    Column("sent_at", Instant, nullable=False),
    # By Basware's clock, which its lists are filtered by.
    Column("received_at", Instant),
    Column("done_at", Instant),
    Index("publish_request_by_state", "company", "entity", "state"),
)

# Orders of which P2P was sent some lines while others are to come.
unfinished_order = Table(
    "unfinished_order",
    metadata,
    Column("company", String(10), primary_key=True),
    Column("key", String(120), primary_key=True),
)

# The newest reading of SYSPRO of which every row was published, by entity; and, for orders, from which date the first
# of those that go up to the present began, and how far the dates (entry and completion, as CCYY-MM-DD) go in what
# these brought (`store.readings`).
published_reading = Table(
    "published_reading",
    metadata,
    Column("entity", String(30), primary_key=True),
    Column("company", String(10), primary_key=True),
    Column("read_at", Instant, nullable=False),
    Column("dated_from", String(10), nullable=False, default="", server_default=""),
    Column("dated_until", String(10), nullable=False, default="", server_default=""),
)

# What Basware was last told, or is to be told, about how far an invoice is paid (`store.payments`).
payment = Table(
    "payment",
    metadata,
    Column("company", String(10), primary_key=True),
    Column("invoice_id", String(64), primary_key=True),
    Column("state", String(12), nullable=False),
    Column("generation", Integer, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("facts", Text, nullable=False),
    Column("paid_total", Exact),
    Column("entries", Integer, nullable=False),
    Column("external_code", String(36), nullable=False),
    Column("body", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("told_digest", String(64), nullable=False),
    Column("told_total", Exact),
    Column("told_code", String(36), nullable=False),
    Column("request_id", String(80), nullable=False),
    Column("client_request_id", String(36), nullable=False),
    Column("code", String(40), nullable=False),
    Column("reason", Text, nullable=False),
    Column("remedy", Text, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Index("payment_by_state", "company", "state"),
)

# The largest JournalDate of SYSPRO's payments that was read, as CCYY-MM-DD: a business date, not an instant.
payment_cursor = Table(
    "payment_cursor",
    metadata,
    Column("company", String(10), primary_key=True),
    Column("journal_date", String(10), nullable=False),
    Column("updated_at", Instant, nullable=False),
)

# What Basware tells of one field of a supplier that SYSPRO holds otherwise, and what became of it
# (`store.enrichment`). `before` is what SYSPRO held when it was found, `after` what Basware holds.
enrichment = Table(
    "enrichment",
    metadata,
    Column("company", String(10), primary_key=True),
    Column("supplier", String(40), primary_key=True),
    Column("field", String(20), primary_key=True),
    Column("state", String(12), nullable=False),
    Column("before", Text, nullable=False),
    Column("after", Text, nullable=False),
    Column("external_code", String(36), nullable=False),
    Column("vendor_updated", String(40), nullable=False),
    Column("code", String(40), nullable=False),
    Column("reason", Text, nullable=False),
    Column("remedy", Text, nullable=False),
    Column("decided_by", String(80), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("found_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Index("enrichment_by_state", "company", "state"),
)

# How a SYSPRO table looked when it was last staged: its rows, how many the service counted itself (NULL where it
# tells none), and as JSON the kind of JSON value that each column ever seen held, "" where it was always null.
staged_table = Table(
    "staged_table",
    metadata,
    Column("company", String(10), primary_key=True),
    Column("name", String(40), primary_key=True),
    Column("day", String(10), nullable=False),
    Column("rows", Integer, nullable=False),
    Column("counted", Integer),
    Column("columns", Text, nullable=False),
    Column("staged_at", Instant, nullable=False),
)

# The control totals of one publishing run; `figures` is the flow's own report of them, as JSON.
control_total = Table(
    "control_total",
    metadata,
    Column("company", String(10), primary_key=True),
    Column("entity", String(30), primary_key=True),
    Column("made_at", Instant, primary_key=True),
    Column("day", String(10), nullable=False),
    Column("figures", Text, nullable=False),
)

audit_event = Table(
    "audit_event",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("chain", String(300), nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("at", Instant, nullable=False),
    Column("actor", String(80), nullable=False),
    Column("company", String(10), nullable=False),
    Column("key", String(140), nullable=False),
    Column("action", String(40), nullable=False),
    Column("detail", Text, nullable=False),
    Column("previous", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
    UniqueConstraint("chain", "sequence", name="audit_chain_sequence"),
    Index("audit_by_key", "key"),
)

audit_head = Table(
    "audit_head",
    metadata,
    Column("chain", String(300), primary_key=True),
    Column("sequence", Integer, nullable=False),
    Column("hash", String(64), nullable=False),
)

audit_checkpoint = Table(
    "audit_checkpoint",
    metadata,
    Column("day", String(10), primary_key=True),
    Column("last_event", Integer, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("made_at", Instant, nullable=False),
)

lease = Table(
    "lease",
    metadata,
    Column("name", String(120), primary_key=True),
    Column("owner", String(80), nullable=False),
    Column("fence", Integer, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("sealed_session", LargeBinary),
    # SYSPRO as a whole refused: until then nobody tries, and how often in a row that was.
    Column("paused_until", Instant),
    Column("pauses", Integer, nullable=False, default=0, server_default="0"),
    Column("pause_reason", Text, nullable=False, default="", server_default=""),
    # Fingerprint of the passwords that were refused, where they are why the lane rests.
    Column("refused", String(24), nullable=False, default="", server_default=""),
)

# Credentials, sealed. The row without a name is the vault's own (`store.vault`).
vault = Table(
    "vault",
    metadata,
    Column("name", String(120), primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
    Column("fingerprint", String(24), nullable=False),
    Column("changed_at", Instant, nullable=False),
    Column("changed_by", String(80), nullable=False),
)

# The access token that all processes share, by what it was asked for; `digest` tells one token from the next.
access_token = Table(
    "access_token",
    metadata,
    Column("client", String(64), primary_key=True),
    Column("sealed", LargeBinary),
    Column("digest", String(64), nullable=False),
    Column("changed_at", Instant, nullable=False),
)
