# shellcheck shell=bash
# SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
# Bad input: a clear error, exit code 1, and nothing changed, neither what `get`
# shows nor what packets see.

ready() {
  two_armed
  start_identify b1 b2
  attach
  split_manifest 100 0 0 >"$WORK/good.yaml"
  apply "$WORK/good.yaml"
  BEFORE=$(config)
}

unchanged() {
  expect "config after: $1" "$(config)" "$BEFORE"
  expect_json "traffic after: $1" "$(split tcp "$VIP4" 7000 --count 5)" '.answers == {b1: 5}'
}

# refused WHAT REGEX ARGUMENTS...: of apply
refused() {
  local what=$1 regex=$2
  shift 2
  expect_match "$what" "$(l4_fails apply "$@")" "$regex"
  unchanged "$what"
}

# edited SED-SCRIPT: the good manifest with a fault
edited() {
  sed "$1" "$WORK/good.yaml" >"$WORK/bad.yaml"
  ! cmp -s "$WORK/good.yaml" "$WORK/bad.yaml" || fail "nothing edited by: $1"
}

test_files() {
  ready
  refused 'no such file' 'nosuch\.yaml' -f "$WORK/nosuch.yaml"
  : >"$WORK/empty.yaml"
  refused 'empty file' 'empty\.yaml' -f "$WORK/empty.yaml"
  mkdir "$WORK/bare"
  refused 'directory without manifests' 'bare' -f "$WORK/bare"
  cp "$WORK/good.yaml" "$WORK/secret.yaml"
  chmod 000 "$WORK/secret.yaml"
  expect_match 'unreadable file' "$(at gw setpriv --bounding-set \
    -dac_override,-dac_read_search,-sys_admin -- "$L4GATE" --pin-dir "$PIN_DIR" \
    apply -f "$WORK/secret.yaml" 2>&1 || true)" 'secret\.yaml.*(denied|permission)'
  unchanged 'unreadable file'
}

test_syntax() {
  ready
  edited 's/weight: 100/wieght: 100/'
  refused 'unknown field' 'bad\.yaml:[0-9]+:[0-9]+: error: .*wieght.*weight' -f "$WORK/bad.yaml"
  edited 's/spec:/spec: [/'
  refused 'broken YAML' 'bad\.yaml:[0-9]+:[0-9]+: error' -f "$WORK/bad.yaml"
  printf 'kind: Gateway\nkind: Gateway\n' >"$WORK/bad.yaml"
  refused 'duplicate key' 'bad\.yaml:2:1: error: .*kind' -f "$WORK/bad.yaml"
  printf 'a: &x 1\nb: *x\n' >"$WORK/bad.yaml"
  refused 'anchor' 'bad\.yaml:1:[0-9]+: error' -f "$WORK/bad.yaml"
  head -c 3000 /dev/urandom >"$WORK/bad.yaml"
  refused 'noise' 'bad\.yaml' -f "$WORK/bad.yaml"
}

test_values() {
  ready
  edited 's/weight: 100/weight: 1000001/'
  refused 'weight too large' 'bad\.yaml:[0-9]+:[0-9]+: error: .*1000000' -f "$WORK/bad.yaml"
  edited 's/weight: 100/weight: -1/'
  refused 'negative weight' 'bad\.yaml:[0-9]+:[0-9]+: error' -f "$WORK/bad.yaml"
  edited 's/weight: 100/weight: heavy/'
  refused 'weight in words' 'bad\.yaml:[0-9]+:[0-9]+: error' -f "$WORK/bad.yaml"
  edited 's/protocol: TCP, port: 7000}$/protocol: TCP, port: 0}/'
  refused 'port 0' 'bad\.yaml:[0-9]+:[0-9]+: error: .*port' -f "$WORK/bad.yaml"
  edited 's/protocol: TCP, port: 7000}$/protocol: TCP, port: 65536}/'
  refused 'port 65536' 'bad\.yaml:[0-9]+:[0-9]+: error: .*port' -f "$WORK/bad.yaml"
  edited "s/$VIP4/192.0.2.256/"
  refused 'no address' 'bad\.yaml:[0-9]+:[0-9]+: error: .*192\.0\.2\.256' -f "$WORK/bad.yaml"
}

test_65_listeners() {
  local i listeners=()
  ready
  for ((i = 1; i <= 65; i++)); do listeners+=("l$i:TCP:$((7000 + i))"); done
  {
    gateway_class
    gateway gw "$VIP4" "${listeners[@]}"
  } >"$WORK/bad.yaml"
  refused '65 listeners' 'bad\.yaml:[0-9]+:[0-9]+: error: .*64' -f "$WORK/bad.yaml"
}

# Endpoints that no node of a cluster can have are never dialled.
test_endpoint_addresses() {
  local a
  ready
  for a in 127.0.0.1 0.0.0.0 224.0.0.5 169.254.1.1 255.255.255.255 "$VIP4"; do
    edited "s/${ADDRESS4[b1]}\"/$a\"/"
    refused "endpoint $a" "bad\\.yaml:[0-9]+:[0-9]+: error: .*${a//./\\.}" -f "$WORK/bad.yaml"
  done
  for a in ::1 :: ff02::5 "$VIP6"; do
    edited "s/${ADDRESS6[b1]}\"/$a\"/"
    refused "endpoint $a" 'bad\.yaml:[0-9]+:[0-9]+: error' -f "$WORK/bad.yaml"
  done
}

# More routes than the tables hold: counted before the first write.
test_limits() {
  ready
  "$PYTHON" - "$VIP4" >"$WORK/big.yaml" <<'PY'
import sys
head = """---
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: l4gate}
spec: {controllerName: l4gate.dev/gateway-controller}
"""
gateway = """---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: g%d}
spec:
  gatewayClassName: l4gate
  addresses: [{value: "%s"}]
  listeners:
"""
route = """---
apiVersion: gateway.networking.k8s.io/v1
kind: TCPRoute
metadata: {name: r%d}
spec:
  parentRefs: [{name: g%d, sectionName: l%d}]
  rules: [{backendRefs: [{name: s, port: 1}]}]
"""
parts = [head]
for g in range(300):
  parts.append(gateway % (g, f"198.18.{g // 250}.{g % 250 + 1}"))
  parts += [f"  - {{name: l{i}, protocol: TCP, port: {7000 + i}}}\n" for i in range(64)]
  parts += [route % (g * 64 + i, g, i) for i in range(64)]
print("".join(parts), end="")
PY
  refused '19200 routes' '19[ ,]?200.*10[ ,]?112|needs' -f "$WORK/big.yaml"
}

# Of several faults all are told, and one good file does not help a bad one.
test_all_or_nothing() {
  local said
  ready
  edited 's/weight: 100/weight: 1000001/; s/weight: 0}/weight: -1}/'
  said=$(l4_fails apply -f "$WORK/good.yaml" -f "$WORK/bad.yaml")
  (($(grep -c 'error:' <<<"$said") >= 2)) || fail "only one of the faults is told: $said"
  unchanged 'several faults'
}

test_usage() {
  local arguments code
  host gw
  for arguments in '' 'nosuch' 'apply' 'attach --mode fast x' 'get nosuch' \
    'stats -o xml' 'apply -f x --nosuch'; do
    code=0
    # shellcheck disable=SC2086 # words
    l4 $arguments >"$WORK/said" 2>&1 || code=$?
    expect "exit code of 'l4gate $arguments'" "$code" 2
    [[ -s $WORK/said ]] || fail "'l4gate $arguments' says nothing"
  done
  l4 --help >"$WORK/said" || fail 'no --help'
  expect_match 'help' "$(<"$WORK/said")" 'attach'
}

# What can be done without rights and without a kernel.
test_offline() {
  local code=0 program=$WORK/l4gate
  ADDRESS4=([b1]=10.2.0.11 [b2]=10.2.0.12 [b3]=10.2.0.13)
  ADDRESS6=([b1]=fd00::11 [b2]=fd00::12 [b3]=fd00::13)
  split_manifest 70 30 0 >"$WORK/split.yaml"
  unmount_bpffs
  chmod 755 "$WORK"
  install -m 755 "$L4GATE" "$program"
  setpriv --reuid 65534 --regid 65534 --clear-groups -- "$program" validate -f "$WORK/split.yaml"
  expect_match 'shares' "$(setpriv --reuid 65534 --regid 65534 --clear-groups -- \
    "$program" compile -f "$WORK/split.yaml")" '70'
  sed -i 's/weight: 70/weight: -7/' "$WORK/split.yaml"
  "$program" validate -f "$WORK/split.yaml" >"$WORK/said" 2>&1 || code=$?
  expect 'exit code of validate' "$code" 1
}
