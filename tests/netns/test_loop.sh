# shellcheck shell=bash
# SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
# Two nodes, each of which has a listener of the other for a backend: a packet goes
# round until its TTL is used up, and no longer.
# shellcheck disable=SC2034 # addresses that manifests.sh reads

# shellcheck source=nodes.sh
. "$NETNS_DIR/nodes.sh"

# loop_config MODE ADDRESS4 ADDRESS6 OTHER4 OTHER6
loop_config() {
  local ADDRESS4=([0]=$4) ADDRESS6=([0]=$5)
  gateway_class
  parameters mode "$1"
  PARAMETERS=mode gateway gw "$2 $3" tcp:TCP:7000 udp:UDP:7000
  route TCPRoute tcp gw/tcp other:7000
  route UDPRoute udp gw/udp other:7000
  service other TCP,UDP 7000 7000 0
}

# loops MODE: two connections and two datagrams, of each IP version one.
loops() {
  local mode=$1 other4=192.0.2.2 other6=2001:db8:2::2 a
  two_nodes
  on_all attach
  loop_config "$mode" "$VIP4" "$VIP6" "$other4" "$other6" >"$WORK/gw.yaml"
  loop_config "$mode" "$other4" "$other6" "$VIP4" "$VIP6" >"$WORK/gw2.yaml"
  on gw apply "$WORK/gw.yaml"
  on gw2 apply "$WORK/gw2.yaml"
  ip -n gw route add "$other4" via 10.2.0.2
  ip -n gw -6 route add "$other6" via fd00:2::2
  ip -n gw2 route add "$VIP4" via 10.2.0.1
  ip -n gw2 -6 route add "$VIP6" via fd00:2::1
  spread gw
  at gw ping -qc 1 -W 2 10.2.0.2 >"$WORK/ping" || fail "$(<"$WORK/ping")"
  at gw ping -qc 1 -W 2 fd00:2::2 >"$WORK/ping" || fail "$(<"$WORK/ping")"
  for a in "$VIP4" "$VIP6"; do
    at cl "$PYTHON" - "$a" <<'PY'
import socket, sys
family = socket.getaddrinfo(sys.argv[1], 7000)[0][0]
with socket.socket(family, socket.SOCK_DGRAM) as s:
    s.sendto(b"round", (sys.argv[1], 7000))
with socket.socket(family, socket.SOCK_STREAM) as s:
    s.settimeout(0.5)
    try:
        s.connect((sys.argv[1], 7000))
    except OSError:
        pass
PY
  done
  sleep 1
  died
}

counters() {
  node_counters gw
  node_counters gw2
}

# died: all went round as far as their 64 hops, less the router and the last, and
# ended there.
died() {
  local total
  counters >"$WORK/counters"
  total=$(awk '/to_backend/ {n += $1} END {print n + 0}' "$WORK/counters")
  ((total == 4 * 62)) ||
    fail "$total packets forwarded of 4: $(<"$WORK/counters")"
  expect_match 'ended by their TTL' "$(<"$WORK/counters")" 'ttl'
  # What hosts say to each other by themselves goes on.
  expect 'afterwards nothing goes round' "$(counters | grep to_)" \
    "$(grep to_ "$WORK/counters")"
}

test_loop_nat() {
  loops nat
}

test_loop_transparent() {
  loops transparent
}
