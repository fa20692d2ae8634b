# shellcheck shell=bash
# SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
# attach, detach, apply: repeated, interrupted, refused, without rights.

ready() {
  two_armed
  start_identify
  split_manifest 70 30 0 >"$WORK/split.yaml"
}

works() {
  expect_json "$1" "$(split tcp "${2:-$VIP4}" 7000 --count 40)" '(.answers | add) == 40'
}

no_harm() {
  expect_json "$1" "$2" '.resets + .mismatches + .timeouts + .refused == 0 and .errors == {}'
}

test_attach_twice() {
  local first second
  ready
  attach
  first=$(l4 status -o json)
  attach
  second=$(l4 status -o json)
  expect 'devices after attaching twice' \
    "$(jq -cS '[.. | objects | select(has("mode")) | .mode]' <<<"$second")" \
    "$(jq -cS '[.. | objects | select(has("mode")) | .mode]' <<<"$first")"
  apply "$WORK/split.yaml"
  works 'after attaching twice'
}

test_attach_one_by_one() {
  ready
  l4 attach cl0
  l4 attach be0
  apply "$WORK/split.yaml"
  works 'attached one by one'
}

test_apply_before_attach() {
  ready
  expect_match 'says what to do first' "$(l4_fails apply -f "$WORK/split.yaml")" 'l4gate attach'
  attach
  apply "$WORK/split.yaml"
  works 'applied after attached'
}

test_attach_says_which_mode() {
  ready
  expect_match 'attach' "$(l4 attach cl0 be0 --mode tc 2>&1)" '\btc\b'
  expect_match 'attach' "$(l4 attach cl0 be0 --mode native 2>&1)" 'native'
  expect_match 'attach' "$(l4 attach cl0 be0 2>&1)" 'native|generic|tc'
}

# The program is replaced in place: nothing is lost on the way.
test_reattach_under_traffic() {
  local json
  ready
  attach
  apply "$WORK/split.yaml"
  live_start tcp "$VIP4" 7000 --count 100 --interval 0.05
  live_start udp "$VIP4" 7000 --count 50 --udp --interval 0.02 --size 100
  for _ in 1 2 3 4 5 6; do
    attach
    apply "$WORK/split.yaml"
  done
  no_harm TCP "$(live_stop tcp)"
  json=$(live_stop udp)
  no_harm UDP "$json"
  expect_json UDP "$json" '.moves == 0 and .exchanges > 1000'
  expect_checksums
}

test_detach() {
  ready
  attach
  apply "$WORK/split.yaml"
  works 'before detach'
  l4 detach
  expect 'XDP programs after detach' \
    "$(at gw ip -j link show dev cl0 | jq -c '.[0].xdp.mode // 0')" 0
  expect 'filters after detach' "$(at gw tc filter show dev cl0 ingress)" ''
  expect_json 'nobody serves' "$(split tcp "$VIP4" 7000 --count 3 --timeout 1)" '.answers == {}'
  l4 detach
  attach
  apply "$WORK/split.yaml"
  works 'attached again'
}

test_detach_one() {
  ready
  attach --mode native
  apply "$WORK/split.yaml"
  l4 detach be0
  expect 'XDP on the other device stays' \
    "$(at gw ip -j link show dev cl0 | jq '.[0].xdp != null')" true
  expect 'no XDP here' "$(at gw ip -j link show dev be0 | jq '.[0].xdp == null')" true
}

test_modes_change_in_place() {
  local mode
  ready
  for mode in tc native generic tc auto; do
    attach --mode "$mode"
    apply "$WORK/split.yaml"
    works "mode $mode"
  done
}

test_foreign_xdp_program() {
  local said id
  ready
  ip -n gw link set dev cl0 xdpdrv obj "$(test_object pass)" sec xdp
  id=$(at gw ip -j link show dev cl0 | jq '.[0].xdp.prog.id')
  said=$(l4_fails attach cl0 --mode native)
  expect_match 'names the program' "$said" 'netns_pass'
  expect_match 'its id' "$said" "\\b$id\\b"
  expect_match 'the device' "$said" cl0
  expect 'the foreign program stays' "$(at gw ip -j link show dev cl0 | jq '.[0].xdp.prog.id')" "$id"
  l4 attach cl0 be0 --mode tc
  apply "$WORK/split.yaml"
  works 'TC beside a foreign XDP program'
}

test_ours_cannot_be_taken_off() {
  ready
  attach --mode native
  ! ip -n gw link set dev cl0 xdp off 2>/dev/null || fail 'ip link took our program off'
  apply "$WORK/split.yaml"
  works 'after the attempt'
}

test_unknown_device() {
  ready
  expect_match 'unknown device' "$(l4_fails attach nosuch0)" 'nosuch0'
  # One bad name: none is attached.
  l4_fails attach cl0 nosuch0 >/dev/null
  expect 'no XDP' "$(at gw ip -j link show dev cl0 | jq '.[0].xdp == null')" true
}

test_device_gone_and_back() {
  ready
  attach
  apply "$WORK/split.yaml"
  works 'before'
  ip -n gw link del cl0
  l4 status >/dev/null || true
  wire cl eth0 gw cl0
  pass_program cl eth0
  address cl eth0 10.1.0.2/24 fd00:1::2/64
  address gw cl0 10.1.0.1/24 fd00:1::1/64
  default_route cl 10.1.0.1 fd00:1::1
  attach
  works 'after one command'
}

# Maps whose meaning may have changed are never used: what runs goes on.
test_maps_of_another_version() {
  local pin="$PIN_DIR/l4gate_meta" value
  ready
  attach
  apply "$WORK/split.yaml"
  value=$(bpftool -j map lookup pinned "$pin" key 0 0 0 0 | jq -r '.value | join(" ")')
  # shellcheck disable=SC2086 # bytes; the first eight are the version
  bpftool map update pinned "$pin" key 0 0 0 0 value 0x11 0x22 ${value#* * } any
  expect_match 'apply' "$(l4_fails apply -f "$WORK/split.yaml")" 'another version'
  expect_match 'attach' "$(l4_fails attach cl0)" 'another version'
  expect_match 'stats' "$(l4_fails stats)" 'another version'
  works 'what is attached'
  # Nor need it have all maps that this version has.
  rm "$PIN_DIR/l4gate_address_index"
  l4 detach
  attach
  apply "$WORK/split.yaml"
  works 'anew'
}

# A veth peer without XDP program and GRO loses what XDP sends it, in silence:
# attach can't see the peer, but it can say so.
test_veth_peer_is_mentioned() {
  # shellcheck disable=SC2034 # read by the topology
  PASS=off
  ready
  expect_match 'attach --mode native' "$(l4 attach cl0 be0 --mode native 2>&1)" 'veth|gro|peer'
  attach --mode tc
  apply "$WORK/split.yaml"
  works 'TC does not mind'
}

test_mtu_too_large_for_native() {
  local said
  # An XDP program on the other end would forbid the MTU; GRO is as good.
  # shellcheck disable=SC2034 # read by the topology
  PASS=off
  ready
  at cl ethtool -K eth0 gro on
  at sw ethtool -K gw-be0 gro on
  ip -n gw link set cl0 mtu 9000
  ip -n cl link set eth0 mtu 9000
  if l4 attach cl0 be0 --mode native >"$WORK/said" 2>&1; then
    # A program that takes frames in pieces may well attach; then it must work.
    apply "$WORK/split.yaml"
    works 'native at MTU 9000'
    expect_json '10 MB at MTU 9000' "$(transfer "$VIP4" 7000)" .same
    return
  fi
  said=$(<"$WORK/said")
  expect_match 'MTU' "$said" 'mtu.*9000|9000.*mtu'
  said=$(l4 attach cl0 be0 2>&1)
  expect_match 'auto falls back, and says why' "$said" 'generic|tc'
  expect_match 'why' "$said" 'mtu|veth'
  apply "$WORK/split.yaml"
  works 'the mode that auto found'
  expect_json '10 MB in the mode that auto found' "$(transfer "$VIP4" 7000)" .same
}

# Writes to maps, seen by the kernel's door.
map_writes() {
  at gw strace -f -qq -e trace=bpf -o "$WORK/strace" \
    "$L4GATE" --pin-dir "$PIN_DIR" apply -f "$1" >"$WORK/said" 2>&1 || fail "$(<"$WORK/said")"
  grep -Ec 'BPF_MAP_(UPDATE|DELETE)|BPF_OBJ_PIN' "$WORK/strace" || true
}

test_apply_twice_writes_nothing() {
  local generation
  ready
  attach
  expect_match 'first apply says what it did' "$(apply "$WORK/split.yaml")" 'tcp'
  generation=$(l4 status -o json | jq -c '.. | objects | .generation? // empty' | head -n 1)
  expect 'writes of the second apply' "$(map_writes "$WORK/split.yaml")" 0
  expect 'generation' \
    "$(l4 status -o json | jq -c '.. | objects | .generation? // empty' | head -n 1)" \
    "$generation"
  split_manifest 70 30 1 >"$WORK/other.yaml"
  (($(map_writes "$WORK/other.yaml") > 0)) || fail 'a change wrote nothing'
}

# The order of documents and files is not part of the config.
test_apply_permuted_writes_nothing() {
  ready
  attach
  apply "$WORK/split.yaml"
  "$PYTHON" - "$WORK/split.yaml" >"$WORK/permuted.yaml" <<'PY'
import sys
documents = [d for d in open(sys.argv[1]).read().split("---\n") if d.strip()]
print("".join("---\n" + d for d in reversed(documents)), end="")
PY
  expect 'writes' "$(map_writes "$WORK/permuted.yaml")" 0
}

test_dry_run_changes_nothing() {
  local before
  ready
  attach
  apply "$WORK/split.yaml"
  before=$(config)
  split_manifest 0 100 0 >"$WORK/other.yaml"
  l4 apply --dry-run -f "$WORK/other.yaml"
  expect 'config after a dry run' "$(config)" "$before"
  expect_json 'weights after a dry run' "$(split tcp "$VIP4" 7000 --count 50)" '.answers.b1 > 20'
}

test_diff() {
  local code
  ready
  attach
  apply "$WORK/split.yaml"
  l4 diff -f "$WORK/split.yaml" || fail 'diff of what is applied is not 0'
  split_manifest 0 100 0 >"$WORK/other.yaml"
  code=0
  l4 diff -f "$WORK/other.yaml" || code=$?
  expect 'diff of another config' "$code" 1
  code=0
  l4 diff -f "$WORK/nosuch.yaml" || code=$?
  expect 'diff of a file that is not there' "$code" 2
}

test_directory_and_stdin() {
  ready
  attach
  mkdir -p "$WORK/dir/sub"
  split_manifest 1 1 1 >"$WORK/dir/sub/split.yaml"
  printf 'not a manifest\n' >"$WORK/dir/README.txt"
  l4 apply -f "$WORK/dir"
  works 'a directory'
  split_manifest 0 1 0 | l4 apply -f -
  expect_json 'standard input' "$(split tcp "$VIP4" 7000 --count 20)" '.answers == {b2: 20}'
}

# apply is the whole state: what is not there any more is gone.
test_apply_replaces() {
  ready
  attach
  apply "$WORK/split.yaml"
  works 'before'
  {
    gateway_class
    gateway gw "$VIP4 $VIP6" other:TCP:7100
    route TCPRoute other gw/other other:7100
    service other TCP 7100 "$PORT_IDENTIFY" b3
  } >"$WORK/other.yaml"
  apply "$WORK/other.yaml"
  expect_json 'the new one' "$(split tcp "$VIP4" 7100 --count 20)" '.answers == {b3: 20}'
  expect_json 'the old one' "$(split tcp "$VIP4" 7000 --count 3 --timeout 1)" '.answers == {}'
  expect_no_match 'routes' "$(l4 get routes)" 'udp'
}

test_gateway_class_by_option() {
  ready
  attach
  awk 'BEGIN {RS = "---\n"; ORS = ""} !/kind: GatewayClass/ && NF {print "---\n" $0}' \
    "$WORK/split.yaml" >"$WORK/classless.yaml"
  expect_match 'a Gateway of no class is left alone, and said so' \
    "$(l4 apply -f "$WORK/classless.yaml" 2>&1)" 'class'
  expect_json 'left alone' "$(split tcp "$VIP4" 7000 --count 2 --timeout 1)" '.answers == {}'
  l4 apply --gateway-class l4gate -f "$WORK/classless.yaml"
  works 'claimed'
}

# ---------------------------------------------------------------- one writer

test_second_writer_waits_or_says_who() {
  local first holder code said
  ready
  attach
  apply "$WORK/split.yaml"
  # Stop an apply in the middle of its work.
  split_manifest 1 1 1 >"$WORK/other.yaml"
  at gw strace -f -qq -e trace=bpf -e 'inject=bpf:signal=STOP:when=8' \
    -o "$WORK/strace" "$L4GATE" --pin-dir "$PIN_DIR" apply -f "$WORK/other.yaml" &
  first=$!
  wait_for 10 'the first writer to stop' stopped
  holder=$(pgrep -x l4gate | head -n 1)
  code=0
  said=$(timeout 8 nsenter --net=/run/netns/gw -- "$L4GATE" --pin-dir "$PIN_DIR" \
    apply -f "$WORK/split.yaml" 2>&1) || code=$?
  [[ $code != 0 ]] || fail "two writers at once: $said"
  if [[ $code != 124 ]]; then
    expect_match 'who holds the lock' "$said" "\\b$holder\\b"
  fi
  wait_for 10 'the first writer to go on' gone_on "$holder"
  wait "$first" || fail 'the first writer failed'
  apply "$WORK/split.yaml"
  works 'after both'
}

stopped() {
  pgrep -x -r T,t l4gate
}

# It may stop more than once: the signal is for every thread and call.
gone_on() {
  kill -CONT "$1" 2>/dev/null || true
  ! kill -0 "$1" 2>/dev/null
}

# Two writers in turn, many times: the end is one of the two inputs.
test_two_writers_at_once() {
  local a b
  ready
  attach
  split_manifest 100 0 0 >"$WORK/a.yaml"
  split_manifest 0 100 0 >"$WORK/b.yaml"
  for _ in 1 2 3 4 5 6 7 8; do
    apply "$WORK/a.yaml" >/dev/null &
    a=$!
    apply "$WORK/b.yaml" >/dev/null &
    b=$!
    wait "$a" || fail 'first writer failed'
    wait "$b" || fail 'second writer failed'
    expect_json 'one of the two' "$(split tcp "$VIP4" 7000 --count 20)" \
      '.answers == {b1: 20} or .answers == {b2: 20}'
  done
}

# ---------------------------------------------------------------- rights

without() {
  local drop=$1
  shift
  at gw setpriv --bounding-set "$drop" -- "$L4GATE" --pin-dir "$PIN_DIR" "$@" 2>&1
}

test_not_root() {
  local said code=0 program=$WORK/l4gate
  ready
  # The build directory may be out of reach of others.
  chmod 755 "$WORK"
  install -m 755 "$L4GATE" "$program"
  said=$(at gw setpriv --reuid 65534 --regid 65534 --clear-groups -- \
    "$program" --pin-dir "$PIN_DIR" attach cl0 2>&1) || code=$?
  expect 'exit code' "$code" 1
  expect_match 'message' "$said" 'root|CAP_|permission|privilege'
}

test_missing_capability() {
  local said code=0
  ready
  said=$(without -net_admin,-sys_admin attach cl0) || code=$?
  expect 'exit code without CAP_NET_ADMIN' "$code" 1
  expect_match 'message' "$said" 'CAP_NET_ADMIN'
  code=0
  said=$(without -bpf,-sys_admin attach cl0) || code=$?
  expect 'exit code without CAP_BPF' "$code" 1
  expect_match 'message' "$said" 'CAP_BPF'
}

test_capabilities_that_suffice() {
  ready
  without -all,+bpf,+net_admin,+perfmon attach cl0 be0
  without -all,+bpf,+net_admin,+perfmon apply -f "$WORK/split.yaml"
  works 'with CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON alone'
  without -all,+bpf,+net_admin,+perfmon stats >/dev/null
}

test_bpffs_absent() {
  ready
  unmount_bpffs
  expect_match 'message' "$(l4_fails attach cl0)" 'bpf.*(mount|bpffs)|(mount|bpffs).*bpf'
  expect 'no XDP' "$(at gw ip -j link show dev cl0 | jq '.[0].xdp == null')" true
  mount_bpffs
  attach
  apply "$WORK/split.yaml"
  works 'once it is there'
}

test_bpffs_read_only() {
  ready
  mount -o remount,ro /sys/fs/bpf
  expect_match 'message' "$(l4_fails attach cl0)" 'read-only|read only'
  expect 'no XDP' "$(at gw ip -j link show dev cl0 | jq '.[0].xdp == null')" true
  mount -o remount,rw /sys/fs/bpf
  attach
  apply "$WORK/split.yaml"
  mount -o remount,ro /sys/fs/bpf
  works 'forwarding needs no writable bpffs'
}

test_pin_dir_elsewhere() {
  ready
  mkdir -p "$WORK/plain"
  expect_match 'message' "$(PIN_DIR=$WORK/plain l4_fails attach cl0)" 'bpf'
  PIN_DIR=/sys/fs/bpf/another l4 attach cl0 be0
  PIN_DIR=/sys/fs/bpf/another l4 apply -f "$WORK/split.yaml"
  works 'another pin directory'
}

test_pin_modes() {
  ready
  attach
  apply "$WORK/split.yaml"
  expect 'mode of the directory' "$(stat -c '%a %u' "$PIN_DIR")" '750 0'
  expect 'pins that others may write' \
    "$(find "$PIN_DIR" -type f -perm /022)" ''
  expect 'pins that all may read and are not statistics' \
    "$(find "$PIN_DIR" -type f -perm /044 ! -name '*stats*')" ''
}

test_two_instances() {
  ready
  attach
  apply "$WORK/split.yaml"
  # Another node in another network namespace, with pins of its own.
  router gw2
  wire cl eth1 gw2 cl0
  pass_program cl eth1
  wire gw2 be0 b3 eth1
  pass_program b3 eth1
  address cl eth1 10.3.0.2/24
  address gw2 cl0 10.3.0.1/24
  address gw2 be0 10.4.0.1/24
  address b3 eth1 10.4.0.2/24
  ip -n cl route add 192.0.2.20/32 via 10.3.0.1
  serve b3 "$PYTHON" "$TOOLS/identify.py" other --tcp 9100 --bind 10.4.0.2
  wait_for 10 'identify' listening b3 tcp 10.4.0.2 9100
  {
    gateway_class
    gateway gw 192.0.2.20 tcp:TCP:7000
    route TCPRoute tcp gw/tcp tcp:7000
    service tcp TCP 7000 9100
    slice tcp TCP 9100 IPv4 10.4.0.2
  } >"$WORK/two.yaml"
  GATEWAY=gw2 PIN_DIR=/sys/fs/bpf/second l4 attach cl0 be0
  GATEWAY=gw2 PIN_DIR=/sys/fs/bpf/second l4 apply -f "$WORK/two.yaml"
  expect_json 'second' "$(split tcp 192.0.2.20 7000 --count 20)" '.answers == {other: 20}'
  works 'first'
  GATEWAY=gw2 PIN_DIR=/sys/fs/bpf/second l4 detach
  works 'first, when the second is gone'
}
