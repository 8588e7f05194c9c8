output "role_arn" {
  description = "The value of AWS_ROLE_ARN in the pod."
  value       = aws_iam_role.workload.arn
}

output "issuer" {
  description = "The issuer of the tokens, as IAM names it."
  value       = local.issuer
}
