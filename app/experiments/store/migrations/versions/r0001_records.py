"""Make the tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make all tables and indexes."""
    _create_experiments()
    _create_observations()
    _create_indexes()
    _create_probabilities()
    _create_events()


def _create_experiments() -> None:
    op.create_table(
        "experiments",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.Text, nullable=False, unique=True),
        sa.Column("definition", sa.Text, nullable=False),
        sa.Column("labels", sa.JSON, nullable=False),
        sa.Column("salt", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("created_s", sa.Double, nullable=False),
        sa.Column("verdict", sa.Text),
        sa.Column("why", sa.Text),
    )


def _create_observations() -> None:
    op.create_table(
        "observations",
        sa.Column("observation_id", sa.Text, primary_key=True),
        sa.Column("experiment_id", sa.Integer, sa.ForeignKey("experiments.id"), nullable=False),
        sa.Column("time_s", sa.Double, nullable=False),
        sa.Column("draw", sa.Double, nullable=False),
        sa.Column("control_confidence", sa.Double),
        sa.Column("control_inference_s", sa.Double),
        sa.Column("control_processor_s", sa.Double),
        sa.Column("control_label", sa.SmallInteger),
        sa.Column("control_code", sa.Text),
        sa.Column("treatment_confidence", sa.Double),
        sa.Column("treatment_inference_s", sa.Double),
        sa.Column("treatment_processor_s", sa.Double),
        sa.Column("treatment_label", sa.SmallInteger),
        sa.Column("treatment_code", sa.Text),
        sa.Column("max_difference", sa.Double),
        sa.Column("mean_difference", sa.Double),
        sa.Column("upload_s", sa.Double, nullable=False),
        sa.Column("queue_s", sa.Double, nullable=False),
        sa.Column("decode_s", sa.Double, nullable=False),
        sa.Column("total_s", sa.Double, nullable=False),
        sa.Column("brightness", sa.Double),
        sa.Column("motion", sa.Double),
        sa.Column("labeled_s", sa.Double),
        sa.Column("true_label", sa.SmallInteger),
        sa.Column("served", sa.Text, nullable=False),
        sa.Column("request_id", sa.Text, nullable=False),
        sa.Column("subject", sa.Text),
    )


def _create_indexes() -> None:
    arms = ("control_code", "control_label", "treatment_code", "treatment_label")
    for name, columns in {
        "cells": ("experiment_id", "true_label", *arms),
        "draw": ("experiment_id", "draw"),
        "difference": ("experiment_id", "max_difference"),
        "time": ("experiment_id", "time_s"),
        "request": ("request_id",),
    }.items():
        op.create_index(f"observations_{name}", "observations", columns)


def _create_probabilities() -> None:
    op.create_table(
        "probabilities",
        sa.Column("observation_id", sa.Text, primary_key=True),
        sa.Column("control", sa.LargeBinary),
        sa.Column("treatment", sa.LargeBinary),
    )


def _create_events() -> None:
    op.create_table(
        "events",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("time_s", sa.Double, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
    )
    op.create_index("events_name", "events", ["subject", "name", "id"])
