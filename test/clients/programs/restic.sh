#!/bin/sh
# restic makes a backup, restores and lists it, or only makes a repository. Arguments: ENDPOINT BUCKET [KEY].
set -eu
export RESTIC_PASSWORD=password
RESTIC_REPOSITORY="s3:$1/$2/repository-$(cat /proc/sys/kernel/random/uuid)"
export RESTIC_REPOSITORY
alias restic='restic --quiet --no-cache'
restic init
if [ $# = 2 ]; then exit; fi
printf %s "$3" | restic backup --stdin --stdin-filename "$3"
restic dump latest "$3"
echo
restic ls latest | cut -c 2-
