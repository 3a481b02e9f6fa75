"""GL mapping rules with dimensions, validity dates, withdrawal and a second approver."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table again, since its key grows, and take every version over as it was."""
    op.rename_table("gl_mapping", "gl_mapping_before")
    op.create_table(
        "gl_mapping",
        sa.Column("company", sa.String(length=10), nullable=False),
        sa.Column("account_code", sa.String(length=50), nullable=False),
        sa.Column("cost_center", sa.String(length=200), nullable=False),
        sa.Column("dimensions", sa.String(length=300), nullable=False, server_default=""),
        sa.Column("valid_from", sa.String(length=10), nullable=False, server_default=""),
        sa.Column("version", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("gl_code", sa.String(length=35), nullable=False),
        sa.Column("author", sa.String(length=80), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("created_at", sa.String(length=27), nullable=False),
        sa.Column("valid_to", sa.String(length=10), nullable=False, server_default=""),
        sa.Column("status", sa.String(length=10), nullable=False, server_default="active"),
        sa.Column("approved_by", sa.String(length=80), nullable=False, server_default=""),
        sa.PrimaryKeyConstraint(
            "company", "account_code", "cost_center", "dimensions", "valid_from", "version"
        ),
    )
    kept = "company, account_code, cost_center, version, gl_code, author, reason, created_at"
    op.execute(f"INSERT INTO gl_mapping ({kept}) SELECT {kept} FROM gl_mapping_before")  # noqa: S608 - our own names  # nosec B608
    op.drop_table("gl_mapping_before")
