"""How often companies are polled while push works, and what was last seen of push at Basware."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the polls and the watch over push."""
    op.create_table(
        "poll",
        sa.Column("company", sa.String(length=10), nullable=False),
        sa.Column("polled_at", sa.String(length=27)),
        sa.Column("left_over", sa.Integer(), nullable=False),
        sa.Column("judged_until", sa.String(length=27)),
        sa.Column("missed_at", sa.String(length=27)),
        sa.Column("missed", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("company"),
    )
    op.create_table(
        "push_watch",
        sa.Column("subject", sa.String(length=20), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("since", sa.String(length=27), nullable=False),
        sa.Column("checked_at", sa.String(length=27), nullable=False),
        sa.PrimaryKeyConstraint("subject"),
    )
