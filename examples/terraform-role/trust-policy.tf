locals {
  google_unique_ids = local.google_service_account == null ? [] : [local.google_service_account.unique_id]

  # What `gke-aws-credentials trust-policy` prints. With a Google service account it has one statement, with clusters one for each.
  trust_policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [for id in local.google_unique_ids : {
        Effect    = "Allow"
        Principal = { Federated = "accounts.google.com" }
        Action    = "sts:AssumeRoleWithWebIdentity"
        Condition = {
          StringEquals = {
            "accounts.google.com:aud"  = id
            "accounts.google.com:oaud" = var.audience
            "accounts.google.com:sub"  = id
          }
        }
      }],
      [for arn in var.oidc_provider_arns : {
        Effect    = "Allow"
        Principal = { Federated = arn }
        Action    = "sts:AssumeRoleWithWebIdentity"
        Condition = {
          StringEquals = {
            "${split(":oidc-provider/", arn)[1]}:aud" = var.audience
            "${split(":oidc-provider/", arn)[1]}:sub" = "system:serviceaccount:${var.namespace}:${var.service_account_name}"
          }
        }
      }],
    )
  })
}
