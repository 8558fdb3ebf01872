"""docs/deploy.md: its commands, run one after the other against a local endpoint."""

from __future__ import annotations

import json
from itertools import groupby
from pathlib import Path

import pytest
import yaml

from tests.support.clone import Shell
from tests.support.manual_pages import Block, code_blocks
from tests.support.option_files import problems
from tests.support.site import ROOT

pytest_plugins = ["tests.support.fixtures.clone"]

BLOCKS = [block for block in code_blocks(Path(ROOT, "docs", "deploy.md")) if block.language == "sh"]
# Training has its own tests and needs Spark; the environment of the commands already exists;
# the endpoint never validates a certificate; the bundle is listed by the test that types the pages.
LEFT_OUT = ("make train", "python3 -m venv", "aws acm wait", "make bundle", "python3 -m zipfile")
# Amazon's certificates are on its own site.
LEFT_OUT += ("curl", "git add .platform/rds.pem", "eb setenv -e marquee-web DATABASE_CA")
BACK = "Back to nothing"
SECRET = "aws secretsmanager get-secret-value --secret-id marquee/database-url --query SecretString"
# What a second run of a section must not change.
KEPT = {
    "2. A database of its own": SECRET,
    "3. Secrets": SECRET,
    "5. The environment": "cat ~/.ssh/marquee.pem",
}
LOOK = """
aws s3api list-buckets --query 'Buckets[].Name' > ../buckets
aws iam get-role-policy --role-name marquee-web --policy-name marquee > ../policy
aws iam get-role-policy --role-name marquee-web --policy-name marquee-mail > ../mail-policy
aws secretsmanager get-secret-value --secret-id marquee/database-url > ../database-url
aws elasticbeanstalk describe-environments > ../environments
cp .ebextensions/secrets.config .ebextensions/https.config ..
"""


def commands(blocks: list[Block]) -> str:
    lines = "".join(block.text for block in blocks).splitlines()
    return "\n".join(line for line in lines if not line.startswith(LEFT_OUT))


def sections() -> dict[str, str]:
    """Return the commands of each section."""
    grouped = groupby(BLOCKS, lambda block: block.section)
    return {section: commands(list(blocks)) for section, blocks in grouped}


def run(shell: Shell, script: str) -> str:
    return shell.run("bash", "-exc", script).decode()


@pytest.fixture(scope="module")
def there_and_back(shell: Shell) -> Shell:
    """Run each section in a new shell; resources are inspected on the way and at the end."""
    for section, script in sections().items():
        if section == BACK:
            run(shell, LOOK)
        run(shell, script)
        if section in KEPT:
            repeat(shell, script, KEPT[section])
    return shell


def repeat(shell: Shell, script: str, look: str) -> None:
    """Type the commands of ``aws`` again; those whose resource exists may fail."""
    again = script.partition("eb init")[0]
    before = run(shell, look)
    run(shell, f"set +e\n{again}\ntrue")
    assert before
    assert run(shell, look) == before


def seen(shell: Shell, name: str) -> str:
    return (shell.folder.parent / name).read_text()


def test_deploy_page_sections_begin_with_the_variables() -> None:
    used = {section: script for section, script in sections().items() if "$" in script}
    assert len(used) > 7
    assert [name for name, script in used.items() if not script.startswith(". deploy/env.sh")] == []


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


def test_deploy_page_policy_allows_mail_from_the_domain_only(there_and_back: Shell) -> None:
    [statement] = json.loads(seen(there_and_back, "mail-policy"))["PolicyDocument"]["Statement"]
    assert statement["Action"] == ["ses:SendEmail", "ses:SendRawEmail"]
    assert statement["Resource"] == "arn:aws:ses:*:123456789012:identity/*"
    assert statement["Condition"] == {"StringLike": {"ses:FromAddress": "*@marquee.example"}}


def test_deploy_page_database_secret_names_the_database(there_and_back: Shell) -> None:
    url = json.loads(seen(there_and_back, "database-url"))["SecretString"]
    assert url.startswith("postgresql://marquee:")
    assert url.partition("@")[2].startswith("marquee.")
    assert "ADDRESS" not in url


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
    assert shell.client("ec2").describe_key_pairs()["KeyPairs"] == []
    assert shell.client("acm").list_certificates()["CertificateSummaryList"] == []
    assert shell.client("sesv2").list_email_identities()["EmailIdentities"] == []
    assert shell.client("elasticbeanstalk").describe_applications()["Applications"] == []


@pytest.mark.parametrize("section", ["3. Secrets", "6. HTTPS"])
def test_deploy_page_writes_no_empty_reference(there_and_back: Shell, section: str) -> None:
    """Nothing exists any more: the option files are neither written nor committed."""
    commit = run(there_and_back, "git rev-parse HEAD")
    script = "".join(sections()[section].rpartition(". deploy/env.sh")[1:])
    with pytest.raises(AssertionError, match="is empty"):
        run(there_and_back, f"set +e\n{script}")
    assert run(there_and_back, "git rev-parse HEAD") == commit


def test_variables_are_empty_when_nothing_exists(there_and_back: Shell) -> None:
    printed = run(there_and_back, ". deploy/env.sh").split()
    assert {"AWS_DEFAULT_REGION=eu-central-1", "ACCOUNT=123456789012"} <= set(printed)
    for name in ("GROUP", "DATABASE", "KEY_ARN", "URL_ARN", "CERTIFICATE", "DOMAIN"):
        assert f"{name}=" in printed


def test_bucket_is_created_in_us_east_1(there_and_back: Shell) -> None:
    """Only after the variables: there ``aws rds`` ignores the address of a local endpoint."""
    source, *create = sections()["1. A bucket, and the first release"].splitlines()
    look = "aws s3api get-bucket-location --bucket $BUCKET\naws s3 rb s3://$BUCKET"
    region = "export AWS_DEFAULT_REGION=us-east-1"
    printed = run(there_and_back, "\n".join([source, region, *create, look]))
    assert '"LocationConstraint": null' in printed
