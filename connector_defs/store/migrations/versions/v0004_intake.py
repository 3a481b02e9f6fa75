"""How far intake has read, which extracts were taken in, and what a restored state holds back."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the cursors, the extracts and the holds."""
    op.create_table(
        "intake_cursor",
        sa.Column("company", sa.String(length=10), nullable=False),
        sa.Column("source", sa.String(length=40), nullable=False),
        sa.Column("last_updated", sa.String(length=27)),
        sa.Column("listed_at", sa.String(length=27)),
        sa.PrimaryKeyConstraint("company", "source"),
    )
    op.create_table(
        "data_extract",
        sa.Column("id", sa.String(length=200), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("taken", sa.Integer(), nullable=False),
        sa.Column("columns", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("noted_at", sa.String(length=27), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "hold",
        sa.Column("company", sa.String(length=10), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("since", sa.String(length=27), nullable=False),
        sa.PrimaryKeyConstraint("company"),
    )
