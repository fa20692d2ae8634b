# shellcheck shell=bash
# SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
# What clients must find, in any topology and mode.

# Packets that arrived with a wrong TCP or UDP checksum, over all hosts.
checksum_errors() {
  local file sum=0 n
  for file in /run/netns/*; do
    n=$(at "${file##*/}" nstat -asz TcpInCsumErrors UdpInCsumErrors Udp6InCsumErrors \
      IcmpInCsumErrors Icmp6InCsumErrors | awk '!/^#/ {s += $2} END {print s + 0}')
    sum=$((sum + n))
  done
  printf '%s\n' "$sum"
}

expect_checksums() {
  expect 'packets with a wrong checksum' "$(checksum_errors)" 0
}

# only_backends JSON COUNT WHAT
only_backends() {
  jq -e --arg count "$2" '(.answers | add) == ($count | tonumber)
    and (.answers | keys - ["b1", "b2", "b3"]) == []' <<<"$1" >/dev/null ||
    fail "$3: not all $2 answered: $1"
}

# check_address ADDRESS: of full_manifest
check_address() {
  local a=$1 wanted
  wanted=$(sha256sum <"$WORK/data" | cut -d' ' -f1)
  only_backends "$(split http "$a" 80 --count 30)" 30 "HTTP on $a"
  only_backends "$(split dns "$a" 53 --count 30)" 30 "DNS on $a"
  only_backends "$(split tcp "$a" 7000 --count 60)" 60 "TCP on $a"
  only_backends "$(split udp "$a" 7000 --count 60)" 60 "UDP on $a"
  expect "dig $a" "$(at cl dig +short +time=2 +tries=1 "@$a" www.test A)" 192.0.2.80
  expect "dig +tcp $a" "$(at cl dig +short +tcp +time=2 +tries=1 "@$a" www.test AAAA)" \
    2001:db8::80
  expect "redis set on $a" "$(at cl redis-cli -h "$a" set color blue)" OK
  expect "redis get on $a" "$(at cl redis-cli -h "$a" get color)" blue
  expect "10 MB from nginx on $a" "$(download_sum "$a")" "$wanted"
  expect_json "10 MB there and back on $a" "$(transfer "$a" 7000)" '.same'
}

# All that must work in any topology and mode.
check_traffic() {
  check_address "$VIP4"
  check_address "$VIP6"
  expect_checksums
}

# peers_are gateway|client: whose address the backends see.
peers_are() {
  local json a
  for a in "$VIP4" "$VIP6"; do
    json=$(split tcp "$a" 7000 --count 10)
    case $1 in
      client) expect_json "client address kept" "$json" \
        '.peers | keys - ["10.1.0.2", "fd00:1::2"] == []' ;;
      gateway) expect_json "client address replaced" "$json" \
        '.peers | keys | any(. == "10.1.0.2" or . == "fd00:1::2") | not' ;;
    esac
  done
}

# reason NAME: packets that left for it, at all hooks.
reason() {
  l4 stats -o prometheus | awk -v name="reason=\"$1\"" '
    /^l4gate_reason_packets_total/ && index($0, name) {s += $NF}
    END {printf "%d\n", s}'
}

# no_harm WHAT JSON: of live_stop.
no_harm() {
  expect_json "$1" "$2" '.resets + .mismatches + .timeouts + .refused == 0 and .errors == {}'
}
