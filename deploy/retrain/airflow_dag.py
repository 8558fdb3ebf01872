"""An example for Airflow 3: export and train every night, one run at a time.

The worker has this repository in MARQUEE_HOME, with `.venv` in it, and the settings of the site in
its environment. A release that the gate refused shows as skipped, an error as failed.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG

HOME = os.environ.get("MARQUEE_HOME", "/srv/marquee")
REFUSED = 3
PLACES = {
    "DATA": "s3://our-bucket/data/ml-25m",
    "RATINGS": "s3://our-bucket/ratings",
    "RELEASES": "s3://our-bucket/releases",
}

with DAG(
    dag_id="marquee_retrain",
    schedule="30 3 * * *",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    default_args={"env": PLACES, "append_env": True},
):
    # A space ends each command: Airflow takes what ends in .sh for a template to load.
    export, train = (
        BashOperator(
            task_id=step,
            bash_command=f"{HOME}/deploy/retrain/retrain.sh {step} ",
            skip_on_exit_code=REFUSED,
            retries=retries,
            execution_timeout=timedelta(hours=hours),
        )
        for step, retries, hours in (("export", 2, 1), ("train", 0, 6))
    )
    export >> train
