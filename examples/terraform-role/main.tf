# A module: one AWS role for one workload, which is a Kubernetes service account of one or more clusters. The role trusts a
# Google service account, the clusters themselves, or both.
terraform {
  required_version = ">= 1.5, < 2.0"

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = ">= 6.0, < 8.0"
    }
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.81, < 7.0"
    }
  }
}

locals {
  google_service_account = one(concat(google_service_account.workload, data.google_service_account.workload))
}

resource "google_service_account" "workload" {
  count = try(var.google_service_account.create, false) ? 1 : 0

  project      = var.google_service_account.project_id
  account_id   = var.google_service_account.account_id
  display_name = "${var.namespace}/${var.service_account_name} on GKE"
}

data "google_service_account" "workload" {
  count = try(!var.google_service_account.create, false) ? 1 : 0

  project    = var.google_service_account.project_id
  account_id = var.google_service_account.account_id
}

# All clusters of a project share one workload pool. The Google service account may be in another project.
resource "google_service_account_iam_member" "workload_identity" {
  for_each = toset(try(var.google_service_account.cluster_projects, []))

  service_account_id = local.google_service_account.name
  role               = "roles/iam.workloadIdentityUser"
  member             = "serviceAccount:${each.value}.svc.id.goog[${var.namespace}/${var.service_account_name}]"
}

resource "aws_iam_role" "workload" {
  name                 = var.role_name
  assume_role_policy   = local.trust_policy
  max_session_duration = var.max_session_duration

  lifecycle {
    precondition {
      condition     = var.google_service_account != null || length(var.oidc_provider_arns) > 0
      error_message = "Set google_service_account, oidc_provider_arns, or both."
    }

    precondition {
      condition     = length(local.trust_policy) <= var.trust_policy_quota
      error_message = "The trust policy has ${length(local.trust_policy)} characters, but the quota is ${var.trust_policy_quota}. List fewer clusters in oidc_provider_arns, or let AWS raise the quota (at most 4096) and set trust_policy_quota."
    }
  }
}

resource "aws_iam_role_policy" "permissions" {
  name   = "permissions"
  role   = aws_iam_role.workload.name
  policy = var.permissions
}
