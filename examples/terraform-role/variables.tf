variable "role_name" {
  description = "The name of the AWS role."
  type        = string
}

variable "namespace" {
  description = "The Kubernetes namespace of the workload."
  type        = string
}

variable "service_account_name" {
  description = "The name of the Kubernetes service account."
  type        = string
}

variable "permissions" {
  description = "What the role may do: an IAM policy document in JSON."
  type        = string
}

variable "google_service_account" {
  description = "The Google service account that the role trusts. account_id: 6 to 30 lower-case letters, digits and hyphens. cluster_projects: the projects of the clusters. create = false: it exists, and keeps its rights on Google Cloud."
  type = object({
    project_id       = string
    account_id       = string
    cluster_projects = set(string)
    create           = optional(bool, true)
  })
  default = null
}

variable "oidc_provider_arns" {
  description = "The IAM OIDC providers of the clusters that the role trusts. A trust policy has space for two or three, with a raised quota for five to seven."
  type        = list(string)
  default     = []
}

variable "audience" {
  description = "The audience of the token: the option audience of fromGkeWorkloadIdentity()."
  type        = string
  default     = "sts.amazonaws.com"
}

variable "google_audiences" {
  description = "The audiences of the Google service account's tokens, if they are not the one audience above. List two while you migrate from one to the other."
  type        = list(string)
  default     = null
}

variable "trust_policy_quota" {
  description = "The quota of your AWS account for the characters of a trust policy."
  type        = number
  default     = 2048
}

variable "max_session_duration" {
  description = "The longest session that the role allows, in seconds, 3600 to 43200. durationSeconds must not be longer."
  type        = number
  default     = 3600
}
