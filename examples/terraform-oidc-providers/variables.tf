variable "clusters" {
  description = "The GKE clusters, each under a name of your choice. The location is a zone or a region."
  type = map(object({
    project_id = string
    location   = string
    name       = string
  }))
}

variable "audience" {
  description = "The audience of the projected tokens."
  type        = string
  default     = "sts.amazonaws.com"
}
