# shellcheck shell=bash
# SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
# GatewayParameters and RoutePolicies that can't be carried out, as packets see
# them.

# policy SPEC: on both routes of split_manifest
policy() {
  cat <<YAML
---
apiVersion: l4gate.dev/v1alpha1
kind: RoutePolicy
metadata:
  name: policy
spec:
  targetRefs:
  - {group: gateway.networking.k8s.io, kind: TCPRoute, name: tcp}
  - {group: gateway.networking.k8s.io, kind: UDPRoute, name: udp}
  $1
YAML
}

answered() {
  expect_json "$1: $2" "$(split "$2" "$VIP4" 7000 --count 20)" \
    '.refused == 0 and .answers.b1 + .answers.b2 == 20'
}

# All new flows, for nobody counts them. Flows
# that are there go on.
test_refused_policy_closes_its_routes() {
  local a kind
  two_armed
  start_identify b1 b2
  attach
  split_manifest 50 50 0 >"$WORK/open.yaml"
  policy 'connectionLimit: {maxFlows: 1000}' >"$WORK/policy.yaml"
  apply "$WORK/open.yaml"
  live_start tcp "$VIP4" 7000 --count 50
  live_start udp "$VIP4" 7000 --count 20 --udp
  expect_match 'warning' "$(apply "$WORK/open.yaml" "$WORK/policy.yaml" 2>&1)" \
    'policy\.yaml:[0-9]+:[0-9]+: warning: .*connectionLimit\.maxFlows 1000 is not supported'
  for a in "$VIP4" "$VIP6"; do
    for kind in tcp udp; do
      expect_json "closed: $kind on $a" "$(split "$kind" "$a" 7000 --count 5 --concurrency 1)" \
        '.refused == 5 and .slowest_refusal_ms < 500'
    done
  done
  sleep 1
  for kind in tcp udp; do
    expect_json "flows from before: $kind" "$(live_stop "$kind")" \
      '.resets + .mismatches + .timeouts + .refused + (.moves // 0) == 0
        and .errors == {} and .exchanges > 50'
  done
  apply "$WORK/open.yaml"
  answered 'open again' tcp
  answered 'open again' udp
}

# A policy that asks for nothing new is told of, and packets don't notice.
test_policy_without_effect() {
  local before
  two_armed
  start_identify b1 b2
  attach
  split_manifest 50 50 0 >"$WORK/open.yaml"
  policy 'sessionAffinity: {type: None}' >"$WORK/policy.yaml"
  apply "$WORK/open.yaml"
  before=$(get backends; l4 status -o json | jq .generation)
  expect 'second apply' "$(apply "$WORK/open.yaml" "$WORK/policy.yaml" 2>&1)" \
    $'+ RoutePolicy/default/policy\n~ status of TCPRoute/default/tcp\n~ status of UDPRoute/default/udp'
  expect 'backends' "$(get backends; l4 status -o json | jq .generation)" "$before"
  expect_json 'conditions' "$(get routes)" \
    '.routes | all(.status.parents[0].conditions[2].reason == "PolicyAffected")'
  expect 'third apply' "$(apply "$WORK/open.yaml" "$WORK/policy.yaml" 2>&1)" unchanged
  answered 'with a policy' tcp
}

# The parameters of a Gateway that are refused take it from the node.
test_refused_parameters() {
  two_armed
  start_identify b1 b2
  attach
  PARAMETERS=p split_manifest 50 50 0 >"$WORK/gateway.yaml"
  parameters p nat >"$WORK/parameters.yaml"
  apply "$WORK/gateway.yaml" "$WORK/parameters.yaml"
  answered 'mode nat' tcp
  printf '  natAddresses: [192.0.2.9]\n' >>"$WORK/parameters.yaml"
  expect_match 'warning' "$(apply "$WORK/gateway.yaml" "$WORK/parameters.yaml" 2>&1)" \
    'parameters\.yaml:8:17: warning: .*natAddresses is not supported'
  expect_json 'conditions' "$(get gateways)" \
    '[.gateways[0].status.conditions[].reason] == ["InvalidParameters", "Invalid"]'
  expect_json 'nobody answers' "$(split tcp "$VIP4" 7000 --count 2 --timeout 1)" '.answers == {}'
}
