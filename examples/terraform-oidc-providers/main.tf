# A module: one IAM OIDC provider for each cluster, in the AWS account of the caller's provider.
terraform {
  required_version = ">= 1.5, < 2.0"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.81, < 7.0"
    }
  }
}

# All workloads of a cluster share its provider. AWS also trusts a new cluster with the same project, location and name: when
# you delete a cluster, remove it from the map.
resource "aws_iam_openid_connect_provider" "cluster" {
  for_each = var.clusters

  url            = "https://container.googleapis.com/v1/projects/${each.value.project_id}/locations/${each.value.location}/clusters/${each.value.name}"
  client_id_list = [var.audience]
}
