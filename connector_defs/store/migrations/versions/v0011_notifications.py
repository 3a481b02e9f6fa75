"""The inbox of Basware's notifications."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the inbox."""
    op.create_table(
        "notification",
        sa.Column("task_id", sa.String(length=200), nullable=False),
        sa.Column("status", sa.String(length=60), nullable=False),
        sa.Column("task_type", sa.String(length=60), nullable=False),
        sa.Column("task_sub_type", sa.String(length=60), nullable=False),
        sa.Column("document_id", sa.String(length=200), nullable=False),
        sa.Column("company_code", sa.String(length=60)),
        sa.Column("body_digest", sa.String(length=64), nullable=False),
        sa.Column("received_at", sa.String(length=27), nullable=False),
        sa.Column("settled_at", sa.String(length=27)),
        sa.Column("note", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("task_id", "status"),
    )
    op.create_index("notification_by_settling", "notification", ["settled_at", "received_at"])
