"""Valid options of Elastic Beanstalk, which silently ignores unknown ones."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import yaml

BOOLEAN = "true|false"
WHOLE = "[0-9]+"
ARN = "arn:aws:.+"
NAME = "[A-Za-z_][A-Za-z0-9_]*"

# Namespace → key → pattern of its values. Obsolete namespaces are left out, such as
# aws:elasticbeanstalk:container:python:staticfiles, and those that a Procfile overrides.
OPTIONS: dict[str, dict[str, str]] = {
    "aws:autoscaling:asg": {
        "Cooldown": WHOLE,
        "MaxSize": WHOLE,
        "MinSize": WHOLE,
    },
    "aws:autoscaling:launchconfiguration": {
        "DisableIMDSv1": BOOLEAN,
        "RootVolumeSize": WHOLE,
        "RootVolumeType": "gp2|gp3|io1",
    },
    "aws:autoscaling:updatepolicy:rollingupdate": {
        "RollingUpdateEnabled": BOOLEAN,
        "RollingUpdateType": "Health|Time|Immutable",
    },
    "aws:ec2:instances": {
        "InstanceTypes": r"[a-z0-9]+\.[a-z0-9]+(, ?[a-z0-9]+\.[a-z0-9]+)*",
        "SupportedArchitectures": "x86_64|arm64",
    },
    "aws:elasticbeanstalk:application:environment": {NAME: "(?s).*"},
    "aws:elasticbeanstalk:application:environmentsecrets": {NAME: ARN},
    "aws:elasticbeanstalk:cloudwatch:logs": {
        "DeleteOnTerminate": BOOLEAN,
        "RetentionInDays": "1|3|5|7|14|30|60|90|120|150|180|365|400|545|731|1827|3653",
        "StreamLogs": BOOLEAN,
    },
    "aws:elasticbeanstalk:command": {
        "DeploymentPolicy": (
            "AllAtOnce|Rolling|RollingWithAdditionalBatch|Immutable|TrafficSplitting"
        ),
        "Timeout": WHOLE,
    },
    "aws:elasticbeanstalk:environment:process:default": {
        "DeregistrationDelay": WHOLE,
        "HealthCheckInterval": WHOLE,
        "HealthCheckPath": "/.*",
        "HealthCheckTimeout": WHOLE,
        "HealthyThresholdCount": WHOLE,
        "MatcherHTTPCode": r"[0-9,-]+",
        "Port": WHOLE,
        "Protocol": "HTTP|HTTPS",
        "StickinessEnabled": BOOLEAN,
        "UnhealthyThresholdCount": WHOLE,
    },
    "aws:elasticbeanstalk:environment:proxy:staticfiles": {"/.*": "[^/].*"},
    "aws:elasticbeanstalk:managedactions": {
        "ManagedActionsEnabled": BOOLEAN,
        "PreferredStartTime": "(Mon|Tue|Wed|Thu|Fri|Sat|Sun):[0-2][0-9]:[0-5][0-9]",
        "ServiceRoleForManagedUpdates": "[A-Za-z]+",
    },
    "aws:elasticbeanstalk:managedactions:platformupdate": {
        "InstanceRefreshEnabled": BOOLEAN,
        "UpdateLevel": "patch|minor",
    },
    "aws:elasticbeanstalk:trafficsplitting": {
        "EvaluationTime": "[3-9]|[1-9][0-9]+",
        "NewVersionPercent": "[1-9][0-9]?|100",
    },
    "aws:elbv2:listener:443": {
        "ListenerEnabled": BOOLEAN,
        "Protocol": "HTTPS|TLS",
        "SSLCertificateArns": ARN,
        "SSLPolicy": "ELBSecurityPolicy-.+",
    },
}
# Options that `eb create` overrides; they are flags of the command.
OVERRIDDEN = {"IamInstanceProfile", "ServiceRole", "BatchSize", "SystemType", "LoadBalancerType"}
SECTIONS = {"option_settings", "container_commands", "Resources"}
COMMAND = {"command", "leader_only", "env", "cwd", "test", "ignoreErrors"}


def problems(text: str) -> list[str]:
    """Return what Elastic Beanstalk would ignore or reject in an option file; empty if valid."""
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        return [f"not YAML: {error}"]
    if not isinstance(content, dict):
        return ["not a mapping of sections"]
    return [
        *(f"{section}: no such section" for section in content.keys() - SECTIONS),
        *_options(content.get("option_settings", {})),
        *_commands(content.get("container_commands", {})),
    ]


def _options(settings: dict[str, dict[str, Any]]) -> Iterator[str]:
    for namespace, options in settings.items():
        for key, value in options.items():
            problem = _option(OPTIONS.get(namespace), key, value)
            if problem:
                yield f"{namespace}: {key}: {problem}"


def _option(known: dict[str, str] | None, key: str, value: Any) -> str | None:
    if known is None:
        return "no such namespace"
    if key in OVERRIDDEN:
        return "eb create overrides it; it is a flag there"
    form = next((form for name, form in known.items() if re.fullmatch(name, key)), None)
    if form is None:
        return "no such key"
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return None if re.fullmatch(form, text) else f"{text!r} is not {form}"


def _commands(commands: dict[str, dict[str, Any]]) -> Iterator[str]:
    for name, command in commands.items():
        if not re.match(r"\d\d_", name):
            yield f"{name}: no number, and commands run in the order of their names"
        if "command" not in command:
            yield f"{name}: no command"
        yield from (f"{name}: {key}: no such key" for key in command.keys() - COMMAND)
