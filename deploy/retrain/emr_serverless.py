"""Runs the training job on EMR Serverless, and waits for its end.

    python deploy/retrain/emr_serverless.py --application 00abc --role arn:aws:iam::1:role/train \
        --code s3://our-bucket/code --logs s3://our-bucket/logs -- \
        --data s3://our-bucket/data/ml-25m --ratings s3://our-bucket/ratings \
        --releases s3://our-bucket/releases

``--code`` is the folder with train.py, jobs.zip and environment.tar.gz (docs/retrain.md). What
follows ``--`` goes to the job. Exit status: 0 the new release is in service; 3 the job failed: the
gate refused the release, or an error, which the job's log in ``--logs`` says; 2 it could not start.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from typing import Any

from boto3.exceptions import Boto3Error
from boto3.session import Session
from botocore.exceptions import BotoCoreError, ClientError

POLL_SECONDS = 15.0
ENDED = {"SUCCESS", "FAILED", "CANCELLED"}
PYTHON = "./environment/bin/python"  # in the archive that each node unpacks as ./environment


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    try:
        emr = Session().client("emr-serverless")
        run = emr.start_job_run(**request(options))
        ended = _wait(emr, run["applicationId"], run["jobRunId"])
    except (Boto3Error, BotoCoreError, ClientError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"Job {ended['jobRunId']} ended as {ended['state']}: {ended['stateDetails']}")
    return 0 if ended["state"] == "SUCCESS" else 3


def request(options: argparse.Namespace) -> dict[str, Any]:
    """What ``start_job_run`` is asked."""
    settings = {
        "spark.submit.pyFiles": f"{options.code}/jobs.zip",
        "spark.archives": f"{options.code}/environment.tar.gz#environment",
        "spark.emr-serverless.driverEnv.PYSPARK_DRIVER_PYTHON": PYTHON,
        "spark.emr-serverless.driverEnv.PYSPARK_PYTHON": PYTHON,
        "spark.executorEnv.PYSPARK_PYTHON": PYTHON,
        "spark.driver.memory": options.driver_memory,
        "spark.executor.instances": str(options.executors),
        "spark.dynamicAllocation.enabled": "false",
    }
    return {
        "applicationId": options.application,
        "executionRoleArn": options.role,
        "name": "marquee-train",
        "executionTimeoutMinutes": options.minutes,
        "jobDriver": {
            "sparkSubmit": {
                "entryPoint": f"{options.code}/train.py",
                "entryPointArguments": options.job,
                "sparkSubmitParameters": " ".join(f"--conf {k}={v}" for k, v in settings.items()),
            }
        },
        "configurationOverrides": {
            "monitoringConfiguration": {"s3MonitoringConfiguration": {"logUri": options.logs}}
        },
    }


def _wait(emr: Any, application: str, run: str) -> dict[str, Any]:
    while True:
        found = emr.get_job_run(applicationId=application, jobRunId=run)["jobRun"]
        if found["state"] in ENDED:
            return dict(found)
        time.sleep(POLL_SECONDS)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Train on EMR Serverless.")
    parser.add_argument("--application", required=True, help="the application's id; Spark 3.5 does")
    parser.add_argument("--role", required=True, help="the ARN of the role the job runs as")
    parser.add_argument("--code", required=True, help="the folder in S3 with the job's three files")
    parser.add_argument("--logs", required=True, help="the folder in S3 for the job's logs")
    parser.add_argument("--executors", type=int, default=2, help="(default: %(default)s)")
    parser.add_argument("--driver-memory", default="8g", help="(default: %(default)s)")
    parser.add_argument("--minutes", type=int, default=120, help="the job is ended after them")
    parser.add_argument("job", nargs="+", help="what train.py is given, after --")
    return parser


if __name__ == "__main__":
    sys.exit(main())
