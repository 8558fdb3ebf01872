"""The part of Elastic Beanstalk that `eb init`, `create`, `deploy`, `terminate` use, on moto.

``python -m tests.support.beanstalk`` starts it in its own process (``tests/support/aws.py``).
moto implements applications and environments; this module adds the rest. Deployments succeed at
once.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import Any

from moto.core.responses import ActionResult, EmptyResult
from moto.elasticbeanstalk import urls
from moto.elasticbeanstalk.models import Application, Environment
from moto.elasticbeanstalk.responses import EBResponse
from moto.s3.models import s3_backends
from moto.server import main

BRANCH = "Python 3.12 running on 64bit Amazon Linux 2023"
PLATFORM = {
    "PlatformArn": f"arn:aws:elasticbeanstalk:eu-central-1::platform/{BRANCH}/4.6.0",
    "PlatformBranchName": BRANCH,
    "PlatformBranchLifecycleState": "Supported",
    "PlatformCategory": "Python",
    "PlatformLifecycleState": "Recommended",
    "PlatformName": BRANCH,
    "PlatformOwner": "AWSElasticBeanstalk",
    "PlatformStatus": "Ready",
    "PlatformVersion": "4.6.0",
    "SolutionStackName": "64bit Amazon Linux 2023 v4.6.0 running Python 3.12",
    "SupportedTierList": ["WebServer/Standard"],
}
BRANCHES = {
    "BranchName": BRANCH,
    "BranchOrder": 1,
    "LifecycleState": "Supported",
    "PlatformName": "Python",
    "SupportedTierList": ["WebServer/Standard"],
}
versions: dict[str, dict[str, Any]] = {}
events: list[dict[str, Any]] = []


class Beanstalk(EBResponse):
    """One response for each action of the API, named as in moto."""

    def list_platform_branches(self) -> ActionResult:
        return ActionResult({"PlatformBranchSummaryList": [BRANCHES]})

    def list_platform_versions(self) -> ActionResult:
        return ActionResult({"PlatformSummaryList": [PLATFORM]})

    def describe_platform_version(self) -> ActionResult:
        return ActionResult({"PlatformDescription": PLATFORM})

    def create_storage_location(self) -> ActionResult:
        bucket = f"elasticbeanstalk-{self.region}-{self.current_account}"
        buckets = s3_backends[self.current_account]["aws"]
        if bucket not in buckets.buckets:
            buckets.create_bucket(bucket, self.region)
        return ActionResult({"S3Bucket": bucket})

    def create_application_version(self) -> ActionResult:
        version = {
            "ApplicationName": self._get_param("ApplicationName"),
            "VersionLabel": self._get_param("VersionLabel"),
            "SourceBundle": self._get_param("SourceBundle"),
            "Status": "PROCESSED",
            "DateCreated": datetime.now(UTC),
            "DateUpdated": datetime.now(UTC),
        }
        versions[version["VersionLabel"]] = version
        return ActionResult({"ApplicationVersion": version})

    def describe_application_versions(self) -> ActionResult:
        asked = self._get_param("VersionLabels") or list(versions)
        found = [versions[label] for label in asked if label in versions]
        return ActionResult({"ApplicationVersions": found})

    def create_environment(self) -> ActionResult:
        created = super().create_environment()
        return self._deployed(created.result, "Successfully launched environment: ")

    def update_environment(self) -> ActionResult:
        environment = self._environment(self._get_param("EnvironmentName"))
        return self._deployed(environment, "Environment update completed successfully.")

    def terminate_environment(self) -> ActionResult:
        environment = self._environment(self._get_param("EnvironmentName"))
        environment.status = "Terminated"
        return self._deployed(environment, "terminateEnvironment completed successfully.")

    def swap_environment_cnam_es(self) -> ActionResult:
        environment = self._environment(self._get_param("SourceEnvironmentName"))
        self._deployed(environment, "Completed swapping CNAMEs for environments")
        return EmptyResult()

    def describe_events(self) -> ActionResult:
        return ActionResult({"Events": events[::-1]})

    def describe_environment_resources(self) -> ActionResult:
        return ActionResult({"EnvironmentResources": {}})

    def describe_configuration_settings(self) -> ActionResult:
        return ActionResult({"ConfigurationSettings": [{"OptionSettings": []}]})

    def _environment(self, name: str) -> Environment:
        applications: list[Application] = list(self.elasticbeanstalk_backend.applications.values())
        return next(a.environments[name] for a in applications if name in a.environments)

    def _deployed(self, environment: Environment, message: str) -> ActionResult:
        if self._get_param("VersionLabel"):
            environment.version_label = self._get_param("VersionLabel")
        event = {
            "ApplicationName": environment.application_name,
            "EnvironmentName": environment.environment_name,
            "EventDate": datetime.now(UTC),
            "Message": message,
            "Severity": "INFO",
        }
        events.append(event)
        return ActionResult(environment)


if __name__ == "__main__":
    urls.url_paths = dict.fromkeys(urls.url_paths, Beanstalk.dispatch)
    Environment.platform_arn = PLATFORM["PlatformArn"]
    main(sys.argv[1:])
