# shellcheck shell=bash
# SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
# Builders of manifests.
# Each prints one or more YAML documents.

gateway_class() {
  cat <<YAML
---
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata:
  name: l4gate
spec:
  controllerName: l4gate.dev/gateway-controller
YAML
}

# listeners LISTENER:PROTOCOL:PORT...
listeners() {
  local l listener protocol port
  printf '  listeners:\n'
  for l in "$@"; do
    IFS=: read -r listener protocol port <<<"$l"
    printf '  - {name: %s, protocol: %s, port: %s}\n' "$listener" "$protocol" "$port"
  done
}

# gateway NAME "ADDRESS..." LISTENER:PROTOCOL:PORT... (ALLOWED: whose
# ListenerSets it takes)
gateway() {
  local name=$1 a
  cat <<YAML
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata:
  name: $name
spec:
  gatewayClassName: l4gate
YAML
  if [[ -n $2 ]]; then
    printf '  addresses:\n'
    for a in $2; do
      printf '  - {type: IPAddress, value: "%s"}\n' "$a"
    done
  fi
  [[ -z ${ALLOWED:-} ]] || printf '  allowedListeners: {namespaces: {from: %s}}\n' "$ALLOWED"
  shift 2
  listeners "$@"
}

# listener_set NAME GATEWAY LISTENER:PROTOCOL:PORT...
listener_set() {
  cat <<YAML
---
apiVersion: gateway.networking.k8s.io/v1
kind: ListenerSet
metadata:
  name: $1
spec:
  parentRef: {name: $2}
YAML
  shift 2
  listeners "$@"
}

# route KIND NAME PARENT/LISTENER SERVICE:PORT:WEIGHT... (PARENT_KIND: ListenerSet
# if the parent is one)
route() {
  local r service port weight
  cat <<YAML
---
apiVersion: gateway.networking.k8s.io/v1
kind: $1
metadata:
  name: $2
spec:
  parentRefs:
  - {kind: ${PARENT_KIND:-Gateway}, name: ${3%/*}, sectionName: ${3#*/}}
  rules:
  - backendRefs:
YAML
  shift 3
  for r in "$@"; do
    IFS=: read -r service port weight <<<"$r"
    printf '    - {name: %s, port: %s, weight: %s}\n' "$service" "$port" "${weight:-1}"
  done
}

# slice SERVICE PROTOCOL PORT FAMILY ADDRESS...
slice() {
  local service=$1 protocol=$2 port=$3 family=$4 a
  shift 4
  cat <<YAML
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata:
  name: $service-${family,,}
  labels:
    kubernetes.io/service-name: $service
addressType: $family
ports:
- {name: main, protocol: $protocol, port: $port}
endpoints:
YAML
  for a in "$@"; do
    printf -- '- addresses: ["%s"]\n' "$a"
  done
}

# service NAME PROTOCOL PORT TARGET-PORT BACKEND...: with slices of both
# families (set FAMILIES=4 or 6 for one).
service() {
  local name=$1 protocol=$2 port=$3 target=$4 four=() six=() b
  shift 4
  cat <<YAML
---
apiVersion: v1
kind: Service
metadata:
  name: $name
spec:
  ports:
  - {name: main, protocol: $protocol, port: $port, targetPort: $target}
YAML
  for b in "$@"; do
    four+=("${ADDRESS4[$b]}")
    six+=("${ADDRESS6[$b]}")
  done
  ((${#four[@]})) || return 0
  [[ ${FAMILIES:-46} != *4* ]] || slice "$name" "$protocol" "$target" IPv4 "${four[@]}"
  [[ ${FAMILIES:-46} != *6* ]] || slice "$name" "$protocol" "$target" IPv6 "${six[@]}"
}

# One TCP and one UDP listener in front of tools/identify.py, with the given
# weights of b1, b2, b3 ("missing" refs come after): split_manifest 70 30 0 [N]
split_manifest() {
  local kind protocol b i refs
  gateway_class
  gateway gw "${ADDRESSES-$VIP4 $VIP6}" tcp:TCP:7000 udp:UDP:7000
  for kind in TCP UDP; do
    refs=() i=0
    for b in b1 b2 b3 missing; do
      i=$((i + 1))
      [[ -z ${!i:-} ]] || refs+=("${kind,,}-$b:7000:${!i}")
    done
    route "${kind}Route" "${kind,,}" "gw/${kind,,}" "${refs[@]}"
    protocol=$kind
    for b in $BACKENDS; do
      service "${kind,,}-$b" "$protocol" 7000 "$PORT_IDENTIFY" "$b"
    done
  done
}

# Every server of this library behind one Gateway, all backends alike.
full_manifest() {
  # shellcheck disable=SC2086 # lists of backends
  {
    gateway_class
    gateway gw "${ADDRESSES-$VIP4 $VIP6}" http:TCP:80 dns:UDP:53 dns-tcp:TCP:53 \
      redis:TCP:6379 tcp:TCP:7000 udp:UDP:7000
    route TCPRoute http gw/http http:80
    route UDPRoute dns gw/dns dns:53
    route TCPRoute dns-tcp gw/dns-tcp dns-tcp:53
    route TCPRoute redis gw/redis redis:6379
    route TCPRoute tcp gw/tcp tcp:7000
    route UDPRoute udp gw/udp udp:7000
    service http TCP 80 "$PORT_HTTP" $BACKENDS
    service dns UDP 53 "$PORT_DNS" $BACKENDS
    service dns-tcp TCP 53 "$PORT_DNS" $BACKENDS
    service redis TCP 6379 "$PORT_REDIS" b1
    service tcp TCP 7000 "$PORT_IDENTIFY" $BACKENDS
    service udp UDP 7000 "$PORT_IDENTIFY" $BACKENDS
  }
}
