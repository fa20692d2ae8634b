# shellcheck shell=bash
# SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
# The situations of the Gateway API's conformance tests for TCPRoute and UDPRoute,
# each under the name of its test, with manifests of our own: what the statuses
# say, and where packets go. $kind is TCP or UDP.

SERVES='Accepted Programmed ResolvedRefs'

# ready BACKEND...
ready() {
  BACKENDS=$* two_armed
  start_identify "$@"
  attach
}

# only KIND: a listener for that kind of route alone
only() {
  printf 'allowedRoutes: {kinds: [{kind: %sRoute}]}' "$1"
}

# echoes BACKEND...: a Service named after each, in front of tools/identify.py
echoes() {
  local b
  for b in "$@"; do
    service "$b" "$kind" 3000 "$PORT_IDENTIFY" "$b"
  done
}

# ------------------------------------------------- InvalidBackendRefNonexistent

invalid_backend_ref_nonexistent() {
  local kind=$1
  ready b1
  {
    gateway_class
    within infra gateway gw "$VIPS" "echo:$kind:9300:$(only "$kind")"
    within infra route "${kind}Route" echo gw/echo nonexistent:8080
  } | apply_stdin
  route_is echo 'Accepted ResolvedRefs=False/BackendNotFound'
  route_says echo 'Service infra/nonexistent does not exist'
  listener_is echo "$SERVES, 1, ${kind}Route"
  rejects "${kind,,}" 9300
}

test_tcp_route_invalid_backend_ref_nonexistent() {
  invalid_backend_ref_nonexistent TCP
}

test_udp_route_invalid_backend_ref_nonexistent() {
  invalid_backend_ref_nonexistent UDP
}

# ---------------------------------------------- InvalidCrossNamespaceBackendRef

# Whether the Service exists is no business of those who may not refer to it: the
# condition is the same, to the letter.
invalid_cross_namespace_backend_ref() {
  local kind=$1 with without
  ready b1
  without=$(cross_namespace_status)
  with=$(cross_namespace_status b1)
  expect 'statuses with and without the Service' "$with" "$without"
  route_is echo 'Accepted ResolvedRefs=False/RefNotPermitted'
  gateway_is gw 'Accepted Programmed'
  listener_is echo "$SERVES, 1, ${kind}Route"
  rejects "${kind,,}" 9321
}

cross_namespace_status() {
  {
    gateway_class
    within infra gateway gw "$VIPS" "echo:$kind:9321:$(only "$kind")"
    within infra route "${kind}Route" echo gw/echo web/b1:3000
    within web echoes "$@"
  } | apply_stdin >/dev/null
  rejects "${kind,,}" 9321
  l4 get routes -o json | jq '.routes[].status'
}

test_tcp_route_invalid_cross_namespace_backend_ref() {
  invalid_cross_namespace_backend_ref TCP
}

test_udp_route_invalid_cross_namespace_backend_ref() {
  invalid_cross_namespace_backend_ref UDP
}

# ---------------------------------------------- listeners of another protocol

# other_protocol KIND LISTENER: a route that asks for it by its name
other_protocol() {
  local kind=$1 listener=$2 name port
  IFS=: read -r name _ port _ <<<"$listener"
  ready b1
  {
    gateway_class
    within infra gateway gw "$VIPS" "$listener"
    within infra route "${kind}Route" echo "gw/$name" b1:3000
    within infra echoes b1
  } | apply_stdin
  route_is echo 'Accepted=False/NotAllowedByListeners ResolvedRefs'
  gateway_is gw 'Accepted=False/ListenersNotValid Programmed=False/Invalid'
  ignores "${kind,,}" "$port"
}

test_tcp_route_invalid_non_tcp_listener() {
  other_protocol TCP "http:HTTP:5300:$(only HTTP)"
  listener_is http "$(unsupported InvalidRouteKinds)"
}

test_udp_route_not_allowed_by_listeners() {
  other_protocol UDP 'tls:TLS:443:tls: {mode: Passthrough}'
  listener_is tls "$(unsupported)"
}

# unsupported [REASON]: why its kinds of routes are not resolved, if they are not
unsupported() {
  printf 'Accepted=False/UnsupportedProtocol Programmed=False/Invalid ResolvedRefs%s, 0' \
    "${1:+=False/$1}"
}

# ---------------------------------------------------- MultipleRoutesAttachment

# The younger one is first in the file and by name.
multiple_routes_attachment() {
  local kind=$1 count=$2
  ready b1 b2
  {
    gateway_class
    within infra gateway gw "$VIPS" \
      "echo:$kind:9310:allowedRoutes: {kinds: [{kind: ${kind}Route}], namespaces: {from: Same}}"
    created 00:00:01Z within infra route "${kind}Route" attach-newer gw/echo b2:3000
    created 00:00:00Z within infra route "${kind}Route" attach-older gw/echo b1:3000
    within infra echoes b1 b2
  } | apply_stdin
  route_is attach-older 'Accepted ResolvedRefs'
  route_is attach-newer 'Accepted ResolvedRefs'
  listener_is echo "$SERVES, 2, ${kind}Route"
  reaches "${kind,,}" 9310 b1 "$count"
  expect_json 'new flows of b2' "$(l4 get routes -o json)" \
    '[.routes[] | select(.name == "attach-newer") | .stats.flows // 0] == [0]'
}

test_tcp_route_multiple_routes_attachment() {
  multiple_routes_attachment TCP 100
}

test_udp_route_multiple_routes_attachment() {
  multiple_routes_attachment UDP 20
}

# ------------------------------------------------------------- ParentRefAttachAll

# All listeners of its protocol, and none of the other.
parent_ref_attach_all() {
  local kind=$1 other=$2 port name=(one two three four)
  shift 2
  local listeners=("other:$other:9400")
  for port in "$@"; do
    listeners+=("${name[port % 10]}:$kind:$port:$(only "$kind")")
  done
  ready b1
  {
    gateway_class
    within infra gateway gw "$VIPS" "${listeners[@]}"
    within infra route "${kind}Route" echo gw b1:3000
    within infra echoes b1
  } | apply_stdin
  route_is echo 'Accepted ResolvedRefs'
  expect_json 'the parentRef, with its defaults' "$(l4 get routes -o json)" \
    '.routes[0].status.parents[0].parentRef
      == {group: "gateway.networking.k8s.io", kind: "Gateway", name: "gw"}'
  for port in "$@"; do
    listener_is "${name[port % 10]}" "$SERVES, 1, ${kind}Route"
    reaches "${kind,,}" "$port" b1
  done
  listener_is other "$SERVES, 0, ${other}Route"
  rejects "${other,,}" 9400
}

test_tcp_route_parent_ref_attach_all() {
  parent_ref_attach_all TCP UDP 9310 9311 9312 9313
}

test_udp_route_parent_ref_attach_all_listeners() {
  parent_ref_attach_all UDP TCP 5310 5311 5312
}

# ------------------------------------------------------ ParentRefPortAndSectionName

parent_ref_port_and_section_name() {
  local kind=$1 port=$2 name
  ready b1 b2 b3
  {
    gateway_class
    within infra gateway gw "$VIPS" "one:$kind:$port:$(only "$kind")" \
      "two:$kind:$((port + 1)):$(only "$kind")" "three:$kind:$((port + 2)):$(only "$kind")"
    within infra route "${kind}Route" by-port "gw:$port" b1:3000
    within infra route "${kind}Route" by-section gw/two b2:3000
    within infra route "${kind}Route" by-both "gw/three:$((port + 2))" b3:3000
    within infra echoes b1 b2 b3
  } | apply_stdin
  for name in by-port by-section by-both; do route_is "$name" 'Accepted ResolvedRefs'; done
  for name in one two three; do listener_is "$name" "$SERVES, 1, ${kind}Route"; done
  reaches "${kind,,}" "$port" b1
  reaches "${kind,,}" "$((port + 1))" b2
  reaches "${kind,,}" "$((port + 2))" b3
}

test_tcp_route_parent_ref_port_and_section_name() {
  parent_ref_port_and_section_name TCP 9300
}

test_udp_route_parent_ref_port_and_section_name() {
  parent_ref_port_and_section_name UDP 5300
}

# ----------------------------------------------------------------- ReferenceGrant

# granted BUILDER...: a route to a Service of namespace web, and the grant
granted() {
  {
    gateway_class
    within infra gateway gw "$VIPS" "echo:$kind:9320:$(only "$kind")"
    within infra route "${kind}Route" echo gw/echo web/b1:3000
    within web echoes b1
    "$@"
  } | apply_stdin
}

answered() {
  l4 get listeners -o json | jq '.listeners[0].stats.packets.from_backend'
}

# A grant for the other kind of route is none. One that goes takes the traffic
# with it, that of flows which are there, too.
reference_grant_comes_and_goes() {
  local kind=$1 other=$2 udp=() before
  [[ $kind == TCP ]] || udp=(--udp)
  ready b1
  granted within web reference_grant "${other}Route" infra b1
  route_is echo 'Accepted ResolvedRefs=False/RefNotPermitted'
  rejects "${kind,,}" 9320
  granted within web reference_grant "${kind}Route" infra b1
  route_is echo 'Accepted ResolvedRefs'
  listener_is echo "$SERVES, 1, ${kind}Route"
  reaches "${kind,,}" 9320 b1
  live_start echo "$VIP4" 9320 --count 20 --interval 0.05 "${udp[@]}"
  granted true
  before=$(answered)
  route_is echo 'Accepted ResolvedRefs=False/RefNotPermitted'
  rejects "${kind,,}" 9320
  sleep 0.3
  expect 'packets from the Service without a grant' "$(answered)" "$before"
  LIVE=$(live_stop echo)
}

test_tcp_route_reference_grant() {
  reference_grant_comes_and_goes TCP UDP
  expect_json 'connections from before' "$LIVE" '.resets == 20 and .last_backend == {}'
}

test_udp_route_reference_grant() {
  reference_grant_comes_and_goes UDP TCP
  expect_json 'flows from before' "$LIVE" '.refused >= 20 and .errors == {}'
}

# ---------------------------------------------------------------- WeightedRouting

# Upstream asks for 5 points: of 2500 draws that is 5.5 standard deviations.
weighted_routing() {
  local kind=$1 port=$2
  ready b1 b2 b3
  {
    gateway_class
    within infra gateway gw "$VIPS" "echo:$kind:$port:$(only "$kind")"
    within infra route "${kind}Route" echo gw/echo b1:3000:70 b2:3000:30 b3:3000:0
    within infra echoes b1 b2 b3
  } | apply_stdin
  route_is echo 'Accepted ResolvedRefs'
  listener_is echo "$SERVES, 1, ${kind}Route"
  shares "${kind,,}" "$port" 2500 '{b1: 70, b2: 30, b3: 0, refused: 0}'
  expect_checksums
}

test_tcp_route_weighted_routing() {
  weighted_routing TCP 9300
}

test_udp_route_weighted_routing() {
  weighted_routing UDP 5300
}

# ----------------------------------------------------------------------- UDPRoute

test_udp_route() {
  local a
  BACKENDS=b1 two_armed
  start_dns b1
  attach
  {
    gateway_class
    within infra gateway gw "$VIPS" "dns:UDP:5300:$(only UDP)"
    within infra route UDPRoute dns gw/dns dns:53
    within infra service dns UDP 53 "$PORT_DNS" b1
  } | apply_stdin
  route_is dns 'Accepted ResolvedRefs'
  gateway_is gw 'Accepted Programmed'
  listener_is dns "$SERVES, 1, UDPRoute"
  for a in $VIPS; do
    expect "A of www.test from $a" \
      "$(at cl dig +short +time=2 +tries=1 -p 5300 "@$a" www.test A)" 192.0.2.80
  done
  reaches dns 5300 b1
}
