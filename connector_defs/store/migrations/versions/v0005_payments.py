"""What Basware was told about the payment of each invoice, and how far SYSPRO's payments were read."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the payments and their cursor."""
    op.create_table(
        "payment",
        sa.Column("company", sa.String(length=10), nullable=False),
        sa.Column("invoice_id", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.Column("paid_total", sa.String(length=48), nullable=True),
        sa.Column("entries", sa.Integer(), nullable=False),
        sa.Column("external_code", sa.String(length=36), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("told_digest", sa.String(length=64), nullable=False),
        sa.Column("told_total", sa.String(length=48), nullable=True),
        sa.Column("told_code", sa.String(length=36), nullable=False),
        sa.Column("request_id", sa.String(length=80), nullable=False),
        sa.Column("client_request_id", sa.String(length=36), nullable=False),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("remedy", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.String(length=27), nullable=False),
        sa.PrimaryKeyConstraint("company", "invoice_id"),
    )
    op.create_index("payment_by_state", "payment", ["company", "state"], unique=False)
    op.create_table(
        "payment_cursor",
        sa.Column("company", sa.String(length=10), nullable=False),
        sa.Column("journal_date", sa.String(length=10), nullable=False),
        sa.Column("updated_at", sa.String(length=27), nullable=False),
        sa.PrimaryKeyConstraint("company"),
    )
