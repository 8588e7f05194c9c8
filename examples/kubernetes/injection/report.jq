# Lists the pods whose service account has a role: which policy, in which version, has changed each pod, and what is missing.
#   kubectl get namespaces,serviceaccounts,pods,mutatingadmissionpolicies --all-namespaces --output json |
#     jq --raw-output --from-file report.jq
# It prints no values of variables. For annotations of EKS: jq --arg prefix eks.amazonaws.com/ --raw-output --from-file report.jq

($ARGS.named.prefix // "amazonaws.com/") as $prefix
| [
    "AWS_ACCESS_KEY_ID", "AWS_CONTAINER_AUTHORIZATION_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_DEFAULT_PROFILE", "AWS_PROFILE",
    "AWS_ROLE_ARN", "AWS_SECRET_ACCESS_KEY", "AWS_SHARED_CREDENTIALS_FILE", "AWS_WEB_IDENTITY_TOKEN_FILE"
  ] as $settled
| INDEX(.items[] | select(.kind == "Namespace"); .metadata.name) as $namespaces
| def hasPolicy($way): any(.items[]; .kind == "MutatingAdmissionPolicy" and (.metadata.name | contains($way)));
  hasPolicy("sidecar") as $sidecar
| hasPolicy("projected-token") as $token
| INDEX(.items[] | select(.kind == "ServiceAccount"); .metadata.namespace + "/" + .metadata.name) as $accounts

| def containers: (.spec.initContainers // []) + .spec.containers;
  def served: any(.volumeMounts[]?; .name == "gke-aws-credentials" or .name == "aws-web-identity-token");
  def own: any(.env[]?; .name | IN($settled[]));
  def optedOut: .metadata.labels["gke-aws-credentials/inject"] == "false";
  def system: .key | endswith("kubernetes.io/os");
  # The condition `linux` of the policies says the same.
  def windows:
    (.spec.os.name // "linux") != "linux"
    or any(.spec.nodeSelector // {} | to_entries[]; system and .value != "linux")
    or (
      .spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution
      | . != null and all(
          .nodeSelectorTerms[];
          any(
            .matchExpressions[]?;
            system and .values != null
            and (.operator == "In" and (any(.values[]; . == "linux") | not) or .operator == "NotIn" and any(.values[]; . == "linux"))
          )
        )
    );

  .items[]
| select(.kind == "Pod" and (.status.phase | IN("Pending", "Running")))
| .metadata.namespace as $namespace
| $accounts[$namespace + "/" + .spec.serviceAccountName].metadata.annotations as $annotations
| $annotations[$prefix + "role-arn"] as $role
| select($role)
| .metadata.labels["gke-aws-credentials/injected"] as $version
| (if $sidecar and $token then $namespaces[$namespace].metadata.labels["gke-aws-credentials/way"] == "token" else $token end)
    as $usesToken
| (if $usesToken then "aws-web-identity-token" else "gke-aws-credentials" end) as $volume
| (
    if $version then
      [
        containers[]
        | select(served | not)
        | .name + if own then " has credentials of its own" else " has none: it was added later, or it has a mount of its own" end
      ]
      | if length == 0 then "ok" else join("; ") end
    elif $role | test("^arn:[a-z][a-z0-9-]*:iam::([0-9]{12})?:role/[A-Za-z0-9_+=,.@/-]+$") | not then
      "not injected: the annotation is not the ARN of a role"
    elif $annotations[$prefix + "region"] // "" | test("^([a-z]{2,8}(-[a-z]+)+-[0-9]{1,2})?$") | not then
      "not injected: the annotation is not a region"
    elif optedOut then "not injected: the pod has opted out"
    elif $namespaces[$namespace] | optedOut then "not injected: the namespace has opted out"
    elif windows then "not injected: it is for Windows"
    elif all(.spec.containers[]; own) then "not injected: its containers have credentials of their own"
    elif any(.spec.volumes[]?; .name == $volume) then "not injected: it has a volume with the name \($volume)"
    elif .spec.hostNetwork and ($usesToken | not) then "not injected: it is on the host network, which the sidecar leaves alone"
    elif $namespaces[$namespace].metadata.labels["gke-aws-credentials/inject"] then
      "not injected: it is older than the policy, the annotation or the label: restart it"
    else "not injected: its namespace has no label, or it is older than the policy or the annotation"
    end
  ) as $remark
| [$namespace, .metadata.name, .spec.serviceAccountName, $version // "-", $remark]
| @tsv
