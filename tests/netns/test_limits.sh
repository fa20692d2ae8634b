# shellcheck shell=bash
# SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
# What there is room for, and what happens when there is not.

# many ROUTES: each at a listener of its own, of Gateways with 64 listeners.
many() {
  local i list=()
  gateway_class
  service tcp TCP 7000 "$PORT_IDENTIFY" b1 b2
  for ((i = 0; i < $1; i++)); do
    list+=("l$i:TCP:$((7000 + i))")
    route TCPRoute "r$i" "gw$((i / 64))/l$i" tcp:7000
    if ((i % 64 == 63 || i == $1 - 1)); then
      gateway "gw$((i / 64))" "$VIP4" "${list[@]}"
      list=()
    fi
  done
}

test_max_routes() {
  local said
  two_armed
  start_identify
  attach --max-routes 128
  expect_json limits "$(l4 status -o json)" \
    '.limits | .routes == {used: 0, max: 128} and .backends.max == 8192 and .listeners.max == 16384
      and .chunks.max < 10000'
  many 128 >"$WORK/fits.yaml"
  many 129 >"$WORK/one-more.yaml"
  apply "$WORK/fits.yaml" >/dev/null
  expect_json 'what is used' "$(l4 status -o json)" \
    '.limits | .routes.used == 128 and .backends.used == 512 and .listeners.used == 128
      and .addresses.used == 128 and .chunks.used > 128 * 17 and .chunks.used <= .chunks.max'
  expect_json 'the last one' "$(split tcp "$VIP4" 7127 --count 10)" '(.answers | add) == 10'
  said=$(l4_fails apply -f "$WORK/one-more.yaml")
  expect_match 'why' "$said" 'too many routes: 129 of 128'
  expect_json 'as before' "$(split tcp "$VIP4" 7127 --count 10)" '(.answers | add) == 10'
  # The maps are there: they keep their sizes.
  attach >/dev/null
  expect_json 'limits after another attach' "$(l4 status -o json)" '.limits.routes.max == 128'
  expect_json 'as before' "$(split tcp "$VIP4" 7000 --count 10)" '(.answers | add) == 10'
}

test_max_routes_is_checked() {
  local n
  two_armed
  for n in 127 131073 many ''; do
    ! l4 attach --max-routes "$n" cl0 2>"$WORK/said" || fail "--max-routes $n was taken"
    expect_match "why not $n" "$(<"$WORK/said")" 'expected a number from 128 to 131072'
  done
}

# A Gateway without addresses listens on those of the attached devices, all of them.
test_many_listener_addresses() {
  local i list=()
  two_armed
  start_identify
  for ((i = 0; i < 1000; i++)); do
    printf 'addr add 10.77.%d.%d/32 dev cl0\n' $((i / 250)) $((i % 250 + 1))
  done | ip -n gw -batch -
  attach
  for ((i = 0; i < 64; i++)); do list+=("l$i:TCP:$((7000 + i))"); done
  {
    gateway_class
    gateway gw '' "${list[@]}"
    route TCPRoute r gw tcp:7000
    service tcp TCP 7000 "$PORT_IDENTIFY" b1 b2
  } | apply_stdin
  expect_json 'endpoints' "$(l4 status -o json)" \
    '.limits.addresses | .used >= 64000 and .max == 65536'
  for i in 10.77.0.1:7000 10.77.2.117:7031 10.77.3.250:7063; do
    expect_json "$i" "$(split tcp "${i%:*}" "${i#*:}" --count 5)" '(.answers | add) == 5'
  done
}
