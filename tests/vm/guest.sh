#!/bin/sh
# SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
# What is tested in a guest: that the kernel takes the programs, what they do to
# packets, traffic through each mode of attaching, and into the kernel's own tunnel
# devices. A line a test, as TAP has them; the host counts.

VIP4=192.0.2.10 VIP6=2001:db8::10
RELEASE=$(uname -r)

# result CODE NAME: of a command that has run; what it said is in `said`.
result() {
  if [ "$1" = 0 ]; then
    echo "ok - $2"
  else
    echo "not ok - $2 (exit code $1)"
    sed 's/^/    /' said
  fi
}

# try NAME COMMAND...
try() {
  name=$1
  shift
  code=0
  "$@" >said 2>&1 || code=$?
  result "$code" "$name"
}

# since MAJOR MINOR: is this kernel as new?
since() {
  rest=${RELEASE#*.}
  [ "${RELEASE%%.*}" -gt "$1" ] ||
    { [ "${RELEASE%%.*}" = "$1" ] && [ "${rest%%[!0-9]*}" -ge "$2" ]; }
}

# ---------------------------------------------------------------- programs

# A line a program; what is not one is the verifier's log.
test_verifier() {
  ./verifier ./*.bpf.o >said 2>&1
  cat said
  awk '
    /^l4gate_[a-z]+: refused/ {print "not ok - load " $1; next}
    /^l4gate_.*OVER BUDGET/ {print "not ok - load " $1 ", over budget"; next}
    /^l4gate_/ {print "ok - load " $1}' said
}

# Each in a network namespace and a bpffs of its own.
test_packets() {
  for program in ./test_*; do
    code=0
    CMOCKA_MESSAGE_OUTPUT=TAP timeout 240 "$program" >said 2>&1 || code=$?
    # cmocka's word for a skipped test is TAP's for one that is still to be done.
    sed 's/^not ok \([0-9]*\) # SKIP/ok \1 # SKIP/' said
    # Not even begun, or over before its end.
    if [ "$code" != 0 ] && ! grep -q '^not ok [0-9]* - ' said; then
      result "$code" "${program#./}"
    fi
  done
}

# ---------------------------------------------------------------- hosts

# host NAME DEVICE SUBNET: a namespace at the end of a gateway's device. Packets
# are as complete as on a wire: XDP can't finish their checksums.
host() {
  ip netns add "$1"
  ip link add "$2" type veth peer name eth0 netns "$1"
  ethtool -K "$2" tx off rx off >/dev/null
  ip netns exec "$1" ethtool -K eth0 tx off rx off >/dev/null
  ip netns exec "$1" sysctl -qw net.ipv6.conf.all.accept_dad=0 \
    net.ipv6.conf.eth0.accept_dad=0
  ip address add "10.$3.0.1/24" dev "$2"
  ip address add "fd00:$3::1/64" dev "$2" nodad
  ip link set "$2" up
  ip -n "$1" link set lo up
  ip -n "$1" link set eth0 up
}

make_hosts() {
  sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
  host client cl0 1
  host server be0 2
  ip -n client address add 10.1.0.2/24 dev eth0
  ip -n client address add fd00:1::2/64 dev eth0 nodad
  ip -n client route add default via 10.1.0.1
  ip -n client route add default via fd00:1::1
  for last in 11 12 13; do
    ip -n server address add "10.2.0.$last/24" dev eth0
    ip -n server address add "fd00:2::$last/64" dev eth0 nodad
  done
  ip -n server route add default via 10.2.0.1
  ip -n server route add default via fd00:2::1
}

serve() {
  ip netns exec server ./traffic serve "$@" &
}

start_servers() {
  for last in 11 12; do
    serve tcp "10.2.0.$last" 8080
    serve tcp "fd00:2::$last" 8080
  done
  serve udp 10.2.0.13 5353
  serve udp fd00:2::13 5353
  sleep 1
}

# pass on|off: what XDP redirects into a veth is lost unless the peer has an XDP
# program.
pass() {
  for name in client server; do
    if [ "$1" = on ]; then
      ip -n "$name" link set dev eth0 xdp obj pass.bpf.o sec xdp
    else
      ip -n "$name" link set dev eth0 xdp off
    fi
  done
}

# ---------------------------------------------------------------- modes

traffic() {
  ip netns exec client ./traffic send "$@"
}

is_attached() {
  ./l4gate status >shown || return
  cat shown
  for device in cl0 be0; do
    grep -Eq "^$device +[0-9]+ +$1 +$2 " shown || return
  done
}

is_gone() {
  ./l4gate detach || return
  [ ! -e /sys/fs/bpf/l4gate ] || return 1
  ! traffic tcp "$VIP4" 80 1
}

test_mode() {
  mode=$1 tc=clsact
  ! since 6 6 || tc=tcx
  [ "$mode" != native ] || pass on
  try "$mode: attach" ./l4gate attach cl0 be0 --mode "$mode"
  try "$mode: status says $mode and $tc" is_attached "$mode" "$tc"
  try "$mode: apply" ./l4gate apply -f gateway.yaml -f services.yaml -f routes-50-50.yaml
  # Each more than once: both backends get some.
  for round in 1 2 3; do
    try "$mode: TCP over IPv4, $round" traffic tcp "$VIP4" 80
    try "$mode: TCP over IPv6, $round" traffic tcp "$VIP6" 80
    try "$mode: UDP over IPv4, $round" traffic udp "$VIP4" 53
    try "$mode: UDP over IPv6, $round" traffic udp "$VIP6" 53
  done
  try "$mode: detach" is_gone
  [ "$mode" != native ] || pass off
}

# ---------------------------------------------------------------- tunnels

# The servers' host takes packets out of tunnels, and has the listeners' addresses.
make_backend() {
  ip netns exec server sh ./backend.sh dsr-ipip "$VIP4" "$VIP6" || return
  serve tcp "$VIP4" 80
  serve tcp "$VIP6" 80
  serve udp "$VIP4" 53
  serve udp "$VIP6" 53
  sleep 1
}

tunnel_manifest() {
  cat gateway.yaml
  cat <<'YAML'
  infrastructure:
    parametersRef: {group: l4gate.dev, kind: GatewayParameters, name: tunnel}
---
apiVersion: l4gate.dev/v1alpha1
kind: GatewayParameters
metadata: {name: tunnel}
spec: {mode: dsr-ipip}
YAML
}

# decapsulated DEVICE: packets that came out of a tunnel device.
decapsulated() {
  ip netns exec server cat "/sys/class/net/$1/statistics/rx_packets"
}

# through DEVICE PROTOCOL ADDRESS PORT: traffic that leads through the device, both
# to its server and to its client.
through() {
  before=$(decapsulated "$1")
  traffic "$2" "$3" "$4" || return
  [ $(($(decapsulated "$1") - before)) -ge 10 ]
}

# set_mtu BYTES: of the link to the servers.
set_mtu() {
  ip link set be0 mtu "$1"
  ip -n server link set eth0 mtu "$1"
}

# On a link of 1500 bytes who sends packets that long is told of less.
test_tunnel() {
  mode=$1
  [ "$mode" != native ] || pass on
  for mtu in 1500 1540; do
    what="dsr-ipip, $mode, MTU $mtu"
    set_mtu "$mtu"
    try "$what: attach" ./l4gate attach cl0 be0 --mode "$mode"
    try "$what: apply" ./l4gate apply -f tunnel.yaml -f services.yaml -f routes-50-50.yaml
    try "$what: TCP over IPv4" through tunl0 tcp "$VIP4" 80
    try "$what: TCP over IPv6" through ip6tnl0 tcp "$VIP6" 80
    if [ "$mtu" = 1540 ]; then
      try "$what: UDP over IPv4" through tunl0 udp "$VIP4" 53
      try "$what: UDP over IPv6" through ip6tnl0 udp "$VIP6" 53
    fi
    try "$what: detach" is_gone
    ip -n client route flush cache
    ip -n client -6 route flush cache
  done
  [ "$mode" != native ] || pass off
}

# ---------------------------------------------------------------- VLAN devices

# tag_device AT DEVICE TO PROTOCOL ID: a VLAN device on top, which takes over the
# addresses. AT is a command that says where.
tag_device() {
  $1 ip link add link "$2" name "$3" type vlan proto "$4" id "$5" || return
  $1 ip link set "$3" up
  for a in $($1 ip -o address show dev "$2" scope global | tr -s ' ' | cut -d ' ' -f 4); do
    $1 ip address del "$a" dev "$2"
    flags=
    [ "${a#*:}" = "$a" ] || flags=nodad
    $1 ip address add "$a" dev "$3" $flags
  done
}

# Clients have one tag, servers two, for which a link has no room as it is; what a
# host sends has them in the frame.
make_tags() {
  set_mtu 1504
  for name in client server; do
    ip netns exec "$name" ethtool -K eth0 txvlan off tx-vlan-stag-hw-insert off
  done
  tag_device '' cl0 cl0.10 802.1Q 10 &&
    tag_device 'ip netns exec client' eth0 eth0.10 802.1Q 10 &&
    tag_device '' be0 be0.5 802.1ad 5 &&
    tag_device '' be0.5 be0.20 802.1Q 20 &&
    tag_device 'ip netns exec server' eth0 eth0.5 802.1ad 5 &&
    tag_device 'ip netns exec server' eth0.5 eth0.20 802.1Q 20 || return
  ip link set be0.20 mtu 1500
  ip -n server link set eth0.20 mtu 1500
  for a in 10.1.0.1 fd00:1::1; do ip -n client route replace default via "$a"; done
  for a in 10.2.0.1 fd00:2::1; do ip -n server route replace default via "$a"; done
}

# counted REASON: by the hook that has to do with tagged frames.
counted() {
  ./l4gate stats -o prometheus >shown || return
  grep "l4gate_reason_packets_total.*hook=\"tc_ingress\".*reason=\"$1\"" shown |
    grep -v ' 0$'
}

test_tags() {
  mode=$1
  [ "$mode" != native ] || pass on
  try "tags, $mode: attach" ./l4gate attach cl0 be0 --mode "$mode"
  # For its address, which servers answer to. Not to cl0.10: cl0 has to do it.
  try "tags, $mode: attach to a VLAN device" ./l4gate attach be0.20 --mode tc
  try "tags, $mode: apply" ./l4gate apply -f gateway.yaml -f services.yaml -f routes-50-50.yaml
  try "tags, $mode: TCP over IPv4" traffic tcp "$VIP4" 80
  try "tags, $mode: TCP over IPv6" traffic tcp "$VIP6" 80
  try "tags, $mode: UDP over IPv4" traffic udp "$VIP4" 53
  try "tags, $mode: UDP over IPv6" traffic udp "$VIP6" 53
  try "tags, $mode: to servers" counted to_backend
  try "tags, $mode: to clients" counted to_client
  try "tags, $mode: detach" is_gone
  [ "$mode" != native ] || pass off
}

test_log() {
  dmesg | grep -E 'WARNING:|BUG:|Oops|Call Trace' >said
  [ ! -s said ]
  result $? 'nothing wrong in the log of the kernel'
}

test_verifier
test_packets
make_hosts
start_servers
for m in native generic tc; do test_mode "$m"; done
tunnel_manifest >tunnel.yaml
try 'dsr-ipip: a backend' make_backend
for m in native tc; do test_tunnel "$m"; done
try 'tags: VLAN devices' make_tags
for m in native tc; do test_tags "$m"; done
test_log
echo DONE
