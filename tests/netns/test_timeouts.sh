# shellcheck shell=bash
# SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
# Idle timeouts of a Gateway and of a RoutePolicy, in real time, with real peers.

# timeouts_config WEIGHT1 WEIGHT2: listeners of a Gateway with short timeouts (7000), of
# one without any (7001), and one of that whose route's policy has one (7002).
timeouts_config() {
  local p k b to
  gateway_class
  parameters short nat
  printf '  timeouts: {tcpEstablished: 1s, udpUnreplied: 1s, udpReplied: 1s}\n'
  PARAMETERS=short gateway short "$VIP4 $VIP6" tcp:TCP:7000 udp:UDP:7000
  gateway usual "$VIP4 $VIP6" tcp:TCP:7001 udp:UDP:7001 tcp2:TCP:7002 udp2:UDP:7002
  for p in TCP UDP; do
    k=${p,,}
    to=("$k-b1:7000:$1" "$k-b2:7000:$2")
    route "${p}Route" short "short/$k" "${to[@]}"
    route "${p}Route" usual "usual/$k" "${to[@]}"
    route "${p}Route" policy "usual/${k}2" "${to[@]}"
    for b in b1 b2; do
      service "$k-$b" "$p" 7000 "$PORT_IDENTIFY"
      slice "$k-$b" "$p" "$PORT_IDENTIFY" IPv4 "${ADDRESS4[$b]}"
      slice "$k-$b" "$p" "$PORT_IDENTIFY" IPv6 "${ADDRESS6[$b]}"
    done
  done
  ROUTES=policy policy 'idleTimeout: 1s'
}

# Flows that pause for 4 to 12 seconds. New ones go to b2 by then.
test_idle_timeouts() {
  local port
  two_armed
  start_identify b1 b2
  attach
  timeouts_config 1 0 | apply_stdin
  for port in 7000 7001 7002; do
    live_start "tcp-$port" "$VIP4" "$port" --count 10 --interval 8
    live_start "udp-$port" "$VIP6" "$port" --count 10 --interval 8 --udp
    # Never idle for long.
    live_start "busy-$port" "$VIP6" "$port" --count 10
  done
  timeouts_config 0 1 | apply_stdin
  sleep 13
  for port in 7000 7002; do
    expect_json "idle connections, $port" "$(live_stop "tcp-$port")" \
      '.resets_by_backend == {b1: 10} and .timeouts + .mismatches == 0'
    expect_json "idle UDP flows, $port" "$(live_stop "udp-$port")" \
      '.moves == 10 and .last_backend == {b2: 10} and .mismatches + .timeouts == 0'
  done
  expect 'connections that were cut' "$(reason reject_no_flow)" 20
  expect_json 'idle connections of others' "$(live_stop tcp-7001)" \
    '.resets + .timeouts + .mismatches == 0 and .errors == {} and .exchanges >= 20'
  expect_json 'idle UDP flows of others' "$(live_stop udp-7001)" \
    '.moves // 0 == 0 and .last_backend == {b1: 10} and .mismatches + .timeouts == 0'
  for port in 7000 7001 7002; do
    expect_json "busy connections, $port" "$(live_stop "busy-$port")" \
      '.resets + .timeouts + .mismatches == 0 and .errors == {}'
  done
}
