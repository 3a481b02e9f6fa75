"""The first schema."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create all tables."""
    op.create_table(
        "audit_checkpoint",
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("last_event", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("made_at", sa.String(length=27), nullable=False),
        sa.PrimaryKeyConstraint("day"),
    )
    op.create_table(
        "audit_event",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("chain", sa.String(length=300), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("at", sa.String(length=27), nullable=False),
        sa.Column("actor", sa.String(length=80), nullable=False),
        sa.Column("company", sa.String(length=10), nullable=False),
        sa.Column("key", sa.String(length=140), nullable=False),
        sa.Column("action", sa.String(length=40), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("previous", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("chain", "sequence", name="audit_chain_sequence"),
    )
    op.create_index("audit_by_key", "audit_event", ["key"], unique=False)
    op.create_table(
        "audit_head",
        sa.Column("chain", sa.String(length=300), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("chain"),
    )
    op.create_table(
        "gl_mapping",
        sa.Column("company", sa.String(length=10), nullable=False),
        sa.Column("account_code", sa.String(length=50), nullable=False),
        sa.Column("cost_center", sa.String(length=200), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("gl_code", sa.String(length=35), nullable=False),
        sa.Column("author", sa.String(length=80), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("created_at", sa.String(length=27), nullable=False),
        sa.PrimaryKeyConstraint("company", "account_code", "cost_center", "version"),
    )
    op.create_table(
        "invoice",
        sa.Column("company", sa.String(length=10), nullable=False),
        sa.Column("invoice_id", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("remedy", sa.Text(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("payload_digest", sa.String(length=64), nullable=False),
        sa.Column("document_updated", sa.String(length=40), nullable=False),
        sa.Column("supplier", sa.String(length=40), nullable=False),
        sa.Column("number", sa.String(length=120), nullable=False),
        sa.Column("currency", sa.String(length=10), nullable=False),
        sa.Column("gross", sa.String(length=48), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("received_at", sa.String(length=27), nullable=False),
        sa.Column("updated_at", sa.String(length=27), nullable=False),
        sa.Column("next_attempt_at", sa.String(length=27), nullable=True),
        sa.Column("fence", sa.Integer(), nullable=True),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("reference", sa.String(length=30), nullable=False),
        sa.Column("voucher", sa.String(length=25), nullable=False),
        sa.Column("gl_journal", sa.String(length=25), nullable=False),
        sa.Column("gl_problem", sa.Text(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("answers", sa.Integer(), nullable=False),
        sa.Column("answered_at", sa.String(length=27), nullable=True),
        sa.PrimaryKeyConstraint("company", "invoice_id"),
    )
    op.create_index("invoice_by_number", "invoice", ["company", "supplier", "number"], unique=False)
    op.create_index("invoice_by_state", "invoice", ["company", "state", "next_attempt_at"], unique=False)
    op.create_table(
        "lease",
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("owner", sa.String(length=80), nullable=False),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("expires_at", sa.String(length=27), nullable=False),
        sa.Column("sealed_session", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "publish_request",
        sa.Column("request_id", sa.String(length=80), nullable=False),
        sa.Column("entity", sa.String(length=30), nullable=False),
        sa.Column("company", sa.String(length=10), nullable=False),
        sa.Column("client_request_id", sa.String(length=36), nullable=False),
        sa.Column("records", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("polls", sa.Integer(), nullable=False),
        sa.Column("sent_at", sa.String(length=27), nullable=False),
        sa.Column("done_at", sa.String(length=27), nullable=True),
        sa.PrimaryKeyConstraint("request_id"),
    )
    op.create_index(
        "publish_request_by_state", "publish_request", ["company", "entity", "state"], unique=False
    )
    op.create_table(
        "published_record",
        sa.Column("entity", sa.String(length=30), nullable=False),
        sa.Column("company", sa.String(length=10), nullable=False),
        sa.Column("key", sa.String(length=120), nullable=False),
        sa.Column("external_code", sa.String(length=36), nullable=False),
        sa.Column("parent", sa.String(length=60), nullable=False),
        sa.Column("hash", sa.String(length=32), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("active", sa.Integer(), nullable=False),
        sa.Column("touches", sa.Integer(), nullable=False),
        sa.Column("request_id", sa.String(length=80), nullable=False),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.String(length=27), nullable=False),
        sa.PrimaryKeyConstraint("entity", "company", "key"),
    )
    op.create_index("published_by_request", "published_record", ["request_id"], unique=False)
    op.create_index("published_by_state", "published_record", ["entity", "company", "state"], unique=False)
