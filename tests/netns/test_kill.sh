# shellcheck shell=bash
# SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
# apply and attach, killed or failed at each of their bpf() calls in turn. What
# packets see, and what `get` shows, is the old config or the new one.

OLD='100 0 0'
NEW='0 100 0'

ready() {
  two_armed
  start_identify
  # shellcheck disable=SC2086 # three words
  split_manifest $OLD >"$WORK/old.yaml"
  # shellcheck disable=SC2086 # three words
  split_manifest $NEW >"$WORK/new.yaml"
}

# injected INJECTION COMMAND...: l4gate under strace; its exit code is lost.
injected() {
  local injection=$1
  shift
  at gw strace -f -qq -e trace=bpf -e "inject=bpf:$injection" -o "$WORK/strace" \
    "$L4GATE" --pin-dir "$PIN_DIR" "$@" >"$WORK/said" 2>&1 || true
}

# An attach makes several for each map and program: at so many of them, evenly, is enough.
ATTACH_KILLS=40

# How many bpf() calls a command makes.
bpf_calls() {
  at gw strace -f -qq -e trace=bpf -o "$WORK/strace" \
    "$L4GATE" --pin-dir "$PIN_DIR" "$@" >"$WORK/said" 2>&1 || fail "$(<"$WORK/said")"
  grep -c 'bpf(' "$WORK/strace"
}

# Old, new, or something else.
seen_by_packets() {
  split "$1" "$VIP4" 7000 --count 8 --concurrency 4 --timeout 1 |
    jq -r 'if .answers == {b1: 8} then "old" elif .answers == {b2: 8} then "new"
      else "mixed: \(.)" end'
}

# The weights of the TCPRoute's first backendRef, wherever `get` puts them.
seen_by_get() {
  local text
  text=$(get routes 2>&1) || {
    printf 'get failed: %s\n' "$text"
    return
  }
  case $text in
    "$OLD_ROUTES") printf 'old\n' ;;
    "$NEW_ROUTES") printf 'new\n' ;;
    *) printf 'mixed: %s\n' "$text" ;;
  esac
}

old_or_new() {
  local got=$1 tcp=$2 udp=$3 at=$4
  [[ $tcp == old || $tcp == new ]] || fail "call $at: TCP sees $tcp"
  [[ $udp == "$tcp" ]] || fail "call $at: TCP sees $tcp, UDP sees $udp"
  [[ $got == "$tcp" ]] || fail "call $at: get shows $got, packets see $tcp"
}

pins() {
  find "$PIN_DIR" | sed "s/state-[0-9]*/state/" | sort
}

remember_routes() {
  apply "$WORK/new.yaml" >/dev/null
  NEW_ROUTES=$(get routes)
  apply "$WORK/old.yaml" >/dev/null
  OLD_ROUTES=$(get routes)
  [[ $OLD_ROUTES != "$NEW_ROUTES" ]] || fail 'get routes does not show weights'
}

apply_at_every_call() {
  local injection=$1 calls n new=0 old=0 before
  ready
  attach
  remember_routes
  before=$(pins)
  calls=$(bpf_calls apply -f "$WORK/new.yaml")
  ((calls > 3)) || fail "only $calls bpf() calls"
  for ((n = 1; n <= calls + 1; n++)); do
    apply "$WORK/old.yaml" >/dev/null
    injected "$injection:when=$n" apply -f "$WORK/new.yaml"
    tcp=$(seen_by_packets tcp)
    old_or_new "$(seen_by_get)" "$tcp" "$(seen_by_packets udp)" "$n of $calls"
    if [[ $tcp == new ]]; then new=$((new + 1)); else old=$((old + 1)); fi
  done
  apply "$WORK/old.yaml" >/dev/null
  expect 'pins after all' "$(pins)" "$before"
  ((new > 0 && old > 0)) || fail "always the same of $calls calls: $old old, $new new"
  printf '%s calls: %s old, %s new\n' "$calls" "$old" "$new"
}

test_apply_killed_at_every_call() {
  apply_at_every_call signal=KILL
}

test_apply_without_memory_at_every_call() {
  apply_at_every_call error=ENOMEM
}

# A failing call must make apply fail with a message, or not matter at all.
test_failed_call_is_reported() {
  local calls n code
  ready
  attach
  remember_routes
  calls=$(bpf_calls apply -f "$WORK/new.yaml")
  for ((n = 1; n <= calls; n++)); do
    apply "$WORK/old.yaml" >/dev/null
    code=0
    at gw strace -f -qq -e trace=bpf -e "inject=bpf:error=EPERM:when=$n" -o "$WORK/strace" \
      "$L4GATE" --pin-dir "$PIN_DIR" apply -f "$WORK/new.yaml" >"$WORK/said" 2>&1 || code=$?
    case $code in
      0) [[ $(seen_by_packets tcp) == new ]] || fail "call $n: success, but the old config" ;;
      1) [[ -s $WORK/said ]] || fail "call $n: failed without a word" ;;
      *) fail "call $n: exit code $code: $(<"$WORK/said")" ;;
    esac
  done
}

# A killed attach leaves something that the next attach makes whole.
test_attach_killed_at_every_call() {
  local calls n
  ready
  calls=$(bpf_calls attach cl0 be0)
  l4 detach
  find "$PIN_DIR" -mindepth 1 -delete 2>/dev/null || true
  for ((n = 1; n <= calls; n += 1 + calls / ATTACH_KILLS)); do
    injected "signal=KILL:when=$n" attach cl0 be0
    # Whatever is there: a node that forwards for others goes on doing so.
    at cl ping -c 1 -W 2 -q "${ADDRESS4[b1]}" >/dev/null || fail "call $n: no forwarding"
    attach >"$WORK/again" 2>&1 || fail "attach after a kill at call $n: $(<"$WORK/again")"
    apply "$WORK/old.yaml" >/dev/null
    [[ $(seen_by_packets tcp) == old ]] || fail "call $n: no traffic after attach"
    l4 detach
    find "$PIN_DIR" -mindepth 1 -delete 2>/dev/null || true
  done
}

# ... and a killed re-attach leaves traffic alone.
test_reattach_killed_at_every_call() {
  local calls n json
  ready
  attach
  apply "$WORK/old.yaml"
  calls=$(bpf_calls attach cl0 be0)
  live_start tcp "$VIP4" 7000 --count 30 --interval 0.05 --seconds 100
  for ((n = 1; n <= calls; n += 1 + calls / ATTACH_KILLS)); do
    injected "signal=KILL:when=$n" attach cl0 be0
    [[ $(seen_by_packets tcp) == old ]] || fail "no traffic after a kill at call $n"
  done
  attach
  json=$(live_stop tcp)
  expect_json 'live connections' "$json" \
    '.resets + .mismatches + .timeouts + .refused == 0 and .errors == {}'
}
