#!/bin/bash
# New settings may name another kind of database; container commands do not run for them.
exec bash "$(dirname "$0")/../../install_driver.sh"
