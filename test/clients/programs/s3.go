// The default chain of the AWS SDK for Go v2 puts, gets and lists one object, or lists a bucket.
// Arguments: ENDPOINT BUCKET [KEY].
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

func must[T any](value T, err error) T {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return value
}

func main() {
	ctx, endpoint, bucket, key := context.Background(), os.Args[1], &os.Args[2], strings.Join(os.Args[3:], "")
	client := s3.NewFromConfig(must(config.LoadDefaultConfig(ctx)), func(o *s3.Options) {
		if o.UsePathStyle = true; endpoint != "" {
			o.EndpointResolver = s3.EndpointResolverFromURL(endpoint)
		}
	})
	if key != "" {
		must(client.PutObject(ctx, &s3.PutObjectInput{Bucket: bucket, Key: &key, Body: strings.NewReader(key)}))
		fmt.Println(string(must(io.ReadAll(must(client.GetObject(ctx, &s3.GetObjectInput{Bucket: bucket, Key: &key})).Body))))
	}
	for _, object := range must(client.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: bucket, Prefix: &key})).Contents {
		fmt.Println(*object.Key)
	}
}
