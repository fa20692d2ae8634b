# shellcheck shell=bash
# SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
# GatewayParameters that can't be carried out and RoutePolicies that ask for
# nothing, as packets see them.

answered() {
  expect_json "$1: $2" "$(split "$2" "$VIP4" 7000 --count 20)" \
    '.refused == 0 and .answers.b1 + .answers.b2 == 20'
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
