# shellcheck shell=bash
# SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
# What published statuses say, and where new flows go. Flows are checked on both
# addresses of the Gateways.

# ---------------------------------------------------------------- statuses

# A condition that is as it should be is its type alone.
CONDITIONS='def conditions: map(if .status == "True" and .reason == .type then .type
  else "\(.type)=\(.status)/\(.reason)" end) | join(" ");'

# route_is NAME CONDITIONS: of its only parent.
route_is() {
  expect "status of route $1" "$(l4 get routes -o json | jq -r --arg name "$1" \
    "$CONDITIONS"'.routes[] | select(.name == $name) | .status.parents[]
      | .conditions | conditions')" "$2"
}

# route_says NAME REGEX: one of its messages.
route_says() {
  expect_match "messages of route $1" "$(l4 get routes -o json | jq -r --arg name "$1" \
    '.routes[] | select(.name == $name) | .status.parents[].conditions[].message')" "$2"
}

gateway_is() {
  expect "status of Gateway $1" "$(l4 get gateways -o json | jq -r --arg name "$1" \
    "$CONDITIONS"'.gateways[] | select(.name == $name) | .status.conditions | conditions')" "$2"
}

# listener_is NAME "CONDITIONS, ATTACHED-ROUTES, SUPPORTED-KIND..."
listener_is() {
  expect "status of listener $1" "$(l4 get listeners -o json | jq -r --arg name "$1" \
    "$CONDITIONS"'.listeners[] | select(.name == $name)
      | [(.conditions | conditions), .attachedRoutes, .supportedKinds[].kind]
      | join(", ")')" "$2"
}

# ---------------------------------------------------------------- traffic

# reaches KIND PORT BACKEND [COUNT]: all new flows go there.
reaches() {
  local a
  for a in $VIPS; do
    expect_json "$1 to $a port $2" "$(split "$1" "$a" "$2" --count "${4:-20}")" \
      ".answers == {$3: ${4:-20}}"
  done
}

# rejects KIND PORT: every new flow, before a SYN would be sent again.
rejects() {
  local a
  for a in $VIPS; do
    expect_json "$1 to $a port $2" "$(split "$1" "$a" "$2" --count 10 --concurrency 2)" \
      '.refused == 10 and .slowest_refusal_ms < 900'
  done
}

# ignores KIND PORT: the packets are none of ours.
ignores() {
  local a
  for a in $VIPS; do
    expect_json "$1 to $a port $2" "$(split "$1" "$a" "$2" --count 2 --timeout 0.5)" \
      '.answers == {} and .refused == 0'
  done
}

# shares_are WHAT JSON WANTED: {NAME: PERCENT}, refused as the name of the rejected.
# New flows are independent draws: no more than five standard deviations off, which
# one of a million correct splits is; of 0 and 100 % nothing. Nobody else answers.
shares_are() {
  jq -e ". as \$split | $3 | to_entries
    | (map(.got = if .key == \"refused\" then \$split.refused
                  else \$split.answers[.key] // 0 end)) as \$shares
    | (\$shares | map(.got) | add) == \$split.count
      and all(\$shares[]; (.value / 100) as \$p | \$split.count as \$n
        | (.got - \$n * \$p | fabs) <= 5 * (\$n * \$p * (1 - \$p) | sqrt))" \
    <<<"$2" >/dev/null 2>&1 || fail "$1: shares in percent are not $3: $2"
}

# shares KIND PORT COUNT WANTED: see shares_are.
shares() {
  local a
  for a in $VIPS; do
    shares_are "$1 to $a port $2" "$(split "$1" "$a" "$2" --count "$3")" "$4"
  done
}
