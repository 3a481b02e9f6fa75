"""What publishing must remember: Basware's time of a request, earlier confirmations, orders without all their lines."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add them; the mark of unfinished orders, so far a code of the order, gets a table of its own."""
    op.add_column(
        "published_record",
        sa.Column("confirmed_before", sa.Integer(), nullable=False, server_default="0"),
    )
    op.add_column("publish_request", sa.Column("received_at", sa.String(length=27), nullable=True))
    op.create_table(
        "unfinished_order",
        sa.Column("company", sa.String(length=10), nullable=False),
        sa.Column("key", sa.String(length=120), nullable=False),
        sa.PrimaryKeyConstraint("company", "key"),
    )
    # The rows themselves stay as they are: the audit trail holds their digests.
    op.execute(
        "INSERT INTO unfinished_order (company, key) SELECT company, key FROM published_record "
        "WHERE entity = 'matchingOrders' AND code = 'UNFINISHED'"
    )
