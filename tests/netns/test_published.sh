# shellcheck shell=bash
# SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
# Manifests as other people publish them: examples of a class that nobody gave,
# with Gateways without addresses, and what kubectl prints of a cluster.

OWN4=10.1.0.1
OWN6=fd00:1::1
SERVES='Accepted Programmed ResolvedRefs'

ready() {
  BACKENDS='b1 b2' two_armed
  start_identify b1 b2
  attach
  # shellcheck disable=SC2034 # read by checks.sh
  VIPS="$OWN4 $OWN6"
}

# example KIND: two listeners, a route for each, of a class called example; as an
# API server's users write it, with all defaults left out
example() {
  local kind=$1
  gateway gw '' "foo:$kind:8080:allowedRoutes: {kinds: [{kind: ${kind}Route}]}" "bar:$kind:8090" |
    sed 's/gatewayClassName: l4gate/gatewayClassName: example/'
  route "${kind}Route" app-1 gw/foo foo:6000 | sed 's/kind: Gateway, //; s/, weight: 1//'
  route "${kind}Route" app-2 gw/bar bar:6000 | sed 's/kind: Gateway, //; s/, weight: 1//'
}

example_services() {
  service foo "$1" 6000 "$PORT_IDENTIFY" b1
  service bar "$1" 6000 "$PORT_IDENTIFY" b2
}

# claim FILE...: as `apply`, with the class of the examples
claim() {
  local arguments=() f
  for f in "$@"; do arguments+=(-f "$f"); done
  l4 apply --gateway-class example "${arguments[@]}"
}

# Without the class the Gateway is left alone, without Services all is rejected, with
# them it is served, on the addresses of the devices.
example_is_served() {
  local kind=$1
  ready
  example "$kind" >"$WORK/example.yaml"
  expect_match 'a class that is not given' "$(apply "$WORK/example.yaml" 2>&1)" \
    'class "example" is not given: left alone \(--gateway-class example claims it\)'
  expect 'listeners' "$(l4 get listeners -o json | jq '.listeners | length')" 0
  claim "$WORK/example.yaml"
  gateway_is gw 'Accepted Programmed'
  route_is app-1 'Accepted ResolvedRefs=False/BackendNotFound'
  route_is app-2 'Accepted ResolvedRefs=False/BackendNotFound'
  rejects "${kind,,}" 8080
  rejects "${kind,,}" 8090
  example_services "$kind" >"$WORK/services.yaml"
  claim "$WORK/example.yaml" "$WORK/services.yaml"
  listener_is foo "$SERVES, 1, ${kind}Route"
  listener_is bar "$SERVES, 1, ${kind}Route"
  reaches "${kind,,}" 8080 b1
  reaches "${kind,,}" 8090 b2
}

test_basic_tcp_example() {
  example_is_served TCP
}

test_basic_udp_example() {
  example_is_served UDP
}

# What the API server and its clients add to every object.
DECORATION='  namespace: default
  annotations:
    kubectl.kubernetes.io/last-applied-configuration: |
      {"apiVersion":"v1","kind":"Any","metadata":{"annotations":{}},"spec":{"a: b":[1,{}]}}
  creationTimestamp: "2026-01-01T00:00:00Z"
  finalizers:
  - example.com/wait
  generation: 3
  managedFields:
  - apiVersion: v1
    fieldsType: FieldsV1
    fieldsV1:
      f:metadata:
        f:annotations:
          .: {}
          f:kubectl.kubernetes.io/last-applied-configuration: {}
      f:spec:
        f:ports:
          .: {}
          k:{"port":6000,"protocol":"TCP"}:
            .: {}
            f:port: {}
    manager: kubectl-client-side-apply
    operation: Update
    time: "2026-01-01T00:00:00Z"
  ownerReferences:
  - {apiVersion: v1, blockOwnerDeletion: true, controller: true, kind: Service, name: foo, uid: 1-2-3}
  resourceVersion: "184467"
  selfLink: ""
  uid: 6a1fbb0c-6f36-4ad0-8fbf-1a2b3c4d5e6f'

# A status of nobody yet, as the API server makes it.
PENDING='status:
  conditions:
  - lastTransitionTime: "1970-01-01T00:00:00Z"
    message: Waiting for controller
    reason: Pending
    status: Unknown
    type: Accepted'

# A route that another controller has looked at, and we at generation 2.
PARENTS='status:
  parents:
  - conditions:
    - {lastTransitionTime: "2026-01-01T00:00:00Z", message: "", observedGeneration: 3, reason: Accepted, status: "True", type: Accepted}
    controllerName: example.com/other
    parentRef: {group: gateway.networking.k8s.io, kind: Gateway, name: theirs}
  - conditions:
    - {lastTransitionTime: "2026-01-01T00:00:00Z", message: "", observedGeneration: 2, reason: BackendNotFound, status: "False", type: ResolvedRefs}
    controllerName: l4gate.dev/gateway-controller
    parentRef: {group: gateway.networking.k8s.io, kind: Gateway, name: gw, sectionName: foo}'

# as_kubectl_prints: one List of the documents of standard input
as_kubectl_prints() {
  DECORATION=$DECORATION PENDING=$PENDING PARENTS=$PARENTS awk '
    function indented(text) { gsub(/\n/, "\n  ", text); print "  " text }
    function finish() {
      if (kind == "Gateway") indented(ENVIRON["PENDING"])
      if (kind ~ /Route$/) indented(ENVIRON["PARENTS"])
      kind = ""
    }
    BEGIN { print "apiVersion: v1\nitems:" }
    /^---$/ { finish(); first = 1; next }
    /^kind: / { kind = $2 }
    { print (first ? "- " : "  ") $0; first = 0 }
    /^metadata:$/ { indented(ENVIRON["DECORATION"]) }
    END { finish(); print "kind: List\nmetadata:\n  resourceVersion: \"\"" }'
}

pod() {
  printf -- '---\napiVersion: v1\nkind: Pod\nmetadata:\n  name: pod\nspec:\n  containers: [{name: c, image: i}]\n'
}

kubectl_output() {
  local kind=$1 said
  ready
  {
    example "$kind"
    example_services "$kind"
    pod
  } | as_kubectl_prints >"$WORK/all.yaml"
  said=$(claim "$WORK/all.yaml" 2>&1)
  expect_no_match 'apply is content' "$said" 'warning|error'
  gateway_is gw 'Accepted Programmed'
  listener_is foo "$SERVES, 1, ${kind}Route"
  expect_json 'generations' "$(l4 get routes -o json)" \
    '[.routes[].status.parents[].conditions[].observedGeneration] | length == 4 and all(. == 3)'
  reaches "${kind,,}" 8080 b1
  reaches "${kind,,}" 8090 b2
  l4 compile --gateway-class example -f "$WORK/all.yaml" -o yaml >"$WORK/compiled.yaml" 2>/dev/null
  expect_match 'what is not ours stays' "$(<"$WORK/compiled.yaml")" 'example\.com/other'
}

test_kubectl_output_of_tcp() {
  kubectl_output TCP
}

test_kubectl_output_of_udp() {
  kubectl_output UDP
}
