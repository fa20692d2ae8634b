# SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
"""What must come of a set of objects, by the rules of the Gateway API alone.

Nothing here was taken over from user/compile: objects are what JSON gives, and
each rule is said once more, as plainly as it goes. Where the API leaves a
choice open, the comment says "choice".
"""
import datetime
import ipaddress
import re

GROUP = 'gateway.networking.k8s.io'
CONTROLLER = 'l4gate.dev/gateway-controller'
PARAMETERS = 'l4gate.dev', 'GatewayParameters'

# Seconds of idle timeouts that are not given.
TIMEOUTS = {'tcpHalfOpen': 60, 'tcpEstablished': 7440, 'tcpClosing': 60,
            'udpUnreplied': 30, 'udpReplied': 180}
KIND_OF = {'TCP': 'TCPRoute', 'UDP': 'UDPRoute'}
PROTOCOL_OF = {'TCPRoute': 'TCP', 'UDPRoute': 'UDP'}
FAMILIES = ('IPv4', 'IPv6')


def without_nulls(value):
  """Rule 1: a field that is null is one that is not given."""
  if isinstance(value, dict):
    return {key: without_nulls(inner) for key, inner in value.items()
            if inner is not None}
  if isinstance(value, list):
    return [without_nulls(inner) for inner in value]
  return value


def namespace_of(item):
  return item['metadata'].get('namespace') or 'default'


def key_of(item):
  return namespace_of(item), item['metadata']['name']


def age_of(item):
  """creationTimestamp in seconds, or None."""
  text = item['metadata'].get('creationTimestamp')
  return text and int(datetime.datetime.fromisoformat(text).timestamp())


def seconds_of(duration):
  """None if it is not one."""
  if not re.fullmatch(r'(\d+[hms])+', duration):
    return None
  return sum(int(number) * {'h': 3600, 'm': 60, 's': 1}[unit]
             for number, unit in re.findall(r'(\d+)([hms])', duration))


def by_precedence(items):
  """The oldest first, then by "namespace/name". A missing timestamp is as old
  as any other (rule 2), so names decide (choice: for all who compete, or the
  order would not be one)."""
  timed = all(age_of(item) for item in items)
  return sorted(items, key=lambda item: (age_of(item) if timed else 0,
                                         '/'.join(key_of(item))))


class Group:
  """The listeners of one object: of a Gateway, or of a ListenerSet."""

  def __init__(self, item, gateway):
    self.item = item
    self.gateway = gateway  # the parent of a ListenerSet, or itself, or None
    self.is_set = item['kind'] == 'ListenerSet'
    self.joins = not self.is_set
    self.key = item['kind'], *key_of(item)
    self.listeners = item['spec']['listeners']


class Set:
  """The objects of a set, by kind."""

  def __init__(self, items):
    self.items = items
    self.classes = {item['metadata']['name']: item
                    for item in self.of_kind('GatewayClass')}
    self.namespaces = {item['metadata']['name']: item
                       for item in self.of_kind('Namespace')}
    self.parameters = {key_of(item): item
                       for item in self.of_kind('GatewayParameters')}
    self.services = {key_of(item): item for item in self.of_kind('Service')}
    self.routes = self.of_kind('TCPRoute') + self.of_kind('UDPRoute')
    self.grants = self.of_kind('ReferenceGrant')
    self.slices = self.of_kind('EndpointSlice')
    self.groups = {}
    for item in self.of_kind('Gateway'):
      if self.is_ours(item):
        group = Group(item, None)
        group.gateway = group
        self.groups[group.key] = group
    for item in self.of_kind('ListenerSet'):
      self.add_set(item)

  def of_kind(self, kind):
    return [item for item in self.items if item['kind'] == kind]

  def is_ours(self, gateway):
    """Rule 4."""
    owner = self.classes.get(gateway['spec']['gatewayClassName'])
    return bool(owner and owner['spec']['controllerName'] == CONTROLLER
                and self.class_fault(owner) is None)

  def parameters_fault(self, ref, namespace):
    """Parameters must be of the one kind that there is, and be there."""
    if ref is None or ((ref['group'], ref['kind']) == PARAMETERS and
                       (namespace, ref['name']) in self.parameters):
      return None
    return 'InvalidParameters'

  def class_fault(self, owner):
    ref = owner['spec'].get('parametersRef')
    return self.parameters_fault(ref, ref and ref.get('namespace'))

  def specs_of(self, gateway):
    """Of the parameters of its class, and then of its own."""
    owner = self.classes[gateway['spec']['gatewayClassName']]
    refs = [(owner['spec'].get('parametersRef'), None),
            ((gateway['spec'].get('infrastructure') or {}).get(
              'parametersRef'), namespace_of(gateway))]
    return [self.parameters[namespace or ref['namespace'], ref['name']]['spec']
            for ref, namespace in refs if ref and not self.parameters_fault(
              ref, namespace or ref.get('namespace'))]

  def timeouts_of(self, gateway):
    timeouts = dict(TIMEOUTS)
    for spec in self.specs_of(gateway):
      timeouts.update((name, seconds_of(text)) for name, text
                      in (spec.get('timeouts') or {}).items()
                      if text is not None)
    return timeouts

  def max_half_open(self, gateway):
    """The last that is given, or None."""
    return next(filter(None, (spec.get('maxHalfOpen') for spec
                              in reversed(self.specs_of(gateway)))), None)

  def users_of(self, key):
    """Classes and Gateways of ours that name parameters, at fault or not:
    (kind, namespace, name)."""
    refs = [(owner['spec'].get('parametersRef'), ('GatewayClass', '', name))
            for name, owner in self.classes.items()
            if owner['spec']['controllerName'] == CONTROLLER]
    refs = [(ref, ref and ref.get('namespace'), user) for ref, user in refs]
    refs += [((group.item['spec'].get('infrastructure') or {}).get(
               'parametersRef'), namespace_of(group.item), group.key)
             for group in self.groups.values() if not group.is_set]
    return [user for ref, namespace, user in refs
            if ref and (ref['group'], ref['kind']) == PARAMETERS
            and (namespace, ref['name']) == key]

  def gateway_fault(self, gateway):
    """None, or the condition that says why nothing of it is programmed."""
    spec = gateway['spec']
    ref = (spec.get('infrastructure') or {}).get('parametersRef')
    worst = min(map(address_fault, spec.get('addresses') or []), default=3)
    return self.parameters_fault(ref, namespace_of(gateway)) or (
      'UnsupportedAddress', 'AddressNotAssigned', 'AddressNotUsable',
      None)[worst]

  def add_set(self, item):
    """Ours if its Gateway is; choice: or if there is no such Gateway."""
    ref = item['spec']['parentRef']
    if (ref.get('group', GROUP), ref.get('kind', 'Gateway')) != (
        GROUP, 'Gateway'):
      return
    key = ref.get('namespace') or namespace_of(item), ref['name']
    gateway = self.groups.get(('Gateway', *key))
    if not gateway and key in map(key_of, self.of_kind('Gateway')):
      return
    group = Group(item, gateway)
    if gateway:
      allowed = (gateway.item['spec'].get('allowedListeners') or {}).get(
        'namespaces') or {}
      group.joins = namespace_allowed(
        self, allowed.get('from', 'None'), allowed.get('selector'),
        namespace_of(gateway.item), namespace_of(item))
    self.groups[group.key] = group


# ------------------------------------------------------------------ namespaces

def labels_of(objects, name):
  given = objects.namespaces.get(name)
  labels = dict((given or {'metadata': {}})['metadata'].get('labels') or {})
  labels['kubernetes.io/metadata.name'] = name
  return labels


def term_holds(term, labels):
  value = labels.get(term['key'])
  return {
    'In': value is not None and value in (term.get('values') or []),
    'NotIn': value is None or value not in (term.get('values') or []),
    'Exists': value is not None,
    'DoesNotExist': value is None,
  }[term['operator']]


def namespace_allowed(objects, origin, selector, home, name):
  """Rule 10: of an object in namespace home, for one of namespace name."""
  if origin != 'Selector':
    return origin == 'All' or (origin == 'Same' and home == name)
  if selector is None:
    return False
  labels = labels_of(objects, name)
  return (all(labels.get(key) == value for key, value
              in (selector.get('matchLabels') or {}).items()) and
          all(term_holds(term, labels)
              for term in selector.get('matchExpressions') or []))


# ------------------------------------------------------------------- listeners

def known(listener):
  return listener['protocol'] in KIND_OF


def asked_kinds(listener):
  kinds = (listener.get('allowedRoutes') or {}).get('kinds') or []
  return [(kind.get('group', GROUP), kind['kind']) for kind in kinds]


def supported_kinds(listener):
  """Rule 12."""
  implied = KIND_OF.get(listener['protocol'])
  asked = asked_kinds(listener)
  if not implied or (asked and (GROUP, implied) not in asked):
    return []
  return [{'group': GROUP, 'kind': implied}]


def has_bad_kind(listener):
  implied = GROUP, KIND_OF.get(listener['protocol'])
  return any(kind != implied for kind in asked_kinds(listener))


def allowed_namespaces(listener):
  """(from, selector)"""
  allowed = (listener.get('allowedRoutes') or {}).get('namespaces') or {}
  return allowed.get('from', 'Same'), allowed.get('selector')


# -------------------------------------------------------------------- Gateways

def address_fault(address):
  """Rule 23, the worst first."""
  if address.get('type', 'IPAddress') != 'IPAddress':
    return 0
  if not address.get('value'):
    return 1
  parsed = ipaddress.ip_address(address['value'])
  if (parsed.is_unspecified or parsed.is_loopback or parsed.is_multicast or
      getattr(parsed, 'ipv4_mapped', None) or
      str(parsed) == '255.255.255.255'):
    return 2
  return 3


def addresses_of(gateway):
  """Canonical ones, each once."""
  return sorted({str(ipaddress.ip_address(address['value']))
                 for address in gateway['spec'].get('addresses') or []
                 if address_fault(address) == 3})


# ---------------------------------------------------------------------- routes

def parent_of(objects, route, ref):
  """Rule 5: the Group that a parentRef names, None unless it is ours. Rule 13:
  of a Gateway, its own listeners only."""
  if ref.get('group', GROUP) != GROUP:
    return None
  return objects.groups.get((ref.get('kind', 'Gateway'),
                             ref.get('namespace') or namespace_of(route),
                             ref['name']))


def attach(objects, route, ref):
  """Rules 6 to 10: (reason of Accepted, names of listeners)."""
  group = parent_of(objects, route, ref)
  asked = [listener for listener in group.listeners
           if ref.get('sectionName') in (None, listener['name'])
           and ref.get('port') in (None, listener['port'])]
  if not asked:
    return 'NoMatchingParent', []
  taken = [listener['name'] for listener in asked
           if {'group': GROUP, 'kind': route['kind']}
           in supported_kinds(listener)
           and namespace_allowed(objects, *allowed_namespaces(listener),
                                 namespace_of(group.item),
                                 namespace_of(route))]
  if not taken:
    return 'NotAllowedByListeners', []
  if len(route['spec']['rules']) != 1:
    return 'UnsupportedValue', []  # rule 15, choice
  return 'Accepted', taken


def grant_permits(grant, route, ref):
  """One grant, one of its from and one of its to."""
  return (any((entry['group'], entry['kind'], entry['namespace']) ==
              (GROUP, route['kind'], namespace_of(route))
              for entry in grant['spec']['from']) and
          any((entry['group'], entry['kind']) == ('', 'Service') and
              entry.get('name') in (None, ref['name'])
              for entry in grant['spec']['to']))


def find_port(service, number, protocol):
  """The Service's port, and whether only another protocol has the number."""
  ports = [port for port in service['spec'].get('ports') or []
           if port['port'] == number]
  for port in ports:
    if port.get('protocol', 'TCP') == protocol:
      return port, False
  return None, bool(ports)


def ref_fault(objects, route, ref):
  """Rules 25 to 32: the reason of ResolvedRefs=False, or None."""
  if (ref.get('group', ''), ref.get('kind', 'Service')) != ('', 'Service'):
    return 'InvalidKind'
  target = ref.get('namespace') or namespace_of(route)
  if target != namespace_of(route) and not any(
      namespace_of(grant) == target and grant_permits(grant, route, ref)
      for grant in objects.grants):
    return 'RefNotPermitted'
  service = objects.services.get((target, ref['name']))
  if service is None:
    return 'BackendNotFound'
  if service['spec'].get('type') == 'ExternalName':
    return 'UnsupportedValue'
  port, other = find_port(service, ref['port'], PROTOCOL_OF[route['kind']])
  if port is None:
    return 'UnsupportedProtocol' if other else 'BackendNotFound'
  return None


# ------------------------------------------------------------------- endpoints

def slice_number(part, port):
  """Rule 41: by name and protocol, the slice's own number."""
  for own in part.get('ports') or []:
    if (own.get('name', ''), own.get('protocol', 'TCP')) == (
        port.get('name', ''), port.get('protocol', 'TCP')):
      return own.get('port')
  return None


def condition(endpoint, name, default):
  value = (endpoint.get('conditions') or {}).get(name)
  return default if value is None else value


def endpoints_of(objects, key, port):
  """{(address, number): [endpoint, ...]} by family."""
  found = {family: {} for family in FAMILIES}
  for part in objects.slices:
    labels = part['metadata'].get('labels') or {}
    number = slice_number(part, port)
    if (namespace_of(part), labels.get('kubernetes.io/service-name')) != key \
       or part['addressType'] not in FAMILIES or not number:
      continue
    for endpoint in part.get('endpoints') or []:
      address = str(ipaddress.ip_address(endpoint['addresses'][0]))
      found[part['addressType']].setdefault((address, number), []).append(
        endpoint)
  return found


def chosen_and_kept(endpoints):
  """Rule 40, in one family: those for new flows, and those that may keep theirs
  (choice: as long as they serve)."""
  ready = {key for key, same in endpoints.items()
           if any(condition(one, 'ready', True) for one in same)}
  serving = {key for key, same in endpoints.items()
             if any(condition(one, 'serving', True) for one in same)}
  leaving = {key for key, same in endpoints.items()
             if any(condition(one, 'serving', True) and
                    condition(one, 'terminating', False) for one in same)}
  chosen = ready or leaving
  return chosen, (serving | ready) - chosen


def resolve(objects, route, ref):
  """{'fault': reason or None, family: (chosen, kept), ...}"""
  fault = ref_fault(objects, route, ref)
  result = {'fault': fault, **{family: (set(), set()) for family in FAMILIES}}
  if fault:
    return result
  key = ref.get('namespace') or namespace_of(route), ref['name']
  port, _ = find_port(objects.services[key], ref['port'],
                      PROTOCOL_OF[route['kind']])
  for family, endpoints in endpoints_of(objects, key, port).items():
    result[family] = chosen_and_kept(endpoints)
  return result
