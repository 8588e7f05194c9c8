output "role_arn" {
  description = "The value of AWS_ROLE_ARN in the pod."
  value       = aws_iam_role.workload.arn
}

output "service_account_unique_id" {
  description = "The unique id that the trust policy of the role names."
  value       = local.gsa_unique_id
}
