"""Runs a flask command on an instance, with the settings of its environment.

    python3 /var/app/current/.platform/run_flask.py set-role NAME owner

The platform prints the settings as JSON, so that their values may hold any character. It runs with
the system's Python, which may be older than the site's.
"""

import json
import os
import subprocess
import sys
from glob import glob
from pathlib import Path

COMMAND = ["sudo", "/opt/elasticbeanstalk/bin/get-config", "environment"]

printed = subprocess.run(COMMAND, stdout=subprocess.PIPE, check=True).stdout
settings = {name: str(value) for name, value in json.loads(printed).items()}
[flask] = glob("/var/app/venv/*/bin/flask")
os.chdir(Path(__file__).resolve().parents[1])
os.execve(flask, [flask, *sys.argv[1:]], {**os.environ, **settings})
