# One Kubernetes service account, one IAM OIDC provider for its cluster, and one AWS role that trusts the account.
# The providers use what kubectl and the AWS CLI are signed in with.
terraform {
  required_version = ">= 1.5"

  # A team keeps the state in one place, such as a bucket. Each folder needs a prefix of its own:
  # backend "gcs" {
  #   bucket = "example-terraform-state"
  #   prefix = "orders"
  # }

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
  config_path    = "~/.kube/config"
  config_context = var.kube_context
}

provider "aws" {}

locals {
  # The issuer of the tokens, without https://. AWS names the provider and the conditions like this.
  issuer = "container.googleapis.com/v1/projects/${var.project_id}/locations/${var.location}/clusters/${var.cluster}"
  # The provider that is created here, or the one that exists.
  oidc_provider_arn = one(concat(
    aws_iam_openid_connect_provider.cluster[*].arn,
    data.aws_iam_openid_connect_provider.cluster[*].arn,
  ))
  # What the Kubernetes service account says, for injection alone.
  annotations = var.annotate_role_arn ? { "amazonaws.com/role-arn" = aws_iam_role.workload.arn } : null
}

resource "kubernetes_namespace_v1" "workload" {
  count = var.create_namespace ? 1 : 0

  metadata {
    name = var.namespace
  }

  # Labels and annotations that others set, such as the label for injection, stay.
  lifecycle {
    ignore_changes = [metadata[0].labels, metadata[0].annotations]
  }
}

resource "kubernetes_service_account_v1" "workload" {
  count      = var.create_service_account ? 1 : 0
  depends_on = [kubernetes_namespace_v1.workload]

  metadata {
    namespace   = var.namespace
    name        = var.ksa_name
    annotations = local.annotations
  }
}

# A service account that exists gets the annotation, and nothing else of it is changed.
resource "kubernetes_annotations" "workload" {
  count       = var.annotate_role_arn && !var.create_service_account ? 1 : 0
  api_version = "v1"
  kind        = "ServiceAccount"
  # A name of its own: a change of what others have set is a conflict, and never an overwrite.
  field_manager = "aws-role-${var.role_name}"

  metadata {
    namespace = var.namespace
    name      = var.ksa_name
  }

  annotations = local.annotations
}

# An AWS account has one provider for each cluster, which all workloads of the cluster share.
resource "aws_iam_openid_connect_provider" "cluster" {
  count          = var.create_oidc_provider ? 1 : 0
  url            = "https://${local.issuer}"
  client_id_list = [var.audience]
}

data "aws_iam_openid_connect_provider" "cluster" {
  count = var.create_oidc_provider ? 0 : 1
  url   = "https://${local.issuer}"
}

data "aws_iam_policy_document" "gke_workload_identity" {
  statement {
    effect  = "Allow"
    actions = ["sts:AssumeRoleWithWebIdentity"]

    principals {
      type        = "Federated"
      identifiers = [local.oidc_provider_arn]
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
