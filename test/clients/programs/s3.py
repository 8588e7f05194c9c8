"""boto3's default chain puts, gets and lists one object, or lists a bucket. Arguments: ENDPOINT BUCKET [KEY]."""
import sys
import boto3

endpoint, bucket, *keys = sys.argv[1:]
s3 = boto3.client("s3", endpoint_url=endpoint or None)
for key in keys:
    s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
    print(s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode())
for item in s3.list_objects_v2(Bucket=bucket, Prefix="".join(keys)).get("Contents", []):
    print(item["Key"])
