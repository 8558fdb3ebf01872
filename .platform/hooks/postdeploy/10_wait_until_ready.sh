#!/bin/bash
# A deployment has succeeded once the site is ready, asked through nginx: a single instance has no
# load balancer to ask, and elsewhere the first caller finds the release loaded.
set -uo pipefail

for _ in {1..60}; do
    answer=$(curl --silent --max-time 10 --fail-with-body http://127.0.0.1/ready) && exit 0
    sleep 2
done
echo "The site did not become ready: ${answer:-no answer}" >&2
exit 1
