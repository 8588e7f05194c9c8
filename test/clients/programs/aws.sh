#!/bin/sh
# The AWS CLI puts, gets and lists one object, or lists a bucket. Arguments: ENDPOINT BUCKET [KEY].
set -eu
if [ $# = 2 ]; then exec aws s3 ls "s3://$2" --endpoint-url "$1"; fi
printf %s "$3" | aws s3 cp - "s3://$2/$3" --endpoint-url "$1"
aws s3 cp "s3://$2/$3" - --endpoint-url "$1"
echo
aws s3api list-objects-v2 --bucket "$2" --prefix "$3" --query 'Contents[].Key' --output text --endpoint-url "$1"
