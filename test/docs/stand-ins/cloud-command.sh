#!/usr/bin/env bash
# Stands in for the command line of a cloud. It writes down each call, and answers the calls whose answer a page uses.
set -euo pipefail
call="$(basename "$0") $*"
printf '%s\n' "$call" >>"$STATE/calls"
case "$call" in
  "gcloud iam service-accounts describe "*) echo "$FAKE_UNIQUE_ID" ;;
  "gcloud projects describe "* | "aws sts get-caller-identity "*) echo 123456789012 ;;
  "aws iam create-role "*) cp trust-policy.json "$STATE/trust-policy.json" ;;
  "terraform output -json annotations") printf '{"amazonaws.com/role-arn":"%s"}' "$FAKE_ROLE_ARN" ;;
  "aws iam get-role "* | "terraform output "*) echo "$FAKE_ROLE_ARN" ;;
  "terraform apply"*) cp main.tf "$STATE/" && ls terraform-*/main.tf >"$STATE/modules" ;;
  "kubectl get --raw "*) printf '{"issuer":"%s"}\n' "$ISSUER_URL" ;;
  "kubectl apply "*) node "$(dirname "$0")/run-job.mjs" ;;
  "kubectl get job "*) printf Complete ;;
  "kubectl logs "*) cat "$STATE/jobs/${call##*job/}" ;;
esac
