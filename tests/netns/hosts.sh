# shellcheck shell=bash
# SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
# Hosts, switches and the topologies made of them.
# shellcheck disable=SC2034 # what topologies set is for the files beside this
# host NAME: a namespace with forwarding off and addresses usable at once.
host() {
  ip netns add "$1"
  ip -n "$1" link set lo up
  at "$1" sysctl -qw net.ipv6.conf.all.accept_dad=0 \
    net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.default.dad_transmits=0 \
    net.ipv4.tcp_retries2=8
}

# `ip netns exec` would hide bpffs behind a fresh /sys.
at() {
  local name=$1
  shift
  nsenter --net="/run/netns/$name" -- "$@"
}

router() {
  host "$1"
  at "$1" sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
}

# switch NAME: a bridge br0 in a namespace of its own.
switch() {
  host "$1"
  ip -n "$1" link add br0 type bridge mcast_snooping 0
  ip -n "$1" link set br0 up
}

# wire NAME DEVICE NAME DEVICE
wire() {
  ip link add "$2" netns "$1" type veth peer name "$4" netns "$3"
  if [[ $OFFLOAD == off ]]; then
    at "$1" ethtool -K "$2" tx off rx off >/dev/null
    at "$3" ethtool -K "$4" tx off rx off >/dev/null
  fi
  ip -n "$1" link set "$2" up
  ip -n "$3" link set "$4" up
}

# plug SWITCH NAME DEVICE: connects a host's device to a switch.
plug() {
  wire "$1" "$2-$3" "$2" "$3"
  ip -n "$1" link set "$2-$3" master br0
}

# address NAME DEVICE ADDRESS/LENGTH...
address() {
  local name=$1 device=$2 a flags
  shift 2
  for a in "$@"; do
    flags=
    [[ $a != *:* ]] || flags=nodad
    # shellcheck disable=SC2086 # empty on purpose for IPv4
    ip -n "$name" address add "$a" dev "$device" $flags
  done
}

# mac_of NAME DEVICE
mac_of() {
  ip -j -n "$1" link show dev "$2" | jq -r '.[0].address'
}

# default_route NAME GATEWAY...
default_route() {
  local name=$1 via
  shift
  for via in "$@"; do
    ip -n "$name" route add default via "$via"
  done
}

# test_object NAME: the program of NAME.bpf.c, compiled.
test_object() {
  local source=$NETNS_DIR/$1.bpf.c object=$O/tests/netns/$1.bpf.o
  if [[ ! -e $object || $source -nt $object ]]; then
    mkdir -p "${object%/*}"
    clang -O2 -g -target bpf -I"/usr/include/$(gcc -print-multiarch)" \
      -c -o "$object.$$" "$source"
    mv "$object.$$" "$object"
  fi
  printf '%s\n' "$object"
}

# pass_program NAME DEVICE: on the far end of a link of the gateway.
pass_program() {
  [[ $PASS == on ]] || return 0
  ip -n "$1" link set dev "$2" xdpdrv obj "$(test_object pass)" sec xdp
}

# backend MODE NAME...: makes hosts that run backends fit for a mode.
backend() {
  local mode=$1 name
  shift
  for name in "$@"; do
    if [[ $mode == dsr-ipip ]] && ! at "$name" ip link show dev tunl0 >/dev/null 2>&1; then
      # No tunnel devices in this kernel: a program has to do what they do.
      at "$name" "$NETNS_DIR/backend.sh" dsr-l2 "$VIP4" "$VIP6"
      at "$name" tc qdisc add dev eth0 clsact
      at "$name" tc filter add dev eth0 ingress bpf direct-action \
        object-file "$(test_object decap)" section tc
    else
      at "$name" "$NETNS_DIR/backend.sh" "$mode" "$VIP4" "$VIP6"
    fi
  done
}

# ---------------------------------------------------------------- topologies
# All: client "cl", gateway "gw", backends "b1" "b2" "b3", listeners on
# addresses that no interface owns and that the client routes to the gateway.

VIP4=192.0.2.10
VIP6=2001:db8::10
VIPS="$VIP4 $VIP6"
BACKENDS='b1 b2 b3'
GATEWAY_DEVICES=

# Addresses of backend i, set by each topology.
declare -A ADDRESS4 ADDRESS6

# backends_on SWITCH NET4 NET6 [ROUTER4 ROUTER6]: a host for each, .11 and ::11 first.
backends_on() {
  local i=10 b
  for b in $BACKENDS; do
    i=$((i + 1))
    host "$b"
    plug "$1" "$b" eth0
    ADDRESS4[$b]=$2.$i ADDRESS6[$b]=$3::$i
    address "$b" eth0 "$2.$i/24" "$3::$i/64"
    [[ -z ${4:-} ]] || default_route "$b" "$4" "$5"
  done
}

two_armed() {
  host cl
  router gw
  switch sw
  wire cl eth0 gw cl0
  plug sw gw be0
  pass_program cl eth0
  pass_program sw gw-be0
  address cl eth0 10.1.0.2/24 fd00:1::2/64
  address gw cl0 10.1.0.1/24 fd00:1::1/64
  address gw be0 10.2.0.1/24 fd00:2::1/64
  default_route cl 10.1.0.1 fd00:1::1
  backends_on sw 10.2.0 fd00:2 10.2.0.1 fd00:2::1
  GATEWAY_DEVICES='cl0 be0'
}

one_armed() {
  host cl
  router gw
  switch sw
  plug sw cl eth0
  plug sw gw eth0
  pass_program sw gw-eth0
  address cl eth0 10.1.0.2/24 fd00:1::2/64
  address gw eth0 10.1.0.1/24 fd00:1::1/64
  default_route cl 10.1.0.1 fd00:1::1
  backends_on sw 10.1.0 fd00:1
  GATEWAY_DEVICES=eth0
}

# Client and gateway only; what follows the name adds backends to the gateway.
client_and_gateway() {
  host cl
  router gw
  wire cl eth0 gw eth0
  pass_program cl eth0
  address cl eth0 10.1.0.2/24 fd00:1::2/64
  address gw eth0 10.1.0.1/24 fd00:1::1/64
  default_route cl 10.1.0.1 fd00:1::1
  GATEWAY_DEVICES=eth0
}

# Backends are processes of the gateway, on addresses of its loopback device.
local_processes() {
  local i=10 b
  client_and_gateway
  for b in $BACKENDS; do
    i=$((i + 1))
    ADDRESS4[$b]=10.7.0.$i ADDRESS6[$b]=fd00:7::$i
    address gw lo "10.7.0.$i/32" "fd00:7::$i/128"
  done
  PLACE=gw
}

# Backends are containers behind a bridge of the gateway that is not attached.
containers_on_bridge() {
  local i=10 b
  client_and_gateway
  ip -n gw link add docker0 type bridge
  ip -n gw link set docker0 up
  address gw docker0 10.9.0.1/24 fd00:9::1/64
  for b in $BACKENDS; do
    i=$((i + 1))
    host "$b"
    OFFLOAD=${CONTAINER_OFFLOAD:-on} wire gw "veth-$b" "$b" eth0
    ip -n gw link set "veth-$b" master docker0
    ADDRESS4[$b]=10.9.0.$i ADDRESS6[$b]=fd00:9::$i
    address "$b" eth0 "10.9.0.$i/24" "fd00:9::$i/64"
    default_route "$b" 10.9.0.1 fd00:9::1
  done
}

# The same, each behind a routed veth of its own, as many CNIs do it.
containers_on_veth() {
  local i=10 b
  client_and_gateway
  for b in $BACKENDS; do
    i=$((i + 1))
    host "$b"
    OFFLOAD=${CONTAINER_OFFLOAD:-on} wire gw "veth-$b" "$b" eth0
    ADDRESS4[$b]=10.8.$i.2 ADDRESS6[$b]=fd00:8:$i::2
    address gw "veth-$b" "10.8.$i.1/24" "fd00:8:$i::1/64"
    address "$b" eth0 "10.8.$i.2/24" "fd00:8:$i::2/64"
    default_route "$b" "10.8.$i.1" "fd00:8:$i::1"
  done
}

# Backends behind a router "r" that the client and the gateway have beside them.
routed() {
  host cl
  router gw
  router r
  switch sw
  switch far
  plug sw cl eth0
  plug sw gw eth0
  plug sw r eth0
  plug far r below
  pass_program sw gw-eth0
  address cl eth0 10.1.0.2/24 fd00:1::2/64
  address gw eth0 10.1.0.1/24 fd00:1::1/64
  address r eth0 10.1.0.254/24 fd00:1::fe/64
  address r below 10.2.0.1/24 fd00:2::1/64
  default_route cl 10.1.0.1 fd00:1::1
  default_route gw 10.1.0.254 fd00:1::fe
  backends_on far 10.2.0 fd00:2 10.2.0.1 fd00:2::1
  GATEWAY_DEVICES=eth0
}
