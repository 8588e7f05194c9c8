variable "project_id" {
  description = "The Google Cloud project of the cluster."
  type        = string
}

variable "location" {
  description = "The zone or the region of the cluster."
  type        = string
}

variable "cluster" {
  description = "The name of the cluster."
  type        = string
}

variable "kube_context" {
  description = "The context of the cluster in ~/.kube/config: gke_PROJECT_LOCATION_CLUSTER after get-credentials."
  type        = string
}

variable "namespace" {
  description = "The Kubernetes namespace of the workload."
  type        = string
  default     = "orders"
}

variable "create_namespace" {
  description = "false: the namespace exists. Otherwise this configuration creates it, and destroy deletes it with all that is in it."
  type        = bool
  default     = true
}

variable "ksa_name" {
  description = "The name of the Kubernetes service account."
  type        = string
  default     = "orders"
}

variable "create_service_account" {
  description = "false: the Kubernetes service account exists."
  type        = bool
  default     = true
}

variable "create_oidc_provider" {
  description = "false: the AWS account has the IAM OIDC provider of this cluster already."
  type        = bool
  default     = true
}

variable "annotate_role_arn" {
  description = "true: the Kubernetes service account gets the annotation amazonaws.com/role-arn, which the injection policies read."
  type        = bool
  default     = false
}

variable "role_name" {
  description = "The name of the AWS role."
  type        = string
  default     = "orders"
}

variable "audience" {
  description = "The audience of the projected token: the option audience of fromGkeWorkloadIdentity()."
  type        = string
  default     = "sts.amazonaws.com"
}

variable "max_session_duration" {
  description = "The longest session that the role allows, in seconds, 3600 to 43200. durationSeconds must not be longer."
  type        = number
  default     = 3600
}
