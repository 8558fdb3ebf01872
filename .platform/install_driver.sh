#!/bin/bash
# Installs the driver of the database that the settings name, in the version this code is tested
# with. Run by .ebextensions/database.config on deployments, by confighooks when settings change.
set -euo pipefail
cd "$(dirname "$0")/.."
source /var/app/venv/*/bin/activate

requirements=$(python -c 'import config; print(config.requirements(config.load()))')
pip install --disable-pip-version-check --quiet -r "$requirements"
