output "role_arn" {
  description = "AWS_ROLE_ARN of the pod."
  value       = aws_iam_role.workload.arn
}

output "service_account_unique_id" {
  description = "What the role's trust policy names."
  value       = google_service_account.workload.unique_id
}
