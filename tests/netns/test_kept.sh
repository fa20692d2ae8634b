# shellcheck shell=bash
# SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
# What becomes of live flows when their route or listener loses its place.
# shellcheck disable=SC2016 # $b in filters is jq's

# by_routes MODE [young] [old]: both routes of a protocol are at one listener.
by_routes() {
  local mode=$1 r
  shift
  gateway_class
  parameters mode "$mode"
  PARAMETERS=mode gateway gw "$VIP4 $VIP6" tcp:TCP:7000 udp:UDP:7000
  service two-tcp TCP 7000 "$PORT_IDENTIFY" b1 b2
  service two-udp UDP 7000 "$PORT_IDENTIFY" b1 b2
  service one-tcp TCP 7000 "$PORT_IDENTIFY" b3
  service one-udp UDP 7000 "$PORT_IDENTIFY" b3
  for r in "$@"; do
    case $r in
      young)
        created 02:00:00Z route TCPRoute young gw/tcp two-tcp:7000
        created 02:00:00Z route UDPRoute young gw/udp two-udp:7000
        ;;
      old)
        created 01:00:00Z route TCPRoute old gw/tcp one-tcp:7000
        created 01:00:00Z route UDPRoute old gw/udp one-udp:7000
        ;;
      elsewhere)
        created 02:00:00Z route TCPRoute young other two-tcp:7000
        created 02:00:00Z route UDPRoute young other two-udp:7000
        ;;
    esac
  done
}

unharmed() {
  expect_json "$1" "$2" \
    '.resets + .mismatches + .timeouts + .refused + .moves == 0 and .errors == {}
      and .last_backend == .by_backend and (.last_backend | has("b3") | not)'
}

route_loses() {
  local mode=$1 a
  two_armed
  start_identify
  attach
  by_routes "$mode" young | apply_stdin
  live_start tcp "$VIP4" 7000 --count 40
  live_start six "$VIP6" 7000 --count 20
  live_start udp "$VIP6" 7000 --count 20 --udp --interval 0.05
  by_routes "$mode" old young | apply_stdin
  for a in "$VIP4" "$VIP6"; do
    expect_json 'new connections' "$(split tcp "$a" 7000 --count 20)" '.answers == {b3: 20}'
    expect_json 'new UDP flows' "$(split udp "$a" 7000 --count 20)" '.answers == {b3: 20}'
  done
  by_routes "$mode" old elsewhere | apply_stdin
  expect_json 'flows of the route without a listener' "$(l4 stats -o json)" \
    '[.routes[] | select(.name == "young") | .active] | add == 80'
  sleep 0.5
  unharmed 'connections of four' "$(live_stop tcp)"
  unharmed 'connections of six' "$(live_stop six)"
  unharmed 'UDP flows' "$(live_stop udp)"
  expect_checksums
}

test_route_loses_listener_nat() {
  route_loses nat
}

test_route_loses_listener_transparent() {
  route_loses transparent
}

# The route itself goes: its flows are cut, as ever.
losing_route_goes() {
  local mode=$1
  two_armed
  start_identify
  attach
  by_routes "$mode" young | apply_stdin
  live_start tcp "$VIP4" 7000 --count 40
  live_start udp "$VIP6" 7000 --count 20 --udp --interval 0.05
  by_routes "$mode" old young | apply_stdin
  by_routes "$mode" old | apply_stdin
  sleep 1
  expect_json 'connections' "$(live_stop tcp)" \
    '.resets == 40 and .timeouts + .mismatches == 0 and .errors == {}'
  expect_json 'UDP flows' "$(live_stop udp)" \
    '.moves == 20 and .last_backend == {b3: 20} and .timeouts + .mismatches == 0'
  expect_checksums
}

test_losing_route_goes_nat() {
  losing_route_goes nat
}

test_losing_route_goes_transparent() {
  losing_route_goes transparent
}

# listener_goes MODE: one of two goes, the route still has the other.
listener_goes() {
  local mode=$1 a
  two_armed
  start_identify
  attach
  both() {
    gateway_class
    parameters mode "$mode"
    PARAMETERS=mode gateway gw "$VIP4 $VIP6" "$@"
    route TCPRoute r gw tcp:7000
    service tcp TCP 7000 "$PORT_IDENTIFY" b1 b2
  }
  both one:TCP:7000 two:TCP:7001 idle:TCP:7002 | apply_stdin
  for a in 4 6; do
    # In transparent one port can't be used to both, see README.md.
    at cl sysctl -qw net.ipv4.ip_local_port_range='20000 29999'
    live_start "goes$a" "$(vip "$a")" 7000 --count 20
    at cl sysctl -qw net.ipv4.ip_local_port_range='30000 39999'
    live_start "stays$a" "$(vip "$a")" 7001 --count 20
  done
  both two:TCP:7001 | apply_stdin
  sleep 1
  for a in 4 6; do
    expect_json "connections of IPv$a to what is gone" "$(live_stop "goes$a")" \
      '.resets == 20 and .timeouts + .mismatches + .refused == 0 and .errors == {}'
    expect_json "connections of IPv$a to what is not" "$(live_stop "stays$a")" \
      '.resets + .timeouts + .mismatches + .refused == 0 and .errors == {} and .exchanges > 20'
    expect_json "new connections of IPv$a" "$(split tcp "$(vip "$a")" 7000 --count 5)" \
      '.refused == 5'
    # Nobody had a flow there: it is not ours any more.
    expect_json 'to where no flow was' \
      "$(split tcp "$(vip "$a")" 7002 --count 2 --timeout 1)" '.refused == 0'
  done
  # It comes back, for new ones.
  both one:TCP:7000 two:TCP:7001 | apply_stdin
  expect_json 'after its return' "$(split tcp "$VIP4" 7000 --count 20)" '(.answers | add) == 20'
  expect_checksums
}

vip() {
  [[ $1 == 4 ]] && printf '%s\n' "$VIP4" || printf '%s\n' "$VIP6"
}

test_listener_goes_nat() {
  listener_goes nat
}

test_listener_goes_transparent() {
  listener_goes transparent
}
