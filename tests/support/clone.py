"""A clone of this repository, with local AWS services and the commands for them."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3


@dataclass
class Shell:
    """Runs commands in a clone of this repository, with local AWS services."""

    folder: Path
    environ: dict[str, str]

    def run(self, *command: str) -> bytes:
        done = subprocess.run(
            command,
            cwd=self.folder,
            env={**os.environ, **self.environ},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=900,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout.decode()}{done.stderr.decode()}"
        return done.stdout

    def client(self, service: str) -> Any:
        environ = self.environ
        return boto3.client(
            service,
            endpoint_url=environ["AWS_ENDPOINT_URL"],
            region_name=environ["AWS_DEFAULT_REGION"],
            aws_access_key_id=environ["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=environ["AWS_SECRET_ACCESS_KEY"],
        )

    def shipped(self, label: str) -> bytes:
        """Return the bundle of the application version that an environment runs."""
        described = self.client("elasticbeanstalk").describe_application_versions(
            ApplicationName="marquee", VersionLabels=[label]
        )
        source = described["ApplicationVersions"][0]["SourceBundle"]
        found = self.client("s3").get_object(Bucket=source["S3Bucket"], Key=source["S3Key"])
        return found["Body"].read()

    def environment(self) -> dict[str, Any]:
        described = self.client("elasticbeanstalk").describe_environments()
        return described["Environments"][0]
