"""docs/deploy.md: its commands, run one after the other against a local endpoint."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from tests.support.clone import Shell
from tests.support.option_files import problems
from tests.support.site import ROOT

pytest_plugins = ["tests.support.fixtures.clone"]

PAGE = Path(ROOT, "docs", "deploy.md").read_text()
# Training has its own tests and needs Spark; the environment of the commands already exists.
LEFT_OUT = ("make train", "python3 -m venv")
BACK = PAGE.index("## Back to nothing")


def commands(text: str) -> str:
    blocks = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    lines = "".join(blocks).splitlines()
    return "\n".join(line for line in lines if not line.startswith(LEFT_OUT))


@pytest.fixture(scope="module")
def there_and_back(shell: Shell) -> Shell:
    """Run the whole page; its resources are inspected on the way and at the end."""
    looked = """
    aws s3api list-buckets --query 'Buckets[].Name' > ../buckets
    aws iam get-role-policy --role-name marquee-web --policy-name marquee > ../policy
    aws elasticbeanstalk describe-environments > ../environments
    cp .ebextensions/secrets.config .ebextensions/https.config ..
    """
    script = f"set -e\n{commands(PAGE[:BACK])}\n{looked}\n{commands(PAGE[BACK:])}"
    shell.run("bash", "-xc", script)
    return shell


def seen(shell: Shell, name: str) -> str:
    return (shell.folder.parent / name).read_text()


def test_deploy_page_commands_succeed(there_and_back: Shell) -> None:
    for name in ("marquee-web", "marquee-trial", "marquee-green"):
        assert name in seen(there_and_back, "environments")


def test_deploy_page_policy_names_the_bucket_and_the_secrets_of_the_account(
    there_and_back: Shell,
) -> None:
    policy = seen(there_and_back, "policy")
    assert "arn:aws:s3:::marquee-123456789012/releases/*" in policy
    assert "secretsmanager:*:123456789012:secret:marquee/*" in policy
    assert "BUCKET" not in policy


@pytest.mark.parametrize("name", ["secrets.config", "https.config"])
def test_deploy_page_option_files_are_valid_and_contain_no_secret(
    there_and_back: Shell, name: str
) -> None:
    text = seen(there_and_back, name)
    assert problems(text) == []
    assert "ACCOUNT" not in str(yaml.safe_load(text))
    assert "postgresql://" not in text


def test_deploy_page_commands_remove_every_resource(there_and_back: Shell) -> None:
    shell = there_and_back
    assert "marquee-123456789012" in seen(shell, "buckets")
    buckets = [bucket["Name"] for bucket in shell.client("s3").list_buckets()["Buckets"]]
    assert [name for name in buckets if not name.startswith("elasticbeanstalk-")] == []
    assert shell.client("rds").describe_db_instances()["DBInstances"] == []
    assert shell.client("secretsmanager").list_secrets()["SecretList"] == []
    roles = [role["RoleName"] for role in shell.client("iam").list_roles()["Roles"]]
    assert "marquee-web" not in roles
    groups = shell.client("ec2").describe_security_groups()["SecurityGroups"]
    assert "marquee-db" not in [group["GroupName"] for group in groups]
    assert shell.client("elasticbeanstalk").describe_applications()["Applications"] == []
