#!/bin/bash
# The same as after a new version.
exec bash "$(dirname "$0")/../../hooks/postdeploy/10_wait_until_ready.sh"
