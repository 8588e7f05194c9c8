# One Google service account for one Kubernetes service account, and one AWS role that trusts it.
# The providers use what gcloud, kubectl and the AWS CLI are signed in with.
terraform {
  required_version = ">= 1.5"

  # A team keeps the state in one place, such as a bucket. Each folder needs a prefix of its own:
  # backend "gcs" {
  #   bucket = "example-terraform-state"
  #   prefix = "orders"
  # }

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = ">= 6.0"
    }
    kubernetes = {
      source  = "hashicorp/kubernetes"
      version = ">= 2.30"
    }
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.0"
    }
  }
}

provider "google" {
  project = var.project_id
}

provider "kubernetes" {
  config_path    = "~/.kube/config"
  config_context = var.kube_context
}

provider "aws" {}

locals {
  # Of the Google service account that is created here, or of the one that exists.
  gsa_name      = one(concat(google_service_account.workload[*].name, data.google_service_account.workload[*].name))
  gsa_email     = one(concat(google_service_account.workload[*].email, data.google_service_account.workload[*].email))
  gsa_unique_id = one(concat(google_service_account.workload[*].unique_id, data.google_service_account.workload[*].unique_id))

  # What the Kubernetes service account says: the account that it is linked to and, for injection, its AWS role.
  annotations = merge(
    { "iam.gke.io/gcp-service-account" = local.gsa_email },
    var.annotate_role_arn ? { "amazonaws.com/role-arn" = aws_iam_role.workload.arn } : {},
  )
}

resource "google_service_account" "workload" {
  count        = var.create_google_service_account ? 1 : 0
  account_id   = var.gsa_name
  display_name = "${var.namespace}/${var.ksa_name} on GKE"
}

data "google_service_account" "workload" {
  count      = var.create_google_service_account ? 0 : 1
  account_id = var.gsa_name
}

resource "google_service_account_iam_member" "workload_identity" {
  service_account_id = local.gsa_name
  role               = "roles/iam.workloadIdentityUser"
  member             = "serviceAccount:${var.project_id}.svc.id.goog[${var.namespace}/${var.ksa_name}]"
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

# A service account that exists gets these annotations, and nothing else of it is changed. If it is linked to another
# Google service account, apply stops with a conflict.
resource "kubernetes_annotations" "workload" {
  count       = var.create_service_account ? 0 : 1
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

data "aws_iam_policy_document" "gke_workload_identity" {
  statement {
    effect  = "Allow"
    actions = ["sts:AssumeRoleWithWebIdentity"]

    principals {
      type        = "Federated"
      identifiers = ["accounts.google.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "accounts.google.com:aud"
      values   = [local.gsa_unique_id]
    }

    condition {
      test     = "StringEquals"
      variable = "accounts.google.com:oaud"
      values   = [var.audience]
    }

    condition {
      test     = "StringEquals"
      variable = "accounts.google.com:sub"
      values   = [local.gsa_unique_id]
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
