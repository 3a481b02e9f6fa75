"""When SYSPRO was read for what is published, so that an older reading takes nothing back."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the time of the reading to every record, and the newest published reading of each entity."""
    op.add_column(
        "published_record",
        sa.Column(
            "read_at", sa.String(length=27), nullable=False, server_default="1970-01-01T00:00:00.000000Z"
        ),
    )
    op.create_table(
        "published_reading",
        sa.Column("entity", sa.String(length=30), nullable=False),
        sa.Column("company", sa.String(length=10), nullable=False),
        sa.Column("read_at", sa.String(length=27), nullable=False),
        sa.Column("dated_from", sa.String(length=10), nullable=False, server_default=""),
        sa.Column("dated_until", sa.String(length=10), nullable=False, server_default=""),
        sa.PrimaryKeyConstraint("entity", "company"),
    )
