# SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
"""Random sets of objects, all valid, of few and confusable names, so that they
meet, miss each other by little, and contend."""
import random

import rules
from rules import GROUP, KIND_OF, PROTOCOL_OF, key_of, namespace_of

# Each the other's prefix or, joined with '-' or '/', the other's like.
NAMESPACES = ('default', 'a', 'b', 'a-b', 'ab', 'default-a')
NAMES = ('a', 'b', 'a-b', 'b-a', 'ab', 'a-b-a')
LISTENERS = ('a', 'b', 'a-b', 'web', 'dns', 'ab', 'a.b')
PORTS = (53, 80, 443, 8080)
PORT_NAMES = ('a', 'b', 'a-b', 'web', 'dns')
TIMES = ('2026-01-01T00:00:00Z', '2026-01-01T00:00:01Z',
         '2025-12-31T23:59:59Z', '2026-01-01T02:00:00+02:00',
         '2025-12-31T19:00:01-05:00', '2026-01-01T00:00:00.9Z')
LABELS = {'env': ('prod', 'test', ''), 'team': ('a', 'b'),
          'example.com/tier': ('1', '2')}
ADDRESSES = ('192.0.2.1', '192.0.2.2', '192.0.2.10', '2001:db8::1',
             '2001:DB8:0:0:0:0:0:1', '2001:db8::2')
BAD_ADDRESSES = ({'type': 'Hostname', 'value': 'a.example'},
                 {'type': 'example.com/pool', 'value': 'x'},
                 {'type': 'NamedAddress', 'value': 'x'},
                 {'type': 'IPAddress'}, {'value': ''}, {'value': '0.0.0.0'},
                 {'value': '127.0.0.1'}, {'value': '224.0.0.1'},
                 {'value': '::ffff:192.0.2.1'},
                 {'value': '255.255.255.255'}, {'value': '::'},
                 {'value': '::1'}, {'value': 'ff02::1'})
WEIGHTS = (0, 1, 1, 2, 3, 10, 30, 70, 99, 100, 65535, 999983, 1000000)
CONDITIONS = ({}, {}, {'ready': True}, {'ready': None, 'serving': None},
              {'ready': False}, {'ready': False, 'serving': False},
              {'ready': False, 'serving': True, 'terminating': True},
              {'ready': False, 'serving': False, 'terminating': True},
              {'ready': True, 'serving': True, 'terminating': True},
              {'ready': False, 'terminating': True},
              {'serving': False})


# What may be null, by where it is.
OPTIONAL = {
  'metadata': ('creationTimestamp', 'labels', 'annotations'),
  'parentRefs': ('group', 'kind', 'namespace', 'sectionName', 'port'),
  'parentRef': ('group', 'kind', 'namespace'),
  'backendRefs': ('group', 'kind', 'namespace', 'weight'),
  'listeners': ('allowedRoutes', 'hostname'),
  'allowedRoutes': ('namespaces', 'kinds'),
  'namespaces': ('selector',),
  'selector': ('matchLabels', 'matchExpressions'),
  'kinds': ('group',),
  'addresses': ('type',),
  'to': ('name',),
  'ports': ('protocol', 'targetPort'),
  'endpoints': ('conditions', 'nodeName'),
  'conditions': ('ready', 'serving', 'terminating'),
}


class Generator:
  """One set. Gateways and Services come first: the others refer to them."""

  def __init__(self, seed):
    self.random = random.Random(seed)
    self.items = []
    self.names = set()
    self.namespaces = self.sample(NAMESPACES, 2, 4)
    # How much of a set goes wrong differs from set to set.
    self.trouble = self.pick((0.02, 0.1, 0.3))
    self.timed = self.pick((0.0, 0.5, 0.9, 1.0))

  def pick(self, options):
    return self.random.choice(options)

  def chance(self, share):
    return self.random.random() < share

  def wrong(self):
    return self.chance(self.trouble)

  def sample(self, options, low, high):
    count = min(self.random.randint(low, high), len(options))
    return self.random.sample(options, count)

  def generate(self):
    self.add_namespaces()
    self.add_parameters()
    self.add_classes()
    for _ in range(self.random.randint(1, 5)):
      self.add_gateway()
    for _ in range(self.pick((0, 0, 1, 2, 4))):
      self.add_listener_set()
    for _ in range(self.random.randint(1, 7)):
      self.add_service()
    for _ in range(self.random.randint(1, 9)):
      self.add_route()
    for item in list(self.items):
      if item['kind'] == 'Service':
        self.add_slices(item)
    self.add_grants()
    self.add_others()
    if self.chance(0.3):
      for item in self.items:
        self.add_nulls({key: value for key, value in item.items()
                        if key != 'status'})
    return self.items

  def add_nulls(self, value, place=None):
    """Some of what is not given is null instead."""
    if isinstance(value, list):
      for inner in value:
        self.add_nulls(inner, place)
    elif isinstance(value, dict):
      for key, inner in list(value.items()):
        self.add_nulls(inner, key)
      for key in OPTIONAL.get(place, ()):
        if self.chance(0.1):
          value.setdefault(key, None)

  def add(self, api_version, kind, namespace, name, body):
    """Unless there is one of that name. namespace None: cluster-scoped."""
    if (kind, namespace, name) in self.names:
      return
    self.names.add((kind, namespace, name))
    metadata = {'name': name}
    if namespace is not None and (namespace != 'default' or self.chance(0.5)):
      metadata['namespace'] = namespace
    metadata.update(body.pop('metadata', {}))
    if self.chance(self.timed):
      metadata['creationTimestamp'] = self.pick(TIMES)
    if self.chance(0.3):
      metadata['generation'] = self.random.randint(1, 9)
    item = {'apiVersion': api_version, 'kind': kind, 'metadata': metadata,
            **body}
    if api_version.startswith(GROUP) and self.chance(0.1):
      item['status'] = self.given_status(kind, body['spec'])
    self.items.append(item)

  def given_status(self, kind, spec):
    """What a cluster may have had there: old conditions of ours, and those of
    others, which stay."""
    if kind in PROTOCOL_OF:
      return {'parents': [
        {'controllerName': self.pick((rules.CONTROLLER, 'example.com/x')),
         'parentRef': {'group': GROUP, 'kind': 'Gateway', **ref},
         'conditions': self.given_conditions()}
        for ref in spec.get('parentRefs') or [] for _ in range(
          self.random.randint(0, 2))]}
    return {'conditions': self.given_conditions(), 'listeners': [
      {'name': listener['name'], 'attachedRoutes': 99,
       'conditions': self.given_conditions()}
      for listener in spec.get('listeners') or [] if self.chance(0.5)]}

  def given_conditions(self):
    return [{'type': kind, 'status': 'Unknown', 'reason': 'Given',
             'message': 'as it was given', 'observedGeneration': 99}
            for kind in self.sample(('Accepted', 'Programmed', 'example.com/X',
                                     'example.com/Y'), 0, 3)]

  def labels(self):
    return {key: self.pick(values) for key, values in LABELS.items()
            if self.chance(0.5)}

  def add_namespaces(self):
    for name in self.namespaces:
      if self.chance(0.7):
        labels = self.labels()
        if self.chance(0.3):
          labels['kubernetes.io/metadata.name'] = name
        self.add('v1', 'Namespace', None, name,
                 {'metadata': {'labels': labels} if labels else {}})

  def add_classes(self):
    for name, controller in (('l4', rules.CONTROLLER),
                             ('l4-b', rules.CONTROLLER),
                             ('other', 'example.com/l4gate.dev'),
                             ('bad', rules.CONTROLLER)):
      spec = {'controllerName': controller}
      ref = {'group': 'example.com', 'kind': 'X', 'name': 'x'}
      if name == 'l4-b':
        ref = self.parameters_ref()
        if not self.wrong():
          ref['namespace'] = self.pick(self.namespaces)
      if name == 'bad' or (name == 'l4-b' and self.chance(0.5)):
        spec['parametersRef'] = ref
      if name == 'l4' or self.chance(0.7):
        self.add(f'{GROUP}/{self.pick(("v1", "v1beta1"))}', 'GatewayClass',
                 None, name, {'spec': spec})

  def add_parameters(self):
    for _ in range(self.pick((0, 0, 1, 3))):
      self.add('l4gate.dev/v1alpha1', 'GatewayParameters',
               self.pick(self.namespaces), self.pick(NAMES),
               {'spec': self.pick(({}, {'mode': 'nat'}, self.settings(),
                                   self.settings()))})

  def settings(self):
    return {'timeouts': {name: self.pick(('1s', '90s', '3m', '2h4m', '8h'))
                         for name in rules.TIMEOUTS if self.chance(0.4)},
            'maxHalfOpen': self.pick((None, None, 1, 65535))}

  def parameters_ref(self):
    group, kind = rules.PARAMETERS
    ref = {'group': group, 'kind': kind, 'name': self.pick(NAMES)}
    given = self.of_kind('GatewayParameters')
    if given and not self.wrong():
      ref['name'] = self.pick(given)['metadata']['name']
    if self.wrong():
      ref.update(self.pick(({'group': GROUP}, {'kind': 'RoutePolicy'},
                            {'group': '', 'kind': 'ConfigMap'})))
    return ref

  # ----------------------------------------------------------------- Gateways

  def add_gateway(self):
    spec = {'gatewayClassName': self.pick(('other', 'bad', 'none'))
            if self.wrong() else self.pick(('l4', 'l4', 'l4-b'))}
    if spec['gatewayClassName'] == 'l4-b' and \
       ('GatewayClass', None, 'l4-b') not in self.names:
      spec['gatewayClassName'] = 'l4'
    if self.chance(0.8):
      spec['addresses'] = [
        {'value': value, **({'type': 'IPAddress'} if self.chance(0.2) else {})}
        for value in self.sample(ADDRESSES, 0, 3)]
      if self.chance(self.trouble / 2):
        spec['addresses'] += self.sample(BAD_ADDRESSES, 1, 2)
        self.random.shuffle(spec['addresses'])
    if self.chance(self.trouble / 2):
      spec['infrastructure'] = {'parametersRef': self.parameters_ref()}
    if self.chance(0.6):
      spec['allowedListeners'] = {'namespaces': self.allowed_namespaces(
        ('None', 'Same', 'All', 'All', 'All', 'Selector'))}
    spec['listeners'] = self.listeners(6)
    self.add(f'{GROUP}/{self.pick(("v1", "v1", "v1beta1"))}', 'Gateway',
             self.pick(self.namespaces), self.pick(NAMES), {'spec': spec})

  def add_listener_set(self):
    namespace = self.pick(self.namespaces)
    target, name = key_of(self.pick(self.of_kind('Gateway')))
    if self.wrong():
      target, name = self.pick(self.namespaces), self.pick(NAMES)
    ref = {'name': name}
    if target != namespace or self.chance(0.2):
      ref['namespace'] = target
    if self.chance(0.1):
      ref.update({'group': GROUP, 'kind': 'Gateway'})
    if self.chance(self.trouble / 4):
      ref.update(self.pick(({'kind': 'Service', 'group': ''},
                            {'kind': 'ListenerSet'},
                            {'group': 'example.com'})))
    self.add(f'{GROUP}/v1', 'ListenerSet', namespace, self.pick(NAMES),
             {'spec': {'parentRef': ref, 'listeners': self.listeners(4)}})

  def listeners(self, most):
    listeners, used = [], set()
    for name in self.sample(LISTENERS, 1, most):
      protocol = self.pick(('HTTP', 'HTTPS', 'TLS', 'example.com/x', 'INVALID',
                            'tcp', 'SCTP')) if self.wrong() else \
        self.pick(('TCP', 'TCP', 'UDP'))
      port = self.pick(PORTS)
      if (protocol, port) in used:
        continue
      used.add((protocol, port))
      listener = {'name': name, 'port': port, 'protocol': protocol}
      if protocol == 'TLS':
        listener['tls'] = {'mode': 'Passthrough'}
      if self.chance(0.7):
        listener['allowedRoutes'] = self.allowed_routes(protocol)
      listeners.append(listener)
    return listeners

  def allowed_routes(self, protocol):
    allowed = {}
    if self.chance(0.85):
      allowed['namespaces'] = self.allowed_namespaces(
        ('Same', 'All', 'All', 'Selector', 'Selector'))
    if self.chance(0.3):
      allowed['kinds'] = self.kinds(protocol)
    return allowed

  def allowed_namespaces(self, origins):
    allowed = {'from': self.pick(origins)}
    if allowed['from'] == 'Selector' and not self.wrong():
      allowed['selector'] = self.selector()
    elif self.chance(0.1):
      # Not looked at unless from is Selector.
      allowed['selector'] = {'matchLabels': {'env': 'none'}}
    return allowed

  def kinds(self, protocol):
    right = {'kind': KIND_OF.get(protocol, 'HTTPRoute')}
    if self.chance(0.3):
      right['group'] = GROUP
    kinds = [right]
    if self.wrong() or self.chance(0.1):
      kinds.append(self.pick((
        {'kind': 'HTTPRoute'}, {'kind': 'TCPRoute'}, {'kind': 'UDPRoute'},
        {'kind': 'UDPRoute', 'group': ''},
        {'kind': right['kind'], 'group': 'example.com'},
        {'kind': right['kind'], 'group': ''}, {'kind': 'InvalidRoute'})))
      self.random.shuffle(kinds)
      if self.wrong():
        kinds.remove(right)
    return kinds

  def selector(self):
    selector = {}
    if self.chance(0.6):
      selector['matchLabels'] = self.match_labels()
    if self.chance(0.5):
      selector['matchExpressions'] = [
        self.expression() for _ in range(self.random.randint(0, 2))]
    return selector

  def match_labels(self):
    key = self.pick(list(LABELS) + ['kubernetes.io/metadata.name'])
    return {key: self.pick(LABELS.get(key, self.namespaces))}

  def expression(self):
    key = self.pick(list(LABELS) + ['kubernetes.io/metadata.name', 'none'])
    operator = self.pick(('In', 'NotIn', 'Exists', 'DoesNotExist'))
    term = {'key': key, 'operator': operator}
    if operator in ('In', 'NotIn'):
      term['values'] = self.sample(LABELS.get(key, self.namespaces), 1, 2)
    elif self.chance(0.1):
      term['values'] = []
    return term

  # ------------------------------------------------------------------- routes

  def of_kind(self, *kinds):
    return [item for item in self.items if item['kind'] in kinds]

  def add_route(self):
    kind = self.pick(('TCPRoute', 'TCPRoute', 'UDPRoute'))
    namespace = self.pick(self.namespaces)
    version = self.pick(('v1', 'v1', 'v1alpha2'))
    rule_count = 2 if version == 'v1alpha2' and self.wrong() else 1
    spec = {'rules': [
      {'backendRefs': [self.backend_ref(kind, namespace) for _ in range(
        self.pick((1, 1, 2, 2, 3, 4, 16)))]}
      for _ in range(rule_count)]}
    if self.chance(0.97):
      spec['parentRefs'] = self.parent_refs(kind, namespace)
    self.add(f'{GROUP}/{version}', kind, namespace, self.pick(NAMES),
             {'spec': spec})

  def parent_refs(self, kind, namespace):
    """As the standard channel wants them: to one parent, sectionName in all
    that differ or in none. With its namespace and without, a parent is two."""
    refs, seen = [], {}
    for _ in range(self.pick((1, 1, 1, 2, 3))):
      ref = self.parent_ref(kind, namespace)
      key = (ref.get('group', GROUP), ref.get('kind', 'Gateway'),
             ref.get('namespace'), ref['name'])
      sections = seen.setdefault(key, set())
      section = ref.get('sectionName')
      if sections and (section is None or None in sections or
                       section in sections):
        continue
      sections.add(section)
      refs.append(ref)
    return refs

  def listener_for(self, kind, namespace):
    """(parent, listener): most of the time one that may take the route."""
    pairs = [(parent, listener)
             for parent in self.of_kind('Gateway', 'ListenerSet')
             for listener in parent['spec']['listeners']]
    fitting = [
      (parent, listener) for parent, listener in pairs
      if KIND_OF.get(listener['protocol']) == kind and
      (namespace_of(parent) == namespace or
       rules.allowed_namespaces(listener)[0] in ('All', 'Selector'))]
    return self.pick(fitting if fitting and self.chance(0.8) else pairs)

  def parent_ref(self, kind, namespace):
    parent, listener = self.listener_for(kind, namespace)
    target, name = key_of(parent)
    if self.wrong():
      target, name = self.pick(self.namespaces), self.pick(NAMES)
    ref = {'name': name}
    if parent['kind'] != 'Gateway':
      ref['kind'] = parent['kind']
    if target != namespace or self.chance(0.2):
      ref['namespace'] = target
    if self.chance(0.4):
      ref['sectionName'] = (self.pick(LISTENERS) if self.wrong()
                            else listener['name'])
    if self.chance(0.3):
      ref['port'] = self.pick(PORTS) if self.wrong() else listener['port']
    if self.chance(0.1):
      ref['kind'] = parent['kind']
    if self.chance(0.1):
      ref['group'] = GROUP
    if self.chance(self.trouble / 3):
      ref.update(self.pick((
        {'kind': 'ListenerSet'}, {'kind': 'Gateway'},
        {'group': '', 'kind': 'Service'},
        {'group': 'example.com', 'kind': 'Mesh'},
        {'group': 'example.com', 'kind': 'Gateway'})))
    return ref

  def backend_ref(self, kind, namespace):
    services = self.of_kind('Service')
    near = [item for item in services if namespace_of(item) == namespace]
    service = self.pick(near if near and self.chance(0.7) else services)
    target, name = key_of(service)
    if self.wrong():
      target, name = self.pick(self.namespaces), self.pick(NAMES)
    ports = [port['port'] for port in service['spec'].get('ports') or []
             if port.get('protocol', 'TCP') == PROTOCOL_OF[kind]]
    ref = {'name': name, 'port': self.pick(ports)
           if ports and not self.wrong() else self.pick(PORTS)}
    if target != namespace or self.chance(0.2):
      ref['namespace'] = target
    if self.chance(0.7):
      ref['weight'] = (self.random.randint(0, 1000000) if self.chance(0.1)
                       else self.pick(WEIGHTS))
    if self.chance(0.1):
      ref['kind'] = 'Service'
    if self.chance(0.1):
      ref['group'] = ''
    if self.chance(self.trouble / 3):
      ref.update(self.pick((
        {'kind': 'service'}, {'kind': 'Services'}, {'kind': 'ConfigMap'},
        {'group': 'example.com'}, {'group': GROUP},
        {'group': GROUP, 'kind': 'TCPRoute'})))
    return ref

  # ----------------------------------------------------------------- Services

  def add_service(self):
    shape = self.pick(({}, {}, {'type': 'ClusterIP'}, {'type': 'NodePort'},
                       {'type': 'LoadBalancer'}, {'clusterIP': 'None'}))
    if self.chance(self.trouble / 2):
      shape = {'type': 'ExternalName', 'externalName': 'a.example'}
    self.add('v1', 'Service', self.pick(self.namespaces), self.pick(NAMES),
             {'spec': {**shape, 'ports': self.service_ports()}})

  def service_ports(self):
    ports, used = [], set()
    for name in self.sample(PORT_NAMES, 1, 4):
      number = self.pick(PORTS)
      protocol = self.pick(('TCP', 'TCP', 'UDP', 'SCTP' if self.wrong()
                            else 'TCP'))
      if (number, protocol) in used:
        continue
      used.add((number, protocol))
      port = {'name': name, 'port': number}
      if protocol != 'TCP' or self.chance(0.5):
        port['protocol'] = protocol
      if self.chance(0.5):
        port['targetPort'] = self.pick((8080, 53, 'http'))
      ports.append(port)
    if len(ports) == 1 and self.chance(0.5):
      del ports[0]['name']
    return ports

  def add_slices(self, service):
    for i in range(self.pick((0, 1, 1, 2, 3))):
      namespace, name = key_of(service)
      labels = {'kubernetes.io/service-name': name}
      if self.chance(self.trouble / 3):
        namespace = self.pick(self.namespaces)
      if self.chance(self.trouble / 3):
        labels = self.pick(({}, {'service-name': name},
                            {'kubernetes.io/service-name': self.pick(NAMES)}))
      family = 'FQDN' if self.wrong() else self.pick(('IPv4', 'IPv4', 'IPv6'))
      body = {'metadata': {'labels': labels} if labels else {},
              'addressType': family,
              'endpoints': [self.endpoint(family) for _ in range(
                self.pick((0, 1, 2, 3, 5, 8)))]}
      if not self.wrong():
        body['ports'] = self.slice_ports(service)
      self.add('discovery.k8s.io/v1', 'EndpointSlice', namespace,
               f'{name}-{i}', body)

  def slice_ports(self, service):
    """Those of the Service, most of them, with numbers of their own."""
    ports = []
    for port in service['spec']['ports']:
      own = {'port': self.pick((8080, 8081, port['port']))}
      if 'name' in port:
        own['name'] = port['name']
      if 'protocol' in port:
        own['protocol'] = port['protocol']
      if self.wrong():
        self.pick((lambda: own.update(name=self.pick(PORT_NAMES)),
                   lambda: own.update(protocol=self.pick(('TCP', 'UDP'))),
                   lambda: own.pop('port'), lambda: own.pop('name', None),
                   lambda: own.update(port=None)))()
      ports.append(own)
    # Two ports of one name and protocol: undefined, and not valid either.
    unique = {(own.get('name', ''), own.get('protocol', 'TCP')): own
              for own in ports}
    ports = list(unique.values())
    self.random.shuffle(ports)
    return ports[1:] if self.wrong() else ports

  def endpoint(self, family):
    number = self.random.randint(1, 12)
    address = {'IPv4': f'10.0.0.{number}', 'IPv6': f'fd00::{number:x}',
               'FQDN': f'e{number}.example'}[family]
    if family == 'IPv6' and self.chance(0.2):
      address = f'FD00:0:0::{number:04X}'
    endpoint = {'addresses': [address]}
    if self.chance(0.1):
      endpoint['addresses'].append(address)
    conditions = self.pick(CONDITIONS[:4] if self.chance(0.6) else CONDITIONS)
    if conditions:
      endpoint['conditions'] = conditions
    return endpoint

  # ------------------------------------------------------------------- grants

  def add_grants(self):
    """For about two of three references across namespaces: one that permits,
    or one that nearly does."""
    i = 0
    for route in self.of_kind('TCPRoute', 'UDPRoute'):
      for rule in route['spec']['rules']:
        for ref in rule['backendRefs']:
          target = ref.get('namespace') or namespace_of(route)
          if target == namespace_of(route) or self.chance(0.3):
            continue
          self.add_grant(f'g{i}', route, target, ref['name'])
          i += 1

  def add_grant(self, name, route, target, service):
    origin = {'group': GROUP, 'kind': route['kind'],
              'namespace': namespace_of(route)}
    to = {'group': '', 'kind': 'Service'}
    if self.chance(0.6):
      to['name'] = service
    if self.wrong() or self.chance(0.3):
      target = self.spoil(origin, to, target)
    lists = [[origin], [to]]
    if self.chance(0.3):
      lists[0].append({**origin, 'namespace': self.pick(self.namespaces)})
    if self.chance(0.3):
      lists[1].append({**to, 'name': self.pick(NAMES)})
    for entries in lists:
      self.random.shuffle(entries)
    self.add(f'{GROUP}/{self.pick(("v1", "v1beta1"))}', 'ReferenceGrant',
             target, name, {'spec': {'from': lists[0], 'to': lists[1]}})

  def spoil(self, origin, to, target):
    """One field of a grant that permits is not what it should be."""
    field = self.random.randrange(7)
    if field == 0:
      return origin['namespace']
    if field == 1:
      origin['namespace'] = self.pick(self.namespaces)
    elif field == 2:
      origin['kind'] = self.pick(('TCPRoute', 'UDPRoute', 'HTTPRoute'))
    elif field == 3:
      origin['group'] = self.pick(('', 'example.com'))
    elif field == 4:
      to['kind'] = self.pick(('Secret', 'service'))
    elif field == 5:
      to['group'] = self.pick((GROUP, 'core'))
    else:
      to['name'] = self.pick(NAMES)
    return target

  def add_others(self):
    """Kinds that are none of ours are skipped."""
    if self.chance(0.2):
      self.add(f'{GROUP}/v1', 'HTTPRoute', self.pick(self.namespaces), 'a',
               {'spec': {'anything': [1, {'x': None}]}})
    if self.chance(0.2):
      self.add('apps/v1', 'Deployment', self.pick(self.namespaces), 'a',
               {'spec': {'replicas': 2}})


def generate(seed):
  return Generator(seed).generate()
