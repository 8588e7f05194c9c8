locals {
  google_unique_ids = local.google_service_account == null ? [] : [local.google_service_account.unique_id]

  # One statement for each audience of the Google service account, and one for each cluster. `gke-aws-credentials
  # trust-policy` prints the same statements.
  trust_policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [for pair in setproduct(local.google_unique_ids, coalesce(var.google_audiences, [var.audience])) : {
        Effect    = "Allow"
        Principal = { Federated = "accounts.google.com" }
        Action    = "sts:AssumeRoleWithWebIdentity"
        Condition = {
          StringEquals = {
            "accounts.google.com:aud"  = pair[0]
            "accounts.google.com:oaud" = pair[1]
            "accounts.google.com:sub"  = pair[0]
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
