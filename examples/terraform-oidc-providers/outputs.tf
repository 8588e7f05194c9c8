output "arns" {
  description = "The ARN of each provider, under the name of its cluster: oidc_provider_arns of terraform-role takes them."
  value       = { for name, provider in aws_iam_openid_connect_provider.cluster : name => provider.arn }
}
