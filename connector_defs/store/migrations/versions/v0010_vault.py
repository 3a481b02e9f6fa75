"""The vault of credentials, the access token that all processes share, and lanes that rest for a refused password."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add both tables, empty, and the fingerprint of refused passwords."""
    op.add_column("lease", sa.Column("refused", sa.String(length=24), nullable=False, server_default=""))
    op.create_table(
        "vault",
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("fingerprint", sa.String(length=24), nullable=False),
        sa.Column("changed_at", sa.String(length=27), nullable=False),
        sa.Column("changed_by", sa.String(length=80), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "access_token",
        sa.Column("client", sa.String(length=64), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("changed_at", sa.String(length=27), nullable=False),
        sa.PrimaryKeyConstraint("client"),
    )
