# shellcheck shell=bash
# SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
# Rules of the Gateway API that no conformance test sends packets to: what the
# statuses say, and where packets go, of TCP and of UDP.
# shellcheck disable=SC2016 # $tables in a filter is jq's

SERVES='Accepted Programmed ResolvedRefs'

# ready BACKEND...
ready() {
  BACKENDS=$* two_armed
  start_identify "$@"
  attach
}

# both CHECK ARGUMENT...: for tcp and udp, which is the check's first argument, and
# the name of a listener and of its route
both() {
  local check=$1
  shift
  "$check" tcp "$@"
  "$check" udp "$@"
}

# front LISTENER...: a Gateway with them, and with TCP and UDP on port 7000
front() {
  gateway_class
  gateway gw "$VIPS" tcp:TCP:7000 udp:UDP:7000 "$@"
}

# routes REF...: of both listeners
routes() {
  route TCPRoute tcp gw/tcp "$@"
  route UDPRoute udp gw/udp "$@"
}

# echoes BACKEND...: a Service named after each, port 7000 of TCP and UDP
echoes() {
  local b
  for b in "$@"; do
    service "$b" TCP,UDP 7000 "$PORT_IDENTIFY" "$b"
  done
}

# slices SERVICE NAME PORT CONDITIONS BACKEND...: of both families; of more than
# one EndpointSlice a family, each has a name of its own
slices() {
  local service=$1 name=$2 port=$3 conditions=$4 four=() six=() b
  shift 4
  for b in "$@"; do
    four+=("${ADDRESS4[$b]}${conditions:+ $conditions}")
    six+=("${ADDRESS6[$b]}${conditions:+ $conditions}")
  done
  SLICE=$name-4 slice "$service" TCP,UDP "$port" IPv4 "${four[@]}"
  SLICE=$name-6 slice "$service" TCP,UDP "$port" IPv6 "${six[@]}"
}

# ---------------------------------------------------------------- rejection

# Whatever is wrong with a ref, its share of the flows is rejected, and nobody
# else gets it.
test_rule_37_share_of_invalid_refs() {
  ready b1
  {
    front
    routes b1:7000:20 missing:7000:30 web/b1:7000:20 empty:7000:20 b1:7001:10
    echoes b1
    service empty TCP,UDP 7000 "$PORT_IDENTIFY"
    within web echoes b1
  } | apply_stdin
  both route_is 'Accepted ResolvedRefs=False/BackendNotFound'
  both route_says '80 % of new flows are rejected'
  shares tcp 7000 2000 '{b1: 20, refused: 80}'
  # Few enough for the limit of port unreachables.
  shares udp 7000 500 '{b1: 20, refused: 80}'
  expect_checksums
}

test_rule_34_all_weights_zero() {
  ready b1
  {
    front
    routes b1:7000:0 missing:7000:0
    echoes b1
  } | apply_stdin
  both route_is 'Accepted ResolvedRefs=False/BackendNotFound'
  both route_says 'all weights are 0: every new flow is rejected'
  both rejects 7000
}

test_rule_39_listener_without_route() {
  ready b1
  front | apply_stdin
  gateway_is gw 'Accepted Programmed'
  listener_is tcp "$SERVES, 0, TCPRoute"
  listener_is udp "$SERVES, 0, UDPRoute"
  both rejects 7000
  both ignores 7001
}

# No listener of that name, none with that port, and one of that name with another
# port. What the routes refer to is looked at all the same.
test_rule_08_no_matching_parent() {
  local said
  ready b1
  {
    front other:TCP:7001
    route TCPRoute by-section gw/nosuch b1:7000
    route TCPRoute by-port gw:7002 b1:7000
    route TCPRoute by-both gw/tcp:7001 missing:7000
    route UDPRoute udp gw/tcp b1:7000
    route TCPRoute elsewhere nosuch b1:7000
    echoes b1
  } >"$WORK/stray.yaml"
  said=$(apply "$WORK/stray.yaml" 2>&1)
  expect_match 'a Gateway that is not there' "$said" 'TCPRoute default/elsewhere: Gateway .*nosuch is not given'
  route_is by-section 'Accepted=False/NoMatchingParent ResolvedRefs'
  route_is by-port 'Accepted=False/NoMatchingParent ResolvedRefs'
  route_is by-both 'Accepted=False/NoMatchingParent ResolvedRefs=False/BackendNotFound'
  route_is udp 'Accepted=False/NotAllowedByListeners ResolvedRefs'
  route_is elsewhere ''
  listener_is tcp "$SERVES, 0, TCPRoute"
  listener_is other "$SERVES, 0, TCPRoute"
  both rejects 7000
  rejects tcp 7001
}

# ---------------------------------------------------------------- weights

# Seventy on one endpoint and thirty on ten are seventy and thirty.
test_rule_43_shares_by_ref_not_by_endpoints() {
  local i four=() six=() bind=()
  ready b1 b2
  for i in 1 2 3 4 5 6 7 8 9 10; do
    four+=("10.2.0.$((100 + i))") six+=("fd00:2::10$i")
    address b2 eth0 "${four[-1]}/24" "${six[-1]}/64"
    bind+=(--bind "${four[-1]}" --bind "${six[-1]}")
  done
  serve b2 "$PYTHON" "$TOOLS/identify.py" ten --tcp 9001 --udp 9001 "${bind[@]}"
  wait_for 10 'ten endpoints' listening b2 udp "[${six[-1]}]" 9001
  {
    front
    routes b1:7000:70 ten:7000:30
    echoes b1
    service ten TCP,UDP 7000 9001
    slice ten TCP,UDP 9001 IPv4 "${four[@]}"
    slice ten TCP,UDP 9001 IPv6 "${six[@]}"
  } | apply_stdin
  both shares 7000 3000 '{b1: 70, ten: 30, refused: 0}'
  # Each of the ten has 3 % of 3000 to expect, five standard deviations are 47.
  expect_json 'new flows of each of ten' "$(l4 get backends -o json)" \
    '[.backends[].backends[] | select(.ref == 1) | .stats.flows]
      | length == 40 and min > 43 and max < 137'
}

# Each listener's own weights, though the endpoints are the same.
test_rule_34_listeners_that_share_backends() {
  local kind
  ready b1 b2
  {
    front tcp-too:TCP:7001 udp-too:UDP:7001
    routes b1:7000:90 b2:7000:10
    for kind in TCP UDP; do
      route "${kind}Route" too "gw/${kind,,}-too" b1:7000:10 b2:7000:90
    done
    echoes b1 b2
  } | apply_stdin
  both shares 7000 1000 '{b1: 90, b2: 10, refused: 0}'
  both shares 7001 1000 '{b1: 10, b2: 90, refused: 0}'
}

# 1 beside a million has a slot, and flows find it. With two endpoints there is one
# slot for both, and apply says which ref that is.
test_rule_34_weights_far_apart() {
  local a json seen=0 said
  ready b1 b2 b3
  {
    front
    routes b1:7000:1000000 b2:7000:1
    echoes b1 b2
  } | apply_stdin
  both route_is 'Accepted ResolvedRefs'
  expect_json 'slots' "$(l4 compile -f "$WORK/stdin.yaml" -o json)" \
    '[.items[] | select(.kind == "CompiledTables") | .routes[] | .tables as $tables
      | .backendRefs[] | select(.name == "b2") | .slots | to_entries[]
      | .value >= 1 and .value / $tables[.key].slots < 0.001] | length == 4 and all'
  # Of 1021 slots one: of 18000 flows 17.6, five standard deviations are 21.
  for a in $VIPS; do
    json=$(split udp "$a" 7000 --count 9000)
    expect_json "UDP to $a" "$json" '(.answers | add) == 9000'
    seen=$((seen + $(jq '.answers.b2 // 0' <<<"$json")))
  done
  ((seen >= 1 && seen <= 39)) || fail "$seen of 18000 flows for the weight of 1"
  {
    front
    routes b1:7000:1000000 two:7000:1
    echoes b1
    service two TCP,UDP 7000 "$PORT_IDENTIFY" b2 b3
  } >"$WORK/two.yaml"
  said=$(apply "$WORK/two.yaml" 2>&1)
  expect_match 'an endpoint without a slot' "$said" \
    'TCPRoute default/tcp: 1 of 2 endpoints of Service default/two get no traffic'
}

# ---------------------------------------------------------------- precedence

# older_and_newer ROUTE...: those of the two that are there
older_and_newer() {
  {
    front
    [[ $* != *older* ]] || created 00:00:01Z both_routes older b1:7000
    [[ $* != *newer* ]] || created 00:00:02Z both_routes newer b2:7000
    echoes b1 b2
  } | apply_stdin
}

both_routes() {
  route TCPRoute "$1" gw/tcp "$2"
  route UDPRoute "$1" gw/udp "$2"
}

# The route that served is deleted under traffic: the next one serves at once. A
# connection that was being opened may be reset; no SYN and no datagram is lost.
test_rule_14_next_route_takes_over() {
  local kind running=() json
  ready b1 b2
  older_and_newer older newer
  listener_is tcp "$SERVES, 2, TCPRoute"
  both reaches 7000 b1
  for kind in tcp udp; do
    split "$kind" "$VIP6" 7000 --count 200 --concurrency 4 --until "$WORK/enough" \
      >"$WORK/$kind.json" &
    running+=($!)
  done
  wait_for 5 'flows' under_way
  older_and_newer newer
  touch "$WORK/enough"
  both reaches 7000 b2
  wait "${running[@]}"
  for kind in tcp udp; do
    json=$(<"$WORK/$kind.json")
    expect_json "$kind meanwhile" "$json" '.answers.b1 > 0 and .answers.b2 > 0
      and (.answers | add) + .resets == .count and .resets <= 4'
  done
  expect_json 'UDP' "$json" '.resets == 0'
  listener_is tcp "$SERVES, 1, TCPRoute"
  listener_is udp "$SERVES, 1, UDPRoute"
  older_and_newer older newer
  both reaches 7000 b1
}

# Past those of `reaches`.
under_way() {
  (($(<"$WORK/ports-tcp") > 10100 && $(<"$WORK/ports-udp") > 10100))
}

# TCP and HTTP on one port of a Gateway: neither has it, though HTTP is not served
# here. UDP on that port, and TCP on another, go on.
test_rule_17_conflicting_listeners() {
  ready b1
  conflict_manifest | apply_stdin
  both reaches 7000 b1
  reaches tcp 7001 b1
  conflict_manifest web:HTTP:7000 | apply_stdin
  gateway_is gw 'Accepted=True/ListenersNotValid Programmed'
  listener_is tcp "Accepted=False/ProtocolConflict Programmed=False/ProtocolConflict \
ResolvedRefs Conflicted=True/ProtocolConflict, 1, TCPRoute"
  listener_is other "$SERVES, 1, TCPRoute"
  # Not ours any more; but it had flows, whose clients are told.
  rejects tcp 7000
  reaches tcp 7001 b1
  reaches udp 7000 b1
  conflict_manifest | apply_stdin
  both reaches 7000 b1
}

conflict_manifest() {
  front other:TCP:7001 "$@"
  routes b1:7000
  route TCPRoute other gw/other b1:7000
  echoes b1
}

# Two Gateways with one address: the older one has the port.
test_rule_21_gateways_on_one_address() {
  ready b1 b2
  two_gateways first second | apply_stdin
  reaches tcp 7000 b1
  reaches tcp 7002 b2
  gateway_is second 'Accepted=True/ListenersNotValid Programmed'
  listener_is tcp-second "Accepted=False/ProtocolConflict Programmed=False/ProtocolConflict \
ResolvedRefs Conflicted=True/ProtocolConflict, 1, TCPRoute"
  two_gateways second | apply_stdin
  reaches tcp 7000 b2
  ignores tcp 7001
  listener_is tcp-second "$SERVES, 1, TCPRoute"
}

two_gateways() {
  local g
  local -A time=([first]=00:00:01Z [second]=00:00:02Z) own=([first]=7001 [second]=7002)
  local -A backend=([first]=b1 [second]=b2)
  gateway_class
  for g in "$@"; do
    created "${time[$g]}" gateway "$g" "$VIPS" "tcp-$g:TCP:7000" "own-$g:TCP:${own[$g]}"
    route TCPRoute "$g" "$g" "${backend[$g]}:7000"
  done
  echoes b1 b2
}

# As DNS has it: each protocol has a route, and a backend, of its own.
test_rule_16_tcp_and_udp_on_one_port() {
  local a
  BACKENDS='b1 b2' two_armed
  start_dns b1 b2
  attach
  {
    gateway_class
    gateway gw "$VIPS" dns:UDP:53 dns-tcp:TCP:53
    route UDPRoute dns gw b1:53
    route TCPRoute dns-tcp gw b2:53
    service b1 TCP,UDP 53 "$PORT_DNS" b1
    service b2 TCP,UDP 53 "$PORT_DNS" b2
  } | apply_stdin
  listener_is dns "$SERVES, 1, UDPRoute"
  listener_is dns-tcp "$SERVES, 1, TCPRoute"
  reaches dns 53 b1
  for a in $VIPS; do
    expect "UDP to $a" "$(at cl dig +short +time=2 +tries=1 "@$a" id.test TXT)" '"b1"'
    expect "TCP to $a" "$(at cl dig +short +tcp +time=2 +tries=1 "@$a" id.test TXT)" '"b2"'
  done
}

# ---------------------------------------------------------------- namespaces

# selector LABEL: namespaces that have it
selector() {
  printf 'allowedRoutes: {namespaces: {from: Selector, selector: {matchLabels: {%s}}}}' "$1"
}

namespace() {
  printf -- '---\napiVersion: v1\nkind: Namespace\nmetadata: {name: %s, labels: {%s}}\n' "$@"
}

# A namespace has its name for a label, whether or not it is given.
test_rule_10_allowed_routes() {
  ready b1 b2 b3
  {
    gateway_class
    within infra gateway gw "$VIPS" same:TCP:7000 \
      'all:TCP:7001:allowedRoutes: {namespaces: {from: All}}' \
      "by-name:TCP:7002:$(selector 'kubernetes.io/metadata.name: team')" \
      "by-label:TCP:7003:$(selector 'tier: front')"
    within infra route TCPRoute own gw/same b1:7000
    PARENT_NAMESPACE=infra within team route TCPRoute team gw b2:7000
    PARENT_NAMESPACE=infra within shop route TCPRoute shop gw/by-label b3:7000
    PARENT_NAMESPACE=infra within shop route TCPRoute intruder gw/by-name b3:7000
    namespace shop 'tier: front'
    namespace other 'tier: back'
    PARENT_NAMESPACE=infra within other route TCPRoute other gw/by-label b3:7000
    within infra echoes b1
    within team echoes b2
    within shop echoes b3
    within other echoes b3
  } | apply_stdin
  route_is own 'Accepted ResolvedRefs'
  route_is team 'Accepted ResolvedRefs'
  route_is shop 'Accepted ResolvedRefs'
  route_is intruder 'Accepted=False/NotAllowedByListeners ResolvedRefs'
  route_is other 'Accepted=False/NotAllowedByListeners ResolvedRefs'
  for name in same all by-name by-label; do listener_is "$name" "$SERVES, 1, TCPRoute"; done
  reaches tcp 7000 b1
  reaches tcp 7001 b2
  reaches tcp 7002 b2
  reaches tcp 7003 b3
}

# ---------------------------------------------------------------- endpoints

# Headless, and without a selector: slices alone count. A family whose slice is
# empty is rejected, the other served.
test_rule_42_service_types() {
  ready b1 b2
  {
    front manual:TCP:7001
    routes headless:7000
    route TCPRoute manual gw/manual manual:7000
    SERVICE_SPEC='clusterIP: None' service headless TCP,UDP 7000 "$PORT_IDENTIFY" b1
    SERVICE_SPEC='clusterIP: 10.96.0.10' FAMILIES=4 service manual TCP 7000 "$PORT_IDENTIFY" b2
    slice manual TCP "$PORT_IDENTIFY" IPv6
  } | apply_stdin
  both route_is 'Accepted ResolvedRefs'
  route_is manual 'Accepted ResolvedRefs'
  both reaches 7000 b1
  expect_json 'IPv4' "$(split tcp "$VIP4" 7001 --count 20)" '.answers == {b2: 20}'
  expect_json 'IPv6' "$(split tcp "$VIP6" 7001 --count 20)" '.refused == 20'
}

# A port of one name has another number in each slice; where there is none of that
# name, or no number, there is no endpoint.
test_rule_41_port_numbers_of_slices() {
  ready b1 b2 b3
  PORT_IDENTIFY=9002 start_identify b2
  {
    front
    routes web:7000
    service web TCP,UDP 7000 named
    slices web one "$PORT_IDENTIFY" '' b1
    slices web two 9002 '' b2
    slices web three "$PORT_IDENTIFY" '' b3 | sed 's/name: \(tcp\|udp\)/&-old/'
    slices web four null '' b3
  } | apply_stdin
  both shares 7000 1000 '{b1: 50, b2: 50, refused: 0}'
}

# conditions B1 B2 B3: of the endpoints of a Service
conditions() {
  {
    front
    routes web:7000
    service web TCP,UDP 7000 "$PORT_IDENTIFY"
    slices web one "$PORT_IDENTIFY" "$1" b1
    slices web two "$PORT_IDENTIFY" "$2" b2
    slices web three "$PORT_IDENTIFY" "$3" b3
  } | apply_stdin
  both route_is 'Accepted ResolvedRefs'
}

# Ready ones get new flows; if there are none, those that terminate and still
# serve. Flows stay where they are as long as the endpoint serves.
test_rule_40_endpoint_conditions() {
  local kind
  ready b1 b2 b3
  conditions '' "$UNREADY" "$TERMINATING"
  both reaches 7000 b1
  live_start tcp "$VIP4" 7000 --count 20 --interval 0.05
  live_start udp "$VIP6" 7000 --count 20 --interval 0.05 --udp
  conditions "$TERMINATING" "$UNREADY" "$TERMINATING"
  both shares 7000 600 '{b1: 50, b3: 50, refused: 0}'
  conditions "$TERMINATING" 'ready: true' "$TERMINATING"
  both reaches 7000 b2
  for kind in tcp udp; do
    expect_json "flows to one that terminates: $kind" "$(live_stop "$kind")" \
      '.by_backend == {b1: 20} and .last_backend == {b1: 20} and .errors == {}
        and .resets + .refused + .timeouts + .mismatches + .moves == 0'
  done
  conditions "$UNREADY" "$UNREADY" "$GONE"
  both route_says 'without ready endpoints: default/web:7000'
  both rejects 7000
}

UNREADY='ready: false, serving: true'
TERMINATING='ready: false, serving: true, terminating: true'
GONE='ready: false, serving: false, terminating: true'

# One that no longer serves has no flows, either.
test_rule_40_endpoint_that_stops_serving() {
  local json
  ready b1 b2 b3
  conditions '' "$GONE" "$GONE"
  live_start tcp "$VIP6" 7000 --count 20 --interval 0.05
  live_start udp "$VIP4" 7000 --count 20 --interval 0.05 --udp
  conditions "$GONE" '' "$GONE"
  both reaches 7000 b2
  sleep 0.3
  expect_json 'connections' "$(live_stop tcp)" '.resets == 20 and .last_backend == {}'
  json=$(live_stop udp)
  expect_json 'UDP flows' "$json" '.moves == 20 and .last_backend == {b2: 20} and .errors == {}'
}

# Its slices say where it could be reached; it is not.
test_rule_32_external_name_is_never_dialled() {
  ready b1 b2
  {
    front
    routes external:7000 b2:7000
    SERVICE_SPEC=$'type: ExternalName\n  externalName: b1.test' \
      service external TCP,UDP 7000 "$PORT_IDENTIFY" b1
    echoes b2
  } | apply_stdin
  both route_is 'Accepted ResolvedRefs=False/UnsupportedValue'
  both route_says 'of type ExternalName, .*\(50 % of new flows are rejected'
  shares tcp 7000 1000 '{b1: 0, b2: 50, refused: 50}'
  shares udp 7000 500 '{b1: 0, b2: 50, refused: 50}'
}

# An endpoint that is in two slices is one; a Service that is in two refs has the
# weight of both.
test_rule_45_endpoints_count_once() {
  ready b1 b2 b3
  {
    front
    routes web:7000:30 web:7000:50 b3:7000:20
    service web TCP,UDP 7000 "$PORT_IDENTIFY"
    slices web one "$PORT_IDENTIFY" '' b1
    slices web two "$PORT_IDENTIFY" '' b1 b2
    echoes b3
  } | apply_stdin
  both shares 7000 2000 '{b1: 40, b2: 40, b3: 20, refused: 0}'
}
