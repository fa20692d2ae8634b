# shellcheck shell=bash
# SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
# Limits of half-open flows: a flood at one listener, and what becomes of others.

# Nobody has these: what is sent to them ends at the client's.
AWAY4=10.1.0.77 AWAY6=fd00:1::77
FLOOD4=10.9.0.0/16 FLOOD6=fd00:9::/112
LIMIT=100
HELD=40
# Of each family. There are 22,528 NAT ports, and none of 80 flows is displaced by so
# many more SYNs once in a hundred billion times, unless something keeps them.
FLOOD=30000

# limited [FIELD]: a listener with such parameters, which is flooded, and one of
# another Gateway beside it, with the same backend.
limited() {
  gateway_class
  parameters few nat
  printf '%s\n' "${1:+  $1}"
  PARAMETERS=few gateway few "$VIP4 $VIP6" "${FEW:-tcp}:TCP:7000"
  gateway usual "$VIP4 $VIP6" tcp:TCP:7001
  route TCPRoute few few tcp:7000
  route TCPRoute usual usual tcp:7000
  service tcp TCP 7000 "$PORT_IDENTIFY" b1
}

ready() {
  local mac
  two_armed
  # The backend has to know no half-open connection, and so forgets none.
  at b1 sysctl -qw net.ipv4.tcp_syncookies=2
  start_identify b1
  mac=$(mac_of cl eth0)
  ip -n gw neigh add "$AWAY4" lladdr "$mac" dev cl0
  ip -n gw neigh add "$AWAY6" lladdr "$mac" dev cl0
  ip -n gw route add "$FLOOD4" via 10.1.0.2
  ip -n gw route add "$FLOOD6" via fd00:1::2
  attach --max-flows 65536
  limited "maxHalfOpen: $LIMIT" >"$WORK/limited.yaml"
  apply "$WORK/limited.yaml"
  split tcp "$VIP4" 7001 --count 1 >/dev/null
  split tcp "$VIP6" 7001 --count 1 >/dev/null
}

# hold TAG SOURCE LISTENER: half-open connections; held TAG ends their handshakes.
hold() {
  at cl "$PYTHON" "$TOOLS/half_open.py" --device eth0 --to "$(mac_of gw cl0)" --source "$2" \
    --listener "$3" --port 7001 --count "$HELD" --ready "$WORK/$1.ready" --go "$WORK/go" \
    >"$WORK/$1.json" 2>"$WORK/$1.log" &
  wait_for 20 "half-open connections '$1'" test -s "$WORK/$1.ready"
  expect "half-open connections '$1'" "$(<"$WORK/$1.ready")" "$HELD"
}

held() {
  touch "$WORK/go"
  wait_for 15 "the end of '$1'" test -s "$WORK/$1.json"
  expect_json "half-open connections '$1'" "$(<"$WORK/$1.json")" \
    ".answered == $HELD and .completed == $HELD and .resets == 0"
}

# Each with its NAT port: one that was forgotten would have another.
held_flows() {
  l4 get flows -o json | jq -c "[.flows[] | select(.client | test(\"$AWAY4|$AWAY6\"))
    | [.client, .nat, .state, .surplus]] | sort"
}

# syns COUNT SEED: of anybody to the limited listener, of both families.
syns() {
  at cl "$PYTHON" "$ROOT/tests/chaos/inject.py" SYN "$1" --src "$FLOOD4-1024-65535" \
    --dst "$VIP4-7000-7000" --seed "$2"
  at cl "$PYTHON" "$ROOT/tests/chaos/inject.py" SYN "$1" --src "$FLOOD6-1024-65535" \
    --dst "$VIP6-7000-7000" --seed "$2"
}

# Until it has been enough.
flood() {
  local seed=0
  while [[ ! -e $WORK/enough ]]; do
    seed=$((seed + 1))
    syns 5000 "$seed"
  done
}

# of GATEWAY FILTER: about its listener, in stats.
of() {
  expect_json "listener of $1" "$(l4 stats -o json)" \
    ".listeners[] | select(.gateway == \"$1\") | $2"
}

# has_surplus COUNT: flows of the limited listener, so far.
has_surplus() {
  l4 stats -o json | jq -e ".listeners[] | select(.gateway == \"few\").halfOpen.surplus > $1"
}

# More SYNs than there are NAT ports towards the backend that both have.
test_flood_at_another_listener() {
  local before flood
  ready
  hold four "$AWAY4" "$VIP4"
  hold six "$AWAY6" "$VIP6"
  before=$(held_flows)
  expect_json 'half-open connections' "$before" \
    "length == 2 * $HELD and all(.[2:] == [\"half-open\", false])"
  of usual ".halfOpen == {flows: $((2 * HELD)), limit: 1024, full: false, surplus: 0}"
  flood &
  flood=$!
  wait_for 20 'the limit' has_surplus 0
  for a in $VIPS; do
    expect_json "clients of the flooded listener, $a" \
      "$(split tcp "$a" 7000 --count 40 --concurrency 4)" '.answers == {b1: 40}'
  done
  wait_for 40 'enough of a flood' has_surplus $((2 * FLOOD))
  touch "$WORK/enough"
  wait "$flood"
  says_full
  # CPUs that look at once may each let one through.
  of few ".halfOpen | .full and .limit == $LIMIT and .flows >= $LIMIT
    and .flows <= $LIMIT + $(nproc)"
  of usual ".halfOpen == {flows: $((2 * HELD)), limit: 1024, full: false, surplus: 0}"
  expect 'half-open connections of the other listener' "$(held_flows)" "$before"
  held four
  held six
  of usual '.halfOpen.flows == 0'
}

# What people and programs are told of a listener that is full.
says_full() {
  local json
  json=$(l4 status -o json)
  expect_json 'status' "$json" '.half_open.TCP | .flows > 100 and .limit == 8192 and .full == false'
  expect_json 'status' "$json" '.full_listeners | length == 1 and
    (.[0] | .gateway == "few" and .name == "tcp" and .limit == 100 and .surplus > 0)'
  expect_match 'status' "$(l4 status)" \
    '^full +listener default/few/tcp has 1[0-9][0-9] half-open flows of 100: new ones are surplus, [0-9]+ so far'
  expect_match 'get listeners' "$(l4 get listeners)" 'few +- +tcp .* 1[0-9][0-9] of 100 +[1-9][0-9]*  '
  expect_match 'get gateway' "$(l4 get gateway few)" 'has 1[0-9][0-9] half-open flows of 100: new ones are surplus'
  expect_match 'get gateway' "$(l4 get gateway few)" 'maxHalfOpen'
  expect_match 'stats' "$(l4 stats)" '^listener +default/few/tcp +1[0-9][0-9] +100 +[1-9][0-9]*$'
  expect_no_match 'stats' "$(l4 stats | sed -n '/^HALF-OPEN/,/^$/p')" 'default/usual'
  expect_match 'get flows' "$(l4 get flows)" 'half-open, surplus +[0-9]+ s'
  json=$(l4 explain tcp 10.1.0.2:5000 "$VIP4:7000" -o json)
  expect_json 'explain' "$json" '.flow.new and .flow.surplus and
    (.why | any(test("listener has 1[0-9][0-9] half-open flows of 100, the node [0-9]+ of 8192")))'
  expect_match 'explain' "$(l4 explain tcp 10.1.0.2:5000 "$VIP4:7000")" '^flow +a new one, surplus$'
  expect_json 'explain' "$(l4 explain tcp 10.1.0.2:5000 "$VIP4:7001" -o json)" \
    '.flow == {known: false, new: true, state: null, idle: null, surplus: false} and .why == []'
}

# A limit is changed while flows live; a number that is used anew begins at zero.
test_change_of_the_limit() {
  local id
  ready
  syns 300 1
  of few '.halfOpen | .limit == 100 and .full and .surplus > 300'
  live_start tcp "$VIP4" 7000 --count 10
  limited 'maxHalfOpen: 1000' >"$WORK/more.yaml"
  expect 'what changes' "$(apply "$WORK/more.yaml")" '~ listener default/few/tcp'
  of few '.halfOpen | .limit == 1000 and (.full | not)'
  limited >"$WORK/none.yaml"
  expect 'what changes' "$(apply "$WORK/none.yaml")" '~ listener default/few/tcp'
  of few '.halfOpen | .limit == 1024 and .flows > 90 and .surplus > 300'
  no_harm 'flows of the listener' "$(live_stop tcp)"
  id=$(l4 stats -o json | jq '.listeners[] | select(.gateway == "few").id')
  FEW=once limited >"$WORK/once.yaml"
  apply "$WORK/once.yaml"
  FEW=again limited >"$WORK/again.yaml"
  apply "$WORK/again.yaml"
  of few ".id == $id and .name == \"again\" and .stats.flows == 0
    and .halfOpen == {flows: 0, limit: 1024, full: false, surplus: 0}"
}
