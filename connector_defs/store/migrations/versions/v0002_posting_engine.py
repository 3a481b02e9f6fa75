"""What people decide for one invoice, and which lane works on it."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the decisions and the claims."""
    with op.batch_alter_table("invoice") as table:
        table.add_column(sa.Column("decisions", sa.Text(), nullable=False, server_default="{}"))
    op.create_table(
        "claim",
        sa.Column("company", sa.String(length=10), nullable=False),
        sa.Column("invoice_id", sa.String(length=64), nullable=False),
        sa.Column("lane", sa.String(length=120), nullable=False),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("company", "invoice_id"),
    )
