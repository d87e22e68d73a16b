"""Let guests in"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from relay.storage.base import Moment

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "guest",
        sa.Column("guest_id", sa.String(length=80), nullable=False),
        sa.Column("call_id", sa.String(length=80), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("resume_hash", sa.String(length=64), nullable=True),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("invited_at", Moment(), nullable=False),
        sa.Column("expires_at", Moment(), nullable=False),
        sa.Column("used_at", Moment(), nullable=True),
        sa.Column("left_at", Moment(), nullable=True),
        sa.Column("vehicle_generation", sa.Integer(), nullable=False),
        sa.Column("doctor_generation", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["call_id"], ["call.call_id"], name=op.f("fk_guest_call_id_call")),
        sa.PrimaryKeyConstraint("guest_id", name=op.f("pk_guest")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_guest_token_hash")),
    )
    op.create_index(op.f("ix_guest_call_id"), "guest", ["call_id"], unique=False)
    op.create_index(op.f("ix_guest_resume_hash"), "guest", ["resume_hash"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_guest_resume_hash"), table_name="guest")
    op.drop_index(op.f("ix_guest_call_id"), table_name="guest")
    op.drop_table("guest")
