# shellcheck shell=bash
# SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
# Builders of manifests.
# Each prints one or more YAML documents.

# within NAMESPACE BUILDER...: what it builds, in a namespace of its own.
within() {
  local namespace=$1
  shift
  "$@" | sed "s/^metadata:\$/&\n  namespace: $namespace/"
}

# created TIME BUILDER...: what it builds, with its age; of any day.
created() {
  local time=$1
  shift
  "$@" | sed "s/^metadata:\$/&\n  creationTimestamp: \"2026-01-01T$time\"/"
}

# apply_stdin: applies the manifests of standard input, and nothing else.
apply_stdin() {
  cat >"$WORK/stdin.yaml"
  apply "$WORK/stdin.yaml"
}

# CLASS_PARAMETERS: the name of its own
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
  [[ -z ${CLASS_PARAMETERS:-} ]] ||
    printf '  parametersRef: {group: l4gate.dev, kind: GatewayParameters, name: %s, namespace: default}\n' \
      "$CLASS_PARAMETERS"
}

# listeners LISTENER:PROTOCOL:PORT[:MORE-FIELDS]...
listeners() {
  local l listener protocol port more
  printf '  listeners:\n'
  for l in "$@"; do
    IFS=: read -r listener protocol port more <<<"$l"
    printf '  - {name: %s, protocol: %s, port: %s%s}\n' "$listener" "$protocol" \
      "$port" "${more:+, $more}"
  done
}

# parameters NAME MODE [SEED]
parameters() {
  cat <<YAML
---
apiVersion: l4gate.dev/v1alpha1
kind: GatewayParameters
metadata:
  name: $1
spec:
  mode: $2
YAML
  [[ -z ${3:-} ]] || printf '  seed: "%s"\n' "$3"
}

# policy SPEC...: a RoutePolicy on the routes "tcp" and "udp" (ROUTES: of this name,
# both), each spec a line.
policy() {
  cat <<YAML
---
apiVersion: l4gate.dev/v1alpha1
kind: RoutePolicy
metadata:
  name: policy
spec:
  targetRefs:
  - {group: gateway.networking.k8s.io, kind: TCPRoute, name: ${ROUTES:-tcp}}
  - {group: gateway.networking.k8s.io, kind: UDPRoute, name: ${ROUTES:-udp}}
YAML
  printf '  %s\n' "$@"
}

# gateway NAME "ADDRESS..." LISTENER:PROTOCOL:PORT... (ALLOWED: whose
# ListenerSets it takes; PARAMETERS: the name of its own)
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
  [[ -z ${PARAMETERS:-} ]] ||
    printf '  infrastructure: {parametersRef: {group: l4gate.dev, kind: GatewayParameters, name: %s}}\n' \
      "$PARAMETERS"
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

# parent_ref PARENT[/LISTENER][:PORT] (PARENT_KIND: ListenerSet if it is one,
# PARENT_NAMESPACE: unless it is the route's)
parent_ref() {
  local parent listener port
  IFS=: read -r parent port <<<"$1"
  IFS=/ read -r parent listener <<<"$parent"
  printf '  - {kind: %s, name: %s%s%s%s}\n' "${PARENT_KIND:-Gateway}" "$parent" \
    "${listener:+, sectionName: $listener}" "${port:+, port: $port}" \
    "${PARENT_NAMESPACE:+, namespace: $PARENT_NAMESPACE}"
}

# route KIND NAME PARENT [NAMESPACE/]SERVICE:PORT[:WEIGHT]... (parent: see above)
route() {
  local r service port weight namespace
  cat <<YAML
---
apiVersion: gateway.networking.k8s.io/v1
kind: $1
metadata:
  name: $2
spec:
  parentRefs:
$(parent_ref "$3")
  rules:
  - backendRefs:
YAML
  shift 3
  for r in "$@"; do
    IFS=: read -r service port weight <<<"$r"
    namespace=
    [[ $service != */* ]] || namespace=", namespace: ${service%/*}"
    printf '    - {name: %s, port: %s, weight: %s%s}\n' "${service#*/}" "$port" \
      "${weight:-1}" "$namespace"
  done
}

# reference_grant KIND NAMESPACE SERVICE: routes of that kind and namespace may
# refer to the Service.
reference_grant() {
  cat <<YAML
---
apiVersion: gateway.networking.k8s.io/v1
kind: ReferenceGrant
metadata:
  name: to-$3
spec:
  from:
  - {group: gateway.networking.k8s.io, kind: $1, namespace: $2}
  to:
  - {group: "", kind: Service, name: $3}
YAML
}

# ports PROTOCOL[,PROTOCOL] FIELDS: a list, each named after its protocol
ports() {
  local protocol
  for protocol in ${1//,/ }; do
    printf -- '- {name: %s, protocol: %s, %s}\n' "${protocol,,}" "$protocol" "$2"
  done
}

# slice SERVICE PROTOCOL PORT FAMILY ENDPOINT... (SLICE: its name, if the
# Service has several of the family). An endpoint is "ADDRESS[ CONDITIONS]".
slice() {
  local service=$1 protocol=$2 port=$3 family=$4 e conditions
  shift 4
  cat <<YAML
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata:
  name: ${SLICE:-$service-${family,,}}
  labels:
    kubernetes.io/service-name: $service
addressType: $family
ports:
$(ports "$protocol" "port: $port")
endpoints:
YAML
  for e in "$@"; do
    conditions=${e#"${e%% *}"}
    printf -- '- {addresses: ["%s"]%s}\n' "${e%% *}" \
      "${conditions:+, conditions: {${conditions# }\}}"
  done
}

# service NAME PROTOCOL[,PROTOCOL] PORT TARGET-PORT BACKEND...: with slices of both
# families (FAMILIES=4 or 6 for one). SERVICE_SPEC: more fields.
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
$(ports "$protocol" "port: $port, targetPort: $target" | sed 's/^/  /')
  ${SERVICE_SPEC:-}
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
