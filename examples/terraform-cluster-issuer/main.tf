# One Kubernetes service account, one IAM OIDC provider for its cluster, and one AWS role that trusts the account.
# The providers use what kubectl and the AWS CLI are signed in with.
terraform {
  required_version = ">= 1.5"

  required_providers {
    kubernetes = {
      source  = "hashicorp/kubernetes"
      version = ">= 2.30"
    }
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.81"
    }
  }
}

provider "kubernetes" {
  config_path = "~/.kube/config"
}

provider "aws" {}

locals {
  # The issuer of the tokens, without https://. AWS names the provider and the conditions like this.
  issuer = "container.googleapis.com/v1/projects/${var.project_id}/locations/${var.location}/clusters/${var.cluster}"
}

resource "kubernetes_namespace_v1" "workload" {
  metadata {
    name = var.namespace
  }
}

resource "kubernetes_service_account_v1" "workload" {
  metadata {
    namespace = kubernetes_namespace_v1.workload.metadata[0].name
    name      = var.ksa_name
  }
}

# One for each cluster. Where the cluster has one already, use a data source instead.
resource "aws_iam_openid_connect_provider" "cluster" {
  url            = "https://${local.issuer}"
  client_id_list = [var.audience]
}

data "aws_iam_policy_document" "gke_workload_identity" {
  statement {
    effect  = "Allow"
    actions = ["sts:AssumeRoleWithWebIdentity"]

    principals {
      type        = "Federated"
      identifiers = [aws_iam_openid_connect_provider.cluster.arn]
    }

    condition {
      test     = "StringEquals"
      variable = "${local.issuer}:aud"
      values   = [var.audience]
    }

    condition {
      test     = "StringEquals"
      variable = "${local.issuer}:sub"
      values   = ["system:serviceaccount:${var.namespace}:${var.ksa_name}"]
    }
  }
}

resource "aws_iam_role" "workload" {
  name                 = var.role_name
  assume_role_policy   = data.aws_iam_policy_document.gke_workload_identity.json
  max_session_duration = var.max_session_duration
}

data "aws_iam_policy_document" "permissions" {
  statement {
    effect    = "Allow"
    actions   = ["s3:ListAllMyBuckets"]
    resources = ["*"]
  }
}

resource "aws_iam_role_policy" "permissions" {
  name   = "permissions"
  role   = aws_iam_role.workload.name
  policy = data.aws_iam_policy_document.permissions.json
}
