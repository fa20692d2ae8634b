# shellcheck shell=bash
# SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
# announce: arp of GatewayParameters: listener addresses in the clients' own network,
# which no interface has.

ANNOUNCED4=10.1.0.200 ANNOUNCED6=fd00:1::200

# gateway_of ANNOUNCE: the manifests, with that in the parameters of the Gateway.
gateway_of() {
  # shellcheck disable=SC2034 # for the builders
  local PARAMETERS=announced VIP4=$ANNOUNCED4 VIP6=$ANNOUNCED6
  parameters announced nat
  printf '  announce: %s\n' "$1"
  split_manifest 50 50 0
}

# answered NAME: both protocols and families.
answered() {
  local kind a
  for a in "$ANNOUNCED4" "$ANNOUNCED6"; do
    for kind in tcp udp; do
      expect_json "$1: $kind on $a" "$(split "$kind" "$a" 7000 --count 20)" \
        '.refused + .timeouts == 0 and .answers.b1 + .answers.b2 == 20'
    done
  done
}

neighbour() {
  ip -n cl neigh show "$1" dev eth0
}

gateway_mac() {
  ip -n gw -j link show "$1" | jq -r '.[0].address'
}

# The client finds the addresses by asking on its link; nothing routes to them.
announced_with() {
  two_armed
  start_identify b1 b2
  attach "$@"
  apply_stdin < <(gateway_of arp)
  answered "announced, $*"
  expect_match 'MAC of IPv4' "$(neighbour "$ANNOUNCED4")" "lladdr $(gateway_mac cl0)"
  expect_match 'MAC of IPv6' "$(neighbour "$ANNOUNCED6")" "lladdr $(gateway_mac cl0)"
  (($(reason answer_neighbour) >= 2)) || fail "answer_neighbour: $(reason answer_neighbour)"
  at cl ping -c 1 -W 2 "$ANNOUNCED4" >/dev/null || fail 'no echo by IPv4'
  at cl ping -c 1 -W 2 "$ANNOUNCED6" >/dev/null || fail 'no echo by IPv6'
}

test_announced_native() {
  announced_with --mode native
}

test_announced_tc() {
  announced_with --mode tc
}

# Without it nobody answers; and what is the node's own is the kernel's business.
test_not_announced() {
  two_armed
  start_identify b1 b2
  attach
  apply_stdin < <(gateway_of none)
  expect_json 'nobody answers' "$(split tcp "$ANNOUNCED4" 7000 --count 2 --timeout 0.5)" \
    '.answers == {}'
  expect_match 'not found' "$(neighbour "$ANNOUNCED4")" 'FAILED|INCOMPLETE'
  [[ $(reason answer_neighbour) == 0 ]] || fail "answered: $(reason answer_neighbour)"
}

# Who had another node's MAC address in mind learns the new one with the apply.
test_gratuitous() {
  two_armed
  start_identify b1 b2
  attach
  ip -n cl neigh add "$ANNOUNCED4" lladdr 02:00:00:00:00:99 dev eth0 nud stale
  ip -n cl neigh add "$ANNOUNCED6" lladdr 02:00:00:00:00:99 dev eth0 nud stale
  at cl sysctl -qw net.ipv4.conf.eth0.arp_accept=1
  apply_stdin < <(gateway_of arp)
  retry 3 neighbour_is "$ANNOUNCED4" || fail "IPv4: $(neighbour "$ANNOUNCED4")"
  retry 3 neighbour_is "$ANNOUNCED6" || fail "IPv6: $(neighbour "$ANNOUNCED6")"
}

neighbour_is() {
  [[ $(neighbour "$1") == *"lladdr $(gateway_mac cl0)"* ]]
}

# Solicitations for an address come to a multicast address of the link: the device
# takes it in for as long as the address is announced.
test_multicast() {
  local group=33:33:ff:00:02:00
  two_armed
  attach
  apply_stdin < <(gateway_of arp)
  expect_match 'joined' "$(ip -n gw maddr show dev cl0)" "$group"
  apply_stdin < <(gateway_of none)
  expect_no_match 'left' "$(ip -n gw maddr show dev cl0)" "$group"
  apply_stdin < <(gateway_of arp)
  l4 detach >/dev/null
  expect_no_match 'left when detached' "$(ip -n gw maddr show dev cl0)" "$group"
}
