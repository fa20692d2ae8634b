# shellcheck shell=bash
# SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
# What RoutePolicies say of new flows, with real connections.

# The client has two addresses of each IP version.
two_sources() {
  two_armed
  address cl eth0 10.1.0.3/24 fd00:1::3/64
  start_identify b1 b2
  attach
  split_manifest 50 50 0 >"$WORK/split.yaml"
}

# from ADDRESS4 ADDRESS6: what the client sends comes from there.
from() {
  ip -n cl route replace default via 10.1.0.1 src "$1"
  ip -n cl -6 route replace default via fd00:1::1 src "$2"
}

# try KIND FILTER: 20 flows of each IP version.
try() {
  local a
  for a in "$VIP4" "$VIP6"; do
    expect_json "$1 to $a" "$(split "$1" "$a" 7000 --count 20)" "$2"
  done
}

with_policy() {
  policy "$@" >"$WORK/policy.yaml"
  apply "$WORK/split.yaml" "$WORK/policy.yaml"
}

test_source_ranges() {
  local kind
  two_sources
  apply "$WORK/split.yaml"
  from 10.1.0.3 fd00:1::3
  live_start tcp "$VIP4" 7000 --count 20
  live_start udp "$VIP6" 7000 --count 20 --udp
  with_policy 'sourceRanges: {deny: [10.1.0.3/32, "fd00:1::3/128"]}'
  for kind in tcp udp; do
    try "$kind" '.refused == 20'
    from 10.1.0.2 fd00:1::2
    try "$kind" '.refused == 0 and (.answers | add) == 20'
    from 10.1.0.3 fd00:1::3
  done
  (($(reason reject_source) >= 80)) || fail "rejected by source: $(reason reject_source)"
  with_policy 'sourceRanges: {allow: [10.1.0.3/32]}'
  expect_match 'what it asks for' "$(l4 get route TCPRoute/tcp)" \
    'RoutePolicy default/policy: source ranges 1 allowed'
  expect_json 'for machines' "$(l4 get routes -o json)" \
    '.routes | all(.policy == {name: "policy", asksFor: "source ranges 1 allowed"})'
  expect_json 'compiled' "$(l4 compile -o json -f "$WORK/split.yaml" -f "$WORK/policy.yaml")" \
    '[.items[] | select(.kind == "CompiledTables") | .routes[].policy]
     | length == 2 and all(. == {name: "policy", asksFor: "source ranges 1 allowed"})'
  expect_json 'who is in allow' "$(split tcp "$VIP4" 7000 --count 20)" '.refused == 0'
  expect_json 'IPv6, of which allow has none' "$(split tcp "$VIP6" 7000 --count 20)" '.refused == 20'
  expect 'the same again' "$(apply "$WORK/split.yaml" "$WORK/policy.yaml" 2>&1)" unchanged
  for kind in tcp udp; do
    expect_json "flows from before: $kind" "$(live_stop "$kind")" \
      '.resets + .mismatches + .timeouts + .refused + (.moves // 0) == 0 and .errors == {}'
  done
}

# Far more clients than the rate lets in, for a while; the others are told at once.
test_rate_limit() {
  local said begin end
  two_sources
  with_policy 'rateLimit: {newFlowsPerSecond: 20, burst: 40}'
  begin=$(date +%s%N)
  said=$(split tcp "$VIP4" 7000 --count 400 --concurrency 4)
  end=$(date +%s%N)
  expect_json 'let in' "$said" "(.answers | add) as \$n | \$n >= 40
    and \$n <= 41 + 20 * ($end - $begin) / 1000000000 and .refused == 400 - \$n
    and .slowest_refusal_ms < 900"
  expect_json 'the other route has its own' "$(split udp "$VIP4" 7000 --count 30)" '.refused == 0'
}

# answerer KIND: who answers 20 flows of the client, if it is one only.
answerer() {
  local json
  json=$(split "$1" "$VIP4" 7000 --count 20)
  expect_json "$1: one backend" "$json" '.refused == 0 and (.answers | length) == 1'
  jq -r '.answers | keys[0]' <<<"$json"
}

test_session_affinity() {
  local kind first
  two_sources
  with_policy 'sessionAffinity: {type: ClientIP}'
  for kind in tcp udp; do
    first=$(answerer "$kind")
    # Hardly any slot is left to it, but the client is known there.
    if [[ $first == b1 ]]; then
      split_manifest 1 1000 0 >"$WORK/split.yaml"
    else
      split_manifest 1000 1 0 >"$WORK/split.yaml"
    fi
    with_policy 'sessionAffinity: {type: ClientIP}'
    expect "$kind: after a change" "$(answerer "$kind")" "$first"
    split_manifest 50 50 0 >"$WORK/split.yaml"
    with_policy 'sessionAffinity: {type: ClientIP}'
  done
  # Without the policy flows go their own ways again.
  apply "$WORK/split.yaml"
  expect_json 'both' "$(split tcp "$VIP4" 7000 --count 60)" '(.answers | length) == 2'
}

# No more connections than that at once; when one ends, the next is let in.
test_max_flows() {
  local kind
  two_sources
  with_policy 'connectionLimit: {maxFlows: 40}'
  live_start tcp "$VIP4" 7000 --count 40
  live_start udp "$VIP4" 7000 --count 40 --udp
  expect_json 'connections beyond' "$(split tcp "$VIP6" 7000 --count 20)" \
    '.refused == 20 and .slowest_refusal_ms < 900'
  expect_json 'UDP beyond' "$(split udp "$VIP6" 7000 --count 20)" '.refused == 20'
  with_policy 'connectionLimit: {maxFlows: 50}'
  expect_json 'one after the other' "$(split tcp "$VIP6" 7000 --count 20 --concurrency 1)" \
    '.refused == 0 and (.answers | add) == 20'
  expect_match 'get route' "$(l4 get route TCPRoute/tcp)" 'at most 50 flows at once'
  for kind in tcp udp; do
    no_harm "flows from before: $kind" "$(live_stop "$kind")"
  done
  expect_json 'they have ended' "$(split tcp "$VIP4" 7000 --count 20 --concurrency 1)" \
    '.refused == 0'
}
