output "role_arn" {
  description = "The value of AWS_ROLE_ARN in the pod."
  value       = aws_iam_role.workload.arn
}

output "annotations" {
  description = "The annotations of the Kubernetes service account: its role, for injection, and the Google service account, if there is one, that it is linked to."
  value = merge(
    { "amazonaws.com/role-arn" = aws_iam_role.workload.arn },
    { for account in local.google_service_account[*] : "iam.gke.io/gcp-service-account" => account.email },
  )
}
