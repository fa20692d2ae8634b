# shellcheck shell=bash
# SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
# What apply and get say about objects that are not as they should be.

# A route that serves, one that came later, one that no listener wants, and a
# listener of a protocol that is none of ours. $1: the generation of all.
mixed_manifest() {
  local name=(serves late stray) listener=(tcp tcp none) i
  gateway_class
  gateway gw "$VIP4" tcp:TCP:7000 http:HTTP:8080
  for i in 0 1 2; do
    route TCPRoute "${name[i]}" "gw/${listener[i]}" tcp-b1:7000 |
      sed "s/^  name: ${name[i]}$/&\n  generation: $1\n  creationTimestamp: \"2026-01-01T00:00:0${i}Z\"/"
  done
  service tcp-b1 TCP 7000 "$PORT_IDENTIFY" b1
}

ready() {
  two_armed
  start_identify
  mixed_manifest 1 >"$WORK/mixed.yaml"
  attach
}

test_apply_warns_once_an_object() {
  local said
  ready
  said=$(l4 apply -f "$WORK/mixed.yaml" 2>&1 >/dev/null | grep -c 'warning: ')
  expect 'warnings: the Gateway, the stray route' "$said" 2
  said=$(l4 apply -f "$WORK/mixed.yaml" 2>&1 >/dev/null)
  expect_match 'the Gateway' "$said" 'Gateway default/gw: Accepted is True, ListenersNotValid: .*http.*more'
  expect_match 'the stray route' "$said" 'TCPRoute default/stray, .*NoMatchingParent'
}

test_get_shows_what_carries_nothing() {
  local table
  ready
  l4 apply -f "$WORK/mixed.yaml" 2>/dev/null
  table=$(l4 get routes)
  expect_match 'serves' "$table" 'serves +TCPRoute +True +True .*tcp-b1:7000 100'
  expect_match 'late' "$table" 'late +TCPRoute +True +True .*another route goes first'
  expect_match 'stray' "$table" 'stray +TCPRoute +False +True .*not accepted'
  table=$(l4 get listeners)
  expect_match 'tcp' "$table" 'tcp +TCP +7000 +True +True +True +serves'
  expect_match 'http' "$table" 'http +HTTP +8080 +False +False +True +-'
  expect_match 'gateways' "$(l4 get gateways)" 'gw +l4gate +True +True +1 of 2 +'"$VIP4"
  expect_match 'classes' "$(l4 get classes)" 'l4gate +True'
  expect_match 'wide has reasons' "$(l4 get routes -o wide)" 'Accepted is False, NoMatchingParent: '
  expect_no_match 'a table has none' "$(l4 get routes)" 'NoMatchingParent'
  expect_json 'json' "$(l4 get routes -o json)" \
    '[.routes[] | select(.id == null) | .name] == ["late", "stray"]'
  expect_json 'conditions' "$(l4 get routes -o json)" '.routes | all(.status.parents[0].conditions | length == 2)'
  expect_match 'yaml' "$(l4 get gateways -o yaml)" '^  *reason: ListenersNotValid'
}

# Statuses alone: published, but packets' generation, tables and counters stay.
test_apply_of_statuses_alone() {
  local before after said
  ready
  l4 apply -f "$WORK/mixed.yaml" 2>/dev/null
  expect_json 'traffic' "$(split tcp "$VIP4" 7000 --count 20)" '.answers == {b1: 20}'
  before=$(l4 status -o json | jq .generation)
  mixed_manifest 2 >"$WORK/mixed2.yaml"
  l4 diff -f "$WORK/mixed2.yaml" >"$WORK/diff" && fail 'diff does not see statuses'
  said=$(l4 apply -f "$WORK/mixed2.yaml" 2>/dev/null)
  expect 'diff and apply' "$said" "$(<"$WORK/diff")"
  expect 'what changed' "$said" '~ status of TCPRoute/default/late
~ status of TCPRoute/default/serves
~ status of TCPRoute/default/stray'
  after=$(l4 status -o json | jq .generation)
  expect 'generation of what packets see' "$after" "$before"
  expect_json 'published' "$(l4 get routes -o json)" \
    '.routes | all(.status.parents[0].conditions | all(.observedGeneration == 2))'
  expect 'again' "$(l4 apply -f "$WORK/mixed2.yaml" 2>/dev/null)" unchanged
  expect_json 'counters' "$(l4 get routes -o json)" '.routes[] | select(.name == "serves") | .stats.flows == 20'
  expect 'states' "$(find "$PIN_DIR" -name 'state-*' | wc -l)" 1
}

# No object can be reached, but what is wrong with each can be read.
test_statuses_without_traffic() {
  ready
  {
    gateway_class
    gateway gw "$VIP4" http:HTTP:8080
  } >"$WORK/nothing.yaml"
  l4 apply -f "$WORK/nothing.yaml" 2>/dev/null
  expect_json 'a first apply' "$(l4 get gateways -o json)" '.gateways[0].status.conditions[0].status == "False"'
}

test_strict_applies_nothing() {
  local said
  ready
  said=$(l4_fails apply --strict -f "$WORK/mixed.yaml")
  expect_match 'why' "$said" 'mixed.yaml:[0-9]+:[0-9]+: error: TCPRoute default/stray, .*NoMatchingParent'
  expect_json 'nothing is applied' "$(l4 get listeners -o json)" '.generation == 0 and .listeners == []'
}

# One route for a person: each name, rule and piece of advice.
test_describe_route() {
  local said
  ready
  l4 apply -f "$WORK/mixed.yaml" 2>/dev/null
  split tcp "$VIP4" 7000 --count 20 >/dev/null
  said=$(l4 get route serves)
  expect_match 'where it serves' "$said" "listener tcp of Gateway default/gw: TCP port 7000 of $VIP4"
  expect_match 'who lost' "$said" 'goes before TCPRoute default/late, which gets nothing here: it is older \(2026-01-01T00:00:00Z, 2026-01-01T00:00:01Z\)'
  expect_match 'share' "$said" 'Service default/tcp-b1 port 7000, weight 1: 100.00 % wanted; 100.00 % of IPv4, 100.00 % of IPv6'
  expect_match 'endpoint' "$said" "${ADDRESS4[b1]}:[0-9]+ +100.00 % of IPv4; 20 new flows so far"
  expect_match 'all is well' "$said" '^Nothing is wrong'
  said=$(l4 get route late)
  expect_match 'carries nothing' "$said" '^TCPRoute default/late carries no traffic'
  expect_match 'who won' "$said" 'waits for TCPRoute default/serves, which goes first: it is older'
  expect_match 'what to do' "$said" 'attach to another listener'
  said=$(l4 get routes stray -n default)
  expect_match 'why it is refused' "$said" 'At Gateway default/gw: Accepted is False, NoMatchingParent: .*it has tcp'
  expect_match 'what to do' "$said" 'Correct sectionName'
  expect_json 'for machines' "$(l4 get route late -o json)" \
    '.route.listeners[0] | .fate == "waits" and .rule == "older" and .winner.name == "serves"'
  expect_match 'none of that name' "$(l4_fails get route nosuch)" 'route nosuch: .*none'
  expect_match 'a table all the same' "$(l4 get routes late -o table)" '^NAMESPACE'
}

test_describe_gateway() {
  local said
  ready
  l4 apply -f "$WORK/mixed.yaml" 2>/dev/null
  said=$(l4 get gateway gw)
  expect_match 'itself' "$said" "^Gateway default/gw of class l4gate, at $VIP4"
  expect_match 'what serves' "$said" 'tcp, TCP port 7000: is served by TCPRoute default/serves, one of 2 that are attached; 0 new flows'
  expect_match 'what does not' "$said" 'http, HTTP port 8080: is not programmed'
  expect_match 'why' "$said" 'Accepted is False, UnsupportedProtocol'
  expect_match 'what to do' "$said" 'Give the listener protocol TCP or UDP'
  expect_json 'for machines' "$(l4 get gateways gw -o json)" \
    '.gateway.listeners | map(.servedBy.name) == ["serves", null]'
}

# Without timestamps, with a name that two kinds have, and without IPv4.
test_describe_names() {
  local said
  ready
  {
    gateway_class
    gateway gw "$VIP4" tcp:TCP:7000 udp:UDP:7000
    route TCPRoute a gw/tcp tcp-b1:7000 nosuch:7000
    route TCPRoute b gw/tcp tcp-b1:7000
    route UDPRoute a gw/udp udp-b1:7000
    service tcp-b1 TCP 7000 "$PORT_IDENTIFY" b1
    FAMILIES=6 service udp-b1 UDP 7000 "$PORT_IDENTIFY" b1
  } >"$WORK/names.yaml"
  l4 apply -f "$WORK/names.yaml" 2>/dev/null
  said=$(l4_fails get route a)
  expect_match 'which ones' "$said" '-n default TCPRoute/a'
  expect_match 'which ones' "$said" '-n default UDPRoute/a'
  said=$(l4 get route TCPRoute/a)
  expect_match 'by name' "$said" 'goes before TCPRoute default/b, .*not all routes of this listener have a creationTimestamp, and default/a comes before default/b by name'
  expect_match 'half is rejected' "$said" 'Service default/nosuch port 7000, weight 1: 50.00 % wanted, REJECTED .*49.95 % of IPv4'
  expect_match 'why' "$said" 'ResolvedRefs is False, BackendNotFound: .*nosuch'
  said=$(l4 get route udproute/a)
  expect_match 'a family is missing' "$said" 'IPv4: every new flow is rejected'
  expect_match 'what to do about it' "$said" 'IPv4 clients'
}
