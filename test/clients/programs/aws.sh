#!/bin/sh
# The AWS CLI puts, gets and lists one object, or lists a bucket. Arguments: ENDPOINT BUCKET [KEY].
# An empty ENDPOINT leaves it to the client's own settings; so it is for all these programs.
set -eu
endpoint=${1:+--endpoint-url=$1}
if [ $# = 2 ]; then exec aws s3 ls "s3://$2" $endpoint; fi
printf %s "$3" | aws s3 cp - "s3://$2/$3" $endpoint
aws s3 cp "s3://$2/$3" - $endpoint
echo
aws s3api list-objects-v2 --bucket "$2" --prefix "$3" --query 'Contents[].Key' --output text $endpoint
