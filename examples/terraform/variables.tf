variable "project_id" {
  description = "The Google Cloud project of the cluster."
  type        = string
}

variable "namespace" {
  description = "The Kubernetes namespace of the workload, which this configuration creates."
  type        = string
  default     = "orders"
}

variable "name" {
  description = "The name of the Google and the Kubernetes service account, and of the AWS role."
  type        = string
  default     = "orders"
}

variable "audience" {
  description = "The ID token's audience: the option audience of fromGkeWorkloadIdentity()."
  type        = string
  default     = "sts.amazonaws.com"
}

variable "max_session_duration" {
  description = "The longest session that the role gives, in seconds, 3600 to 43200: durationSeconds may not be longer."
  type        = number
  default     = 3600
}
