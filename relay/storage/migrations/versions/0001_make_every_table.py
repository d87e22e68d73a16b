"""Make every table"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from relay.storage.base import Moment

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

OPEN = sa.text("ended_at IS NULL")


def upgrade() -> None:
    op.create_table(
        "account",
        sa.Column("account_id", sa.String(length=80), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("sign_in_name", sa.String(length=200), nullable=False),
        sa.Column("password_hash", sa.String(length=300), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("speciality", sa.String(length=200), nullable=False),
        sa.Column("rpps", sa.String(length=11), nullable=False),
        sa.Column("address", sa.String(length=200), nullable=False),
        sa.Column("phone", sa.String(length=200), nullable=False),
        sa.Column("email", sa.String(length=200), nullable=False),
        sa.Column("certificate", sa.Text(), nullable=False),
        sa.Column("disabled_at", Moment(), nullable=True),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_account")),
        sa.UniqueConstraint("sign_in_name", name=op.f("uq_account_sign_in_name")),
    )
    op.create_table(
        "audit",
        sa.Column(
            "position", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column("entry", sa.LargeBinary(), nullable=False),
        sa.Column("leaf", sa.LargeBinary(length=32), nullable=False),
        sa.PrimaryKeyConstraint("position", name=op.f("pk_audit")),
    )
    op.create_table(
        "audit_head",
        sa.Column("size", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("root", sa.LargeBinary(length=32), nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.Column("key_id", sa.String(length=64), nullable=False),
        sa.Column("signature", sa.LargeBinary(length=64), nullable=False),
        sa.PrimaryKeyConstraint("size", name=op.f("pk_audit_head")),
    )
    op.create_table(
        "call",
        sa.Column("call_id", sa.String(length=80), nullable=False),
        sa.Column("encounter_id", sa.String(length=80), nullable=False),
        sa.Column("vehicle_id", sa.String(length=80), nullable=False),
        sa.Column("doctor_id", sa.String(length=80), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("opened_at", Moment(), nullable=False),
        sa.Column("ended_at", Moment(), nullable=True),
        sa.Column("finished", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("call_id", name=op.f("pk_call")),
    )
    op.create_index(
        "uq_call_open_doctor_id", "call", ["doctor_id"], unique=True, sqlite_where=OPEN, postgresql_where=OPEN
    )
    op.create_index(
        "uq_call_open_encounter_id", "call", ["encounter_id"], unique=True, sqlite_where=OPEN, postgresql_where=OPEN
    )
    op.create_index(
        "uq_call_open_vehicle_id", "call", ["vehicle_id"], unique=True, sqlite_where=OPEN, postgresql_where=OPEN
    )
    op.create_table(
        "certificate",
        sa.Column("serial", sa.String(length=40), nullable=False),
        sa.Column("spki_sha256", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("subject_id", sa.String(length=80), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("pem", sa.Text(), nullable=False),
        sa.Column("issued_at", Moment(), nullable=False),
        sa.Column("expires_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("serial", name=op.f("pk_certificate")),
    )
    op.create_index(op.f("ix_certificate_spki_sha256"), "certificate", ["spki_sha256"], unique=False)
    op.create_index("ix_certificate_subject", "certificate", ["kind", "subject_id"], unique=False)
    op.create_table(
        "encounter",
        sa.Column("encounter_id", sa.String(length=80), nullable=False),
        sa.Column("vehicle_id", sa.String(length=80), nullable=False),
        sa.Column("phase", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=32), nullable=False),
        sa.Column("urgency", sa.String(length=16), nullable=False),
        sa.Column("opened_at", Moment(), nullable=False),
        sa.Column("waiting_since", Moment(), nullable=True),
        sa.PrimaryKeyConstraint("encounter_id", name=op.f("pk_encounter")),
    )
    op.create_index(op.f("ix_encounter_phase"), "encounter", ["phase"], unique=False)
    op.create_index(op.f("ix_encounter_vehicle_id"), "encounter", ["vehicle_id"], unique=False)
    op.create_table(
        "prescription",
        sa.Column("prescription_id", sa.String(length=80), nullable=False),
        sa.Column("encounter_id", sa.String(length=80), nullable=False),
        sa.Column("call_id", sa.String(length=80), nullable=False),
        sa.Column("vehicle_id", sa.String(length=80), nullable=False),
        sa.Column("doctor_id", sa.String(length=80), nullable=False),
        sa.Column("doctor_name", sa.String(length=200), nullable=False),
        sa.Column("drugs", sa.Text(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=24), nullable=False),
        sa.Column("signed_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("prescription_id", name=op.f("pk_prescription")),
    )
    op.create_index(op.f("ix_prescription_encounter_id"), "prescription", ["encounter_id"], unique=False)
    op.create_index(op.f("ix_prescription_sha256"), "prescription", ["sha256"], unique=False)
    op.create_index("ix_prescription_vehicle_state", "prescription", ["vehicle_id", "state"], unique=False)
    op.create_table(
        "prescription_draft",
        sa.Column("prescription_id", sa.String(length=80), nullable=False),
        sa.Column("encounter_id", sa.String(length=80), nullable=False),
        sa.Column("call_id", sa.String(length=80), nullable=False),
        sa.Column("vehicle_id", sa.String(length=80), nullable=False),
        sa.Column("doctor_id", sa.String(length=80), nullable=False),
        sa.Column("doctor_name", sa.String(length=200), nullable=False),
        sa.Column("certificate", sa.Text(), nullable=False),
        sa.Column("drugs", sa.Text(), nullable=False),
        sa.Column("pdf", sa.LargeBinary(), nullable=False),
        sa.Column("byte_range", sa.String(length=80), nullable=False),
        sa.Column("signed_attributes", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("prescription_id", name=op.f("pk_prescription_draft")),
    )
    op.create_index(op.f("ix_prescription_draft_doctor_id"), "prescription_draft", ["doctor_id"], unique=False)
    op.create_table(
        "vehicle",
        sa.Column("vehicle_id", sa.String(length=80), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("territory", sa.String(length=200), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("created_by", sa.String(length=200), nullable=False),
        sa.Column("revoked_at", Moment(), nullable=True),
        sa.Column("last_seen", Moment(), nullable=True),
        sa.Column("health", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("vehicle_id", name=op.f("pk_vehicle")),
    )
    op.create_table(
        "enrolment_code",
        sa.Column("secret_sha256", sa.String(length=64), nullable=False),
        sa.Column("vehicle_id", sa.String(length=80), nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("expires_at", Moment(), nullable=False),
        sa.Column("used_at", Moment(), nullable=True),
        sa.ForeignKeyConstraint(
            ["vehicle_id"], ["vehicle.vehicle_id"], name=op.f("fk_enrolment_code_vehicle_id_vehicle")
        ),
        sa.PrimaryKeyConstraint("secret_sha256", name=op.f("pk_enrolment_code")),
    )
    op.create_index(op.f("ix_enrolment_code_vehicle_id"), "enrolment_code", ["vehicle_id"], unique=False)
    op.create_table(
        "prescription_step",
        sa.Column("step_id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("prescription_id", sa.String(length=80), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=24), nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.Column("code", sa.String(length=80), nullable=True),
        sa.ForeignKeyConstraint(
            ["prescription_id"],
            ["prescription.prescription_id"],
            name=op.f("fk_prescription_step_prescription_id_prescription"),
        ),
        sa.PrimaryKeyConstraint("step_id", name=op.f("pk_prescription_step")),
        sa.UniqueConstraint("prescription_id", "position", name=op.f("uq_prescription_step_prescription_id")),
    )
    op.create_table(
        "session_certificate",
        sa.Column("session_id", sa.String(length=80), nullable=False),
        sa.Column("serial", sa.String(length=40), nullable=False),
        sa.Column("bound_at", Moment(), nullable=False),
        sa.ForeignKeyConstraint(
            ["serial"], ["certificate.serial"], name=op.f("fk_session_certificate_serial_certificate")
        ),
        sa.PrimaryKeyConstraint("session_id", name=op.f("pk_session_certificate")),
    )
    op.create_table(
        "signed_in",
        sa.Column("session_id", sa.String(length=80), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("account_id", sa.String(length=80), nullable=False),
        sa.Column("since", Moment(), nullable=False),
        sa.Column("ends_at", Moment(), nullable=False),
        sa.Column("ended_at", Moment(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["account.account_id"], name=op.f("fk_signed_in_account_id_account")),
        sa.PrimaryKeyConstraint("session_id", name=op.f("pk_signed_in")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_signed_in_token_hash")),
    )
    op.create_index(op.f("ix_signed_in_account_id"), "signed_in", ["account_id"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_signed_in_account_id"), table_name="signed_in")
    op.drop_table("signed_in")
    op.drop_table("session_certificate")
    op.drop_table("prescription_step")
    op.drop_index(op.f("ix_enrolment_code_vehicle_id"), table_name="enrolment_code")
    op.drop_table("enrolment_code")
    op.drop_table("vehicle")
    op.drop_index(op.f("ix_prescription_draft_doctor_id"), table_name="prescription_draft")
    op.drop_table("prescription_draft")
    op.drop_index("ix_prescription_vehicle_state", table_name="prescription")
    op.drop_index(op.f("ix_prescription_sha256"), table_name="prescription")
    op.drop_index(op.f("ix_prescription_encounter_id"), table_name="prescription")
    op.drop_table("prescription")
    op.drop_index(op.f("ix_encounter_vehicle_id"), table_name="encounter")
    op.drop_index(op.f("ix_encounter_phase"), table_name="encounter")
    op.drop_table("encounter")
    op.drop_index("ix_certificate_subject", table_name="certificate")
    op.drop_index(op.f("ix_certificate_spki_sha256"), table_name="certificate")
    op.drop_table("certificate")
    op.drop_index("uq_call_open_vehicle_id", table_name="call", sqlite_where=OPEN, postgresql_where=OPEN)
    op.drop_index("uq_call_open_encounter_id", table_name="call", sqlite_where=OPEN, postgresql_where=OPEN)
    op.drop_index("uq_call_open_doctor_id", table_name="call", sqlite_where=OPEN, postgresql_where=OPEN)
    op.drop_table("call")
    op.drop_table("audit_head")
    op.drop_table("audit")
    op.drop_table("account")
