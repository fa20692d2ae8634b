#!/bin/sh
# SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
# Prepares the host that it runs on as a backend of a Gateway in a mode whose
# replies don't pass l4gate:
#
#   backend.sh dsr-l2|dsr-ipip ADDRESS...
#
# ADDRESS: each of the Gateway's addresses. The server binds to them (or to all),
# on the listener's port. Root; twice does no harm. In mode transparent a host
# needs no more than a route to its clients that leads through the gateway, and no ICMP redirects.
set -eu

usage() {
  sed -n 's/^# \{0,1\}//; 3,10p' "$0" >&2
  exit 2
}

# The addresses are this host's without being its network's: no ARP for them,
# none in their name. IPv6 on lo is never advertised.
own() {
  for a in "$@"; do
    case $a in
      *:*) ip -6 address replace "$a/128" dev lo nodad ;;
      *) ip address replace "$a/32" dev lo ;;
    esac
  done
  sysctl -qw net.ipv4.conf.all.arp_ignore=1 net.ipv4.conf.all.arp_announce=2
}

[ $# -ge 2 ] || usage
mode=$1
shift
case $mode in
  dsr-l2) own "$@" ;;
  dsr-ipip)
    own "$@"
    # The devices that the modules bring with them take what no other tunnel does.
    modprobe ipip 2>/dev/null || :
    modprobe ip6_tunnel 2>/dev/null || :
    ip link set tunl0 up
    ip link set ip6tnl0 up
    # What comes out of them did not come from where its source is routed to.
    sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.tunl0.rp_filter=0
    ;;
  *) usage ;;
esac
