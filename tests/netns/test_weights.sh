# shellcheck shell=bash
# SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
# Weights: what share of new flows each backend gets, what share is rejected,
# and what happens to live flows when weights and backends change.
# shellcheck disable=SC2016 # $b in filters is jq's

TOLERANCE=3 # percentage points

ready() {
  two_armed
  start_identify
  attach "$@"
}

# use WEIGHTS...: see split_manifest
use() {
  split_manifest "$@" >"$WORK/split.yaml"
  apply "$WORK/split.yaml"
}

# share JSON NAME WANTED: in percent of all flows.
share() {
  jq -e --arg name "$2" --argjson want "$3" --argjson tolerance "$TOLERANCE" '
    (if $name == "refused" then .refused else .answers[$name] // 0 end)
      as $got | ($got * 100 / .count - $want) | fabs <= $tolerance
      and ($want > 0 or $got == 0)' <<<"$1" >/dev/null ||
    fail "share of $2 is not $3 % within $TOLERANCE points: $1"
}

# split_is KIND ADDRESS B1 B2 B3 REFUSED: of 500 new flows. A draw of 500 at
# 70/30 is further than 3 points off in one of seven: our tables are exact, the
# clients' ports are not, so 6000 flows stand in for a round of 500 that fails.
split_is() {
  local json kind=$1 address=$2
  json=$(split "$kind" "$address" 7000 --count 500 --concurrency 10)
  if ! (split_matches "$json" "$3" "$4" "$5" "$6") 2>/dev/null; then
    json=$(split "$kind" "$address" 7000 --count 6000 --concurrency 10)
    split_matches "$json" "$3" "$4" "$5" "$6"
  fi
  expect_json "$kind on $address" "$json" \
    '.timeouts == 0 and .resets == 0 and .closed == 0 and .errors == {}'
}

split_matches() {
  share "$1" b1 "$2"
  share "$1" b2 "$3"
  share "$1" b3 "$4"
  share "$1" refused "$5"
}

test_70_30_0_tcp() {
  ready
  use 70 30 0
  split_is tcp "$VIP4" 70 30 0 0
  split_is tcp "$VIP6" 70 30 0 0
  expect_checksums
}

test_70_30_0_udp() {
  ready
  use 70 30 0
  split_is udp "$VIP4" 70 30 0 0
  split_is udp "$VIP6" 70 30 0 0
  expect_checksums
}

test_70_30_0_tc() {
  ready --mode tc
  use 70 30 0
  split_is tcp "$VIP4" 70 30 0 0
  split_is udp "$VIP6" 70 30 0 0
}

# Half of the weight is on a Service that does not exist.
test_reject_share_tcp() {
  local json
  ready
  use 25 25 0 50
  split_is tcp "$VIP4" 25 25 0 50
  split_is tcp "$VIP6" 25 25 0 50
  json=$(split tcp "$VIP4" 7000 --count 100)
  expect_json 'refusal is quick' "$json" '.refused > 0 and .slowest_refusal_ms < 500'
  expect_checksums
}

# Port unreachables are rate-limited, by us and by kernels on the way: beyond the
# limit a rejected client sees nothing, so both count as rejected.
udp_rejects_half() {
  local json a=$1 count=$2
  json=$(split udp "$a" 7000 --count "$count" --concurrency 40 --timeout 0.5 |
    jq -c '.limited = .timeouts | .refused += .timeouts')
  expect_json "port unreachable on $a" "$json" '.refused > .limited and .slowest_refusal_ms < 500'
  split_matches "$json" 25 25 0 50
}

test_reject_share_udp() {
  local a
  ready
  use 25 25 0 50
  for a in "$VIP4" "$VIP6"; do
    (udp_rejects_half "$a" 500) 2>/dev/null || udp_rejects_half "$a" 2000
  done
  expect_checksums
}

test_reject_share_tc() {
  ready --mode tc
  use 25 25 0 50
  split_is tcp "$VIP4" 25 25 0 50
  split_is tcp "$VIP6" 25 25 0 50
  expect_json 'port unreachable' "$(split udp "$VIP4" 7000 --count 20 --timeout 1)" '.refused >= 1'
  expect_checksums
}

# Weights go to and fro under 200 live connections and 50 live UDP flows, which
# all stay where they are.
test_rule_36_weights_under_live_flows() {
  local json w
  ready
  use 50 50 0
  live_start tcp "$VIP4" 7000 --count 200
  live_start tcp6 "$VIP6" 7000 --count 50
  live_start udp "$VIP4" 7000 --count 50 --udp --size 600
  for w in '100 0 0' '0 100 0' '0 0 100' '10 10 80' '70 30 0'; do
    # shellcheck disable=SC2086 # three words
    use $w
    split tcp "$VIP4" 7000 --count 50 >"$WORK/during.json"
  done
  split_is tcp "$VIP4" 70 30 0 0
  json=$(live_stop tcp)
  no_harm 'TCP' "$json"
  expect_json 'TCP stays' "$json" '.by_backend == .last_backend and (.by_backend | add) == 200
    and .by_backend.b1 > 50 and .by_backend.b2 > 50 and .exchanges > 400'
  no_harm 'TCP over IPv6' "$(live_stop tcp6)"
  json=$(live_stop udp)
  no_harm 'UDP' "$json"
  expect_json 'UDP stays' "$json" '.moves == 0 and .exchanges > 100'
  expect_checksums
}

# b1 goes: its TCP connections get a RST, its UDP flows move, b2's go on.
test_backend_removed() {
  local json
  ready
  use 50 50 0
  live_start tcp "$VIP4" 7000 --count 100
  live_start udp "$VIP4" 7000 --count 50 --udp --size 600
  use '' 50 0
  sleep 1.5
  json=$(live_stop tcp)
  expect_json 'connections to b1 are reset, those to b2 live on' "$json" \
    '.by_backend as $b | .resets == $b.b1 and .resets_by_backend == {b1: $b.b1}
      and .last_backend == {b2: $b.b2} and .timeouts + .mismatches == 0 and .errors == {}'
  json=$(live_stop udp)
  expect_json 'UDP flows of b1 move to b2' "$json" \
    '.by_backend as $b | .moves == $b.b1 and .last_backend == {b2: 50} and .mismatches == 0'
}

# A backend is the same wherever its backendRef stands.
test_refs_reordered() {
  local order
  ready
  for order in 'one:7000 two:7000' 'two:7000 one:7000' 'three:7000:0 two:7000 one:7000'; do
    # shellcheck disable=SC2086 # words
    {
      gateway_class
      gateway gw "$VIP4" tcp:TCP:7000
      route TCPRoute tcp gw/tcp $order
      service one TCP 7000 "$PORT_IDENTIFY" b1
      service two TCP 7000 "$PORT_IDENTIFY" b2
      service three TCP 7000 "$PORT_IDENTIFY" b3
    } >"$WORK/order.yaml"
    apply "$WORK/order.yaml"
    [[ -e $WORK/live-tcp.ready ]] || live_start tcp "$VIP4" 7000 --count 60
    split tcp "$VIP4" 7000 --count 20 >"$WORK/during.json"
  done
  sleep 1
  no_harm 'connections while refs are reordered' "$(live_stop tcp)"
}

# An endpoint alone goes, the Service and its backendRef stay.
test_endpoint_removed() {
  local json
  ready
  two_endpoints b1 b2
  live_start tcp "$VIP4" 7000 --count 60
  two_endpoints b2
  split_is_all_b2
  sleep 1.5
  json=$(live_stop tcp)
  expect_json 'only connections to b1 are reset' "$json" \
    '.resets_by_backend == {b1: .by_backend.b1} and .last_backend == {b2: .by_backend.b2}'
}

two_endpoints() {
  {
    gateway_class
    gateway gw "$VIP4" tcp:TCP:7000
    route TCPRoute tcp gw/tcp tcp:7000
    service tcp TCP 7000 "$PORT_IDENTIFY" "$@"
  } >"$WORK/endpoints.yaml"
  apply "$WORK/endpoints.yaml"
}

split_is_all_b2() {
  expect_json 'all to b2' "$(split tcp "$VIP4" 7000 --count 50)" '.answers == {b2: 50}'
}
