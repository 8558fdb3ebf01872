#!/bin/sh
# Retrains once: what people rated on the site → fit → gate → promote. docs/retrain.md has cron's line.
#
#   retrain.sh          both steps, where the database and the data set are within reach
#   retrain.sh export   the ratings go to RATINGS: on the site's side
#   retrain.sh train    they are read from RATINGS: on the batch side
#
# DATA      the data set's folders, or s3://bucket/folder, with spaces between
# RELEASES  where releases live: a folder or s3://bucket/folder
# RATINGS   s3://bucket/folder (or a folder) between the two steps; a new export replaces the old one.
#           Without it the export is a temporary folder, gone when training has ended
# TRAIN     what starts the job, such as "spark-submit --master spark://host:7077 --py-files
#           dist/jobs.zip spark_jobs/train.py" (default: "python -m spark_jobs.train")
# LOG       a file to which everything printed is appended; its folder is made (default: it is printed)
# LOCK      a file that only one run at a time holds (default: instance/retrain.lock)
# OPTIONS   more for the job, such as "--warm-start --ranking-iterations 4"
#
# Exit status: 0 the new release is in service; 2 input or settings are wrong; 3 the gate refused it;
# 75 another run has not ended; 1 the ratings could not be exported. But for 0 nothing has changed
# for the site.
set -eu
cd "$(dirname "$0")/../.."
[ -n "${VIRTUAL_ENV:-}" ] || PATH=$PWD/.venv/bin:$PATH  # an active environment goes first
refuse() { echo "error: $1" >&2; exit 2; }

if [ -n "${LOG:-}" ]; then
    mkdir -p "$(dirname "$LOG")" && : >>"$LOG" || refuse "LOG=$LOG cannot be written; name another file"
    exec >>"$LOG" 2>&1
fi

step=${1:-both}
case $step in both|export|train) ;; *) refuse "no such step: $step; leave it out, or say export or train" ;; esac
[ "$step" = both ] || [ -n "${RATINGS:-}" ] || refuse "RATINGS names the place between export and train"
[ "$step" = export ] || [ -n "${DATA:-}" ] || refuse "DATA names the folders of the data set"

# The lock ends with the last process that holds it, however it ends: also with a job left behind.
lock=${LOCK:-instance/retrain.lock}
mkdir -p "$(dirname "$lock")"
exec 9>"$lock"
flock -n 9 || { echo "retrain: another run has not ended; nothing was done" >&2; exit 75; }

if [ -z "${RATINGS:-}" ]; then
    RATINGS=$(mktemp -d)
    trap 'rm -rf "$RATINGS"' EXIT
    trap 'exit 143' HUP INT TERM
fi

if [ "$step" != train ]; then
    flask export-ratings "$RATINGS" || exit 1
fi

if [ "$step" != export ]; then
    set -- --ratings "$RATINGS"
    for folder in $DATA; do
        set -- "$@" --data "$folder"
    done
    status=0
    # Several words each.
    # shellcheck disable=SC2086
    ${TRAIN:-python -m spark_jobs.train} "$@" ${OPTIONS:-} || status=$?
    [ "$status" = 0 ] || echo "retrain: status $status; the release in service stays" >&2
    exit "$status"
fi
