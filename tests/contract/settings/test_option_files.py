"""Elastic Beanstalk's option files: the platform knows every option, and values are as intended."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

import config
from tests.support.option_files import problems
from tests.support.site import ROOT

SHIPPED = sorted(Path(ROOT, ".ebextensions").iterdir())
OPTIONAL = sorted(Path(ROOT, "deploy").glob("*.config"))
FILES = [*SHIPPED, *OPTIONAL]
names = pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)


def content(section: str, files: list[Path] = SHIPPED) -> dict[str, Any]:
    """Return a section of all files, merged as by the platform."""
    merged: dict[str, Any] = {}
    for path in files:
        for name, value in yaml.safe_load(path.read_text()).get(section, {}).items():
            merged.setdefault(name, {}).update(value)
    return merged


@names
def test_option_files_have_no_unknown_options(path: Path) -> None:
    assert problems(path.read_text()) == []


@names
def test_option_file_starts_with_a_comment(path: Path) -> None:
    assert path.suffix == ".config"
    assert path.read_text().startswith("# ")


def test_option_is_set_in_one_file_only() -> None:
    seen = [
        (namespace, key)
        for path in SHIPPED
        for namespace, options in yaml.safe_load(path.read_text())
        .get("option_settings", {})
        .items()
        for key in options
    ]
    assert len(seen) == len(set(seen))


WRONG = {
    "an unknown namespace": (
        "option_settings: {aws:elasticbeanstalk:container:python:staticfiles: {/static: static}}",
        "no such namespace",
    ),
    "an unknown key": (
        "option_settings: {aws:autoscaling:launchconfiguration: {InstanceType: t3.micro}}",
        "InstanceType: no such key",
    ),
    "a key in other letters": (
        "option_settings: {aws:elasticbeanstalk:command: {deploymentPolicy: Immutable}}",
        "deploymentPolicy: no such key",
    ),
    "an unknown value": (
        "option_settings: {aws:elasticbeanstalk:command: {DeploymentPolicy: Blue}}",
        "'Blue' is not",
    ),
    "a number in words": ("option_settings: {aws:autoscaling:asg: {MinSize: one}}", "is not"),
    "days that are not offered": (
        "option_settings: {aws:elasticbeanstalk:cloudwatch:logs: {RetentionInDays: 31}}",
        "'31' is not",
    ),
    "a secret in the open": (
        "option_settings: {aws:elasticbeanstalk:application:environmentsecrets: {SECRET_KEY: abc}}",
        "'abc' is not arn",
    ),
    "what eb create overrides": (
        "option_settings: {aws:elasticbeanstalk:command: {BatchSize: 30}}",
        "eb create overrides it",
    ),
    "an unknown section": ("option_setings: {}", "option_setings: no such section"),
    "a command for nobody": (
        "container_commands: {10_migrate: {command: flask db upgrade, leaderonly: true}}",
        "leaderonly: no such key",
    ),
    "a command without an order": (
        "container_commands: {migrate: {command: flask db upgrade}}",
        "no number",
    ),
    "no YAML": ("option_settings: [", "not YAML"),
    "no mapping": ("- option_settings", "not a mapping"),
}


@pytest.mark.parametrize(("text", "problem"), WRONG.values(), ids=WRONG)
def test_problems_finds_what_the_platform_would_ignore(text: str, problem: str) -> None:
    assert any(problem in found for found in problems(text))


def test_environment_uses_immutable_deployments_and_a_health_check() -> None:
    options = content("option_settings")
    assert options["aws:elasticbeanstalk:command"]["DeploymentPolicy"] == "Immutable"
    process = options["aws:elasticbeanstalk:environment:process:default"]
    assert process["HealthCheckPath"] == "/ready"
    assert options["aws:elasticbeanstalk:cloudwatch:logs"]["StreamLogs"] is True
    assert options["aws:autoscaling:launchconfiguration"]["DisableIMDSv1"] is True
    updates = options["aws:elasticbeanstalk:managedactions"]
    assert updates["ManagedActionsEnabled"] is True
    assert updates["PreferredStartTime"]


def test_container_commands_install_driver_then_migrate_then_sync_catalogue() -> None:
    commands = content("container_commands")
    steps = [commands[name] for name in sorted(commands)]
    assert [step["command"].split(" && ")[-1] for step in steps] == [
        "bash .platform/install_driver.sh",
        "flask db upgrade",
        "flask sync-catalogue",
    ]
    assert [step.get("leader_only", False) for step in steps] == [False, True, True]


@pytest.mark.parametrize("namespace", ["environment", "environmentsecrets"])
def test_option_files_set_only_existing_settings(namespace: str) -> None:
    settings = {setting.name for setting in config.SETTINGS}
    given = content("option_settings", FILES)[f"aws:elasticbeanstalk:application:{namespace}"]
    assert given.keys() <= settings


@pytest.mark.parametrize(
    ("address", "file"),
    [
        ("mysql://u:p@h/d", "requirements-mysql.txt"),
        ("mariadb://u:p@h/d", "requirements-mysql.txt"),
        ("postgres://u:p@h/d", "requirements-pgsql.txt"),
        ("sqlite:////data/marquee.db", "requirements.txt"),
    ],
)
def test_requirements_file_follows_the_database_url(address: str, file: str) -> None:
    settings = config.load({"SECRET_KEY": "0123456789abcdef", "DATABASE_URL": address})
    assert config.requirements(settings) == file
    assert Path(ROOT, file).is_file()


@pytest.mark.parametrize(
    ("port", "file"), [("3306", "requirements-mysql.txt"), ("5432", "requirements-pgsql.txt")]
)
def test_requirements_file_follows_the_rds_port(port: str, file: str) -> None:
    environ = {"SECRET_KEY": "0123456789abcdef", "RDS_HOSTNAME": "db", "RDS_PORT": port}
    assert config.requirements(config.load(environ)) == file


def test_hooks_are_executable_shell_scripts() -> None:
    for script in Path(ROOT, ".platform").rglob("*.sh"):
        assert script.stat().st_mode & 0o111 == 0o111, script
        done = subprocess.run(["bash", "-n", script], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


def test_ebignore_does_not_exist() -> None:
    assert not Path(ROOT, ".ebignore").exists()  # eb would ship uncommitted files, and .git


def allowed(policy: str) -> set[tuple[str, str]]:
    """Return (action, resource) of everything that a policy allows."""
    statements = json.loads(Path(ROOT, "deploy", policy).read_text())["Statement"]
    assert all(statement["Effect"] == "Allow" for statement in statements)

    def many(value: str | list[str]) -> list[str]:
        return [value] if isinstance(value, str) else value

    return {
        (action, resource)
        for statement in statements
        for action in many(statement["Action"])
        for resource in many(statement["Resource"])
    }


def test_web_policy_allows_only_reading_releases_and_secrets() -> None:
    actions = {action for action, _ in allowed("web-policy.json")}
    assert actions == {"s3:ListBucket", "s3:GetObject", "secretsmanager:GetSecretValue"}


def test_training_policy_allows_writing_releases_and_ratings_and_no_secrets() -> None:
    grants = allowed("training-policy.json")
    written = {resource for action, resource in grants if action == "s3:PutObject"}
    assert written == {"arn:aws:s3:::BUCKET/releases/*", "arn:aws:s3:::BUCKET/ratings/*"}
    assert {action.split(":")[0] for action, _ in grants} == {"s3"}


@pytest.mark.parametrize("policy", ["web-policy.json", "training-policy.json"])
def test_policies_contain_no_wildcard_action_or_resource(policy: str) -> None:
    for action, resource in allowed(policy):
        assert "*" not in action
        assert resource != "*"
