import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { S3Client } from "@aws-sdk/client-s3";
import { SQSClient } from "@aws-sdk/client-sqs";
import { Entity } from "electrodb";
import { S3Driver } from "flydrive/drivers/s3";
import multerS3 from "multer-s3";
import { Consumer } from "sqs-consumer";
import { credentials, region } from "./credentials.js";

const config = { region, credentials };

export const consumer = Consumer.create({
  queueUrl: "https://sqs.eu-west-1.amazonaws.com/123456789012/orders",
  sqs: new SQSClient(config),
  handleMessage: async (message) => message,
});
export const uploads = multerS3({ s3: new S3Client(config), bucket: "uploads" });
export const drive = new S3Driver({ ...config, bucket: "uploads", visibility: "private" });
export const orders = new Entity(
  {
    model: { entity: "order", version: "1", service: "shop" },
    attributes: { id: { type: "string" } },
    indexes: { byId: { pk: { field: "pk", composite: ["id"] } } },
  },
  { client: new DynamoDBClient(config), table: "orders" },
);
