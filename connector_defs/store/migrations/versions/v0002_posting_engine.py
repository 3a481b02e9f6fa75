"""What people decide for one invoice, the document as it was meant, and which lane works on it."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add decisions and intents to invoices, pauses to lanes, and the claims of lanes."""
    with op.batch_alter_table("invoice") as table:
        table.add_column(sa.Column("decisions", sa.Text(), nullable=False, server_default="{}"))
        table.add_column(sa.Column("intent", sa.Text(), nullable=False, server_default=""))
        table.add_column(sa.Column("number_key", sa.String(length=120), nullable=False, server_default=""))
        table.create_index("invoice_by_number_key", ["company", "supplier", "number_key"])
    with op.batch_alter_table("lease") as table:
        table.add_column(sa.Column("paused_until", sa.String(length=27), nullable=True))
        table.add_column(sa.Column("pauses", sa.Integer(), nullable=False, server_default="0"))
        table.add_column(sa.Column("pause_reason", sa.Text(), nullable=False, server_default=""))
    op.create_table(
        "claim",
        sa.Column("company", sa.String(length=10), nullable=False),
        sa.Column("invoice_id", sa.String(length=64), nullable=False),
        sa.Column("lane", sa.String(length=120), nullable=False),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("deaths", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("company", "invoice_id"),
    )
