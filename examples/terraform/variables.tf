variable "project_id" {
  description = "The Google Cloud project of the cluster."
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
  description = "false: the Kubernetes service account exists, and gets the annotations."
  type        = bool
  default     = true
}

variable "gsa_name" {
  description = "The name of the Google service account: 6 to 30 lower-case letters, digits and hyphens. If it exists, its email will do too."
  type        = string
  default     = "orders"
}

variable "create_google_service_account" {
  description = "false: the Google service account exists. It keeps its rights on Google Cloud."
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
  description = "The audience of the ID token: the option audience of fromGkeWorkloadIdentity()."
  type        = string
  default     = "sts.amazonaws.com"
}

variable "max_session_duration" {
  description = "The longest session that the role allows, in seconds, 3600 to 43200. durationSeconds must not be longer."
  type        = number
  default     = 3600
}
