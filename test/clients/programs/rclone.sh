#!/bin/sh
# rclone puts, gets and lists one object, or lists a bucket. Arguments: ENDPOINT BUCKET [KEY].
set -eu
export RCLONE_CONFIG=/dev/null RCLONE_S3_PROVIDER=Ceph RCLONE_S3_ENV_AUTH=true RCLONE_S3_NO_CHECK_BUCKET=true
if [ -n "$1" ]; then export RCLONE_S3_ENDPOINT="$1"; fi
if [ $# = 2 ]; then exec rclone lsf ":s3:$2"; fi
printf %s "$3" | rclone rcat ":s3:$2/$3"
rclone cat ":s3:$2/$3"
echo
rclone lsf ":s3:$2" --files-only --include "$3"
