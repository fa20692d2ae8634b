# SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
"""From the rules to all that `l4gate compile -o json` says of a set: the status
of every object, who wins each listener, and the share of every endpoint."""
import rules
from conflicts import Conflicts
from rules import FAMILIES, key_of, namespace_of


def conditions(**reasons):
  """{type: (status, reason)}; a reason that is its type is a good one."""
  return {kind: reason if isinstance(reason, tuple)
          else ('True' if reason == kind else 'False', reason)
          for kind, reason in reasons.items() if reason}


class Expectation:
  """All of it, for one set. Objects are named (kind, namespace, name), and
  listeners (kind, namespace, name, listener)."""

  def __init__(self, items):
    self.objects = rules.Set([rules.without_nulls(item) for item in items])
    self.conflicts = Conflicts(self.objects)
    self.parents = {}   # of a route: [(ref, reason), ...]
    self.attached = {}  # to a listener: [route, ...]
    self.refs = {}      # of a route: [resolved, ...]
    for route in self.objects.routes:
      self.add_route(route)
    self.listeners = self.find_listeners()

  def add_route(self, route):
    key = (route['kind'], *key_of(route))
    for ref in route['spec'].get('parentRefs') or []:
      group = rules.parent_of(self.objects, route, ref)
      if not group:
        continue
      reason, names = rules.attach(self.objects, route, ref)
      self.parents.setdefault(key, []).append((ref, reason))
      for name in names:
        at = self.attached.setdefault((*group.key, name), [])
        if route not in at:
          at.append(route)
    self.refs[key] = [rules.resolve(self.objects, route, ref)
                      for rule in route['spec']['rules']
                      for ref in rule['backendRefs']]

  def find_listeners(self):
    """{listener: its line of the tables}, of those that are programmed."""
    found = {}
    for group in self.objects.groups.values():
      for listener in group.listeners:
        full = (*group.key, listener['name'])
        if full not in self.conflicts.programmed:
          continue
        routes = self.attached.get(full)
        winner = rules.by_precedence(routes)[0] if routes else None
        found[full] = {
          'protocol': listener['protocol'], 'port': listener['port'],
          'gateway': key_of(group.gateway.item),
          'addresses': rules.addresses_of(group.gateway.item), 'mode': 'nat',
          'maxHalfOpen': self.objects.max_half_open(group.gateway.item),
          'route': winner and (winner['kind'], *key_of(winner)),
        }
    return found

  # ------------------------------------------------------------------- status

  def listener_status(self, group, listener):
    full = (*group.key, listener['name'])
    reason = self.conflicts.fault.get(full, 'Accepted')
    programmed = 'Invalid'
    if full in self.listeners:
      programmed = 'Programmed'
    elif reason == 'ProtocolConflict':
      programmed = reason
    return {
      'supportedKinds': rules.supported_kinds(listener),
      'attachedRoutes': len(self.attached.get(full, [])),
      'conditions': conditions(
        Accepted=reason, Programmed=programmed,
        ResolvedRefs='InvalidRouteKinds' if rules.has_bad_kind(listener)
        else 'ResolvedRefs',
        Conflicted=('True', 'ProtocolConflict')
        if full in self.conflicts.conflicted else None),
    }

  def listeners_accepted(self, group):
    """The reason of an object's Accepted, so far as it is its listeners'."""
    bad = [(*group.key, listener['name']) in self.conflicts.fault
           for listener in group.listeners]
    if all(bad):
      return 'ListenersNotValid'
    return ('True', 'ListenersNotValid') if any(bad) else 'Accepted'

  def serves(self, group):
    return any(full[:3] == group.key for full in self.listeners)

  def gateway_accepted(self, group):
    fault = self.objects.gateway_fault(group.item)
    if fault in ('InvalidParameters', 'UnsupportedAddress'):
      return fault
    return self.listeners_accepted(group)

  def gateway_conditions(self, group):
    fault = self.objects.gateway_fault(group.item)
    programmed = 'Programmed' if self.serves(group) else 'Invalid'
    if fault in ('AddressNotAssigned', 'AddressNotUsable'):
      programmed = fault
    return conditions(Accepted=self.gateway_accepted(group),
                      Programmed=programmed)

  def set_conditions(self, group):
    """Rule 19 and the table of section 3."""
    if not group.gateway:
      return conditions(Accepted='ParentNotAccepted',
                        Programmed='ParentNotProgrammed')
    if not group.joins:
      return conditions(Accepted='NotAllowed', Programmed='NotAllowed')
    accepted = self.listeners_accepted(group)
    if self.gateway_accepted(group.gateway) not in (
        'Accepted', ('True', 'ListenersNotValid')):
      accepted = 'ParentNotAccepted'
    programmed = 'Programmed'
    if not self.serves(group.gateway):
      programmed = 'ParentNotProgrammed'
    elif not self.serves(group):
      programmed = 'ListenersNotValid'
    return conditions(Accepted=accepted, Programmed=programmed)

  def group_status(self, key):
    """Of a Gateway or a ListenerSet."""
    group = self.objects.groups[key]
    status = {'listeners': {
      listener['name']: self.listener_status(group, listener)
      for listener in group.listeners}}
    if group.is_set:
      status['conditions'] = self.set_conditions(group)
      return status
    status['conditions'] = self.gateway_conditions(group)
    status['addresses'] = (rules.addresses_of(group.item)
                           if self.serves(group) else [])
    status['attachedListenerSets'] = sum(
      one.is_set and one.gateway is group and
      self.set_conditions(one)['Accepted'][0] == 'True'
      for one in self.objects.groups.values())
    return status

  def class_status(self, owner):
    return {'conditions': conditions(
      Accepted=self.objects.class_fault(owner) or 'Accepted')}

  def parameters_status(self, key):
    return {'conditions': conditions(Accepted='Accepted'),
            'usedBy': sorted(self.objects.users_of(key))}

  def route_status(self, key):
    faults = [ref['fault'] for ref in self.refs[key] if ref['fault']]
    return [(ref, conditions(Accepted=reason,
                             ResolvedRefs=(faults or ['ResolvedRefs'])[0]))
            for ref, reason in self.parents.get(key, [])]

  # ------------------------------------------------------------------- tables

  def carriers(self):
    """Routes that win a listener, by key."""
    keys = {one['route'] for one in self.listeners.values()}
    return {(route['kind'], *key_of(route)): route
            for route in self.objects.routes
            if (route['kind'], *key_of(route)) in keys}

  def timeouts(self, key):
    """Of the Gateways that a route is attached to, the longest each."""
    groups = [rules.parent_of(self.objects, self.route(key), ref)
              for ref, reason in self.parents[key] if reason == 'Accepted']
    all_of = [self.objects.timeouts_of(group.gateway.item)
              for group in groups if group.gateway]
    return {name: max(one[name] for one in all_of)
            for name in rules.TIMEOUTS if name.startswith(key[0][:3].lower())}

  def route(self, key):
    return next(route for route in self.objects.routes
                if (route['kind'], *key_of(route)) == key)

  def shares(self, key, route):
    """One entry a backendRef: its weight, its share of the new flows, the
    endpoints of either family that get them, and those that keep flows."""
    refs = route['spec']['rules'][0]['backendRefs']
    weights = [ref.get('weight', 1) for ref in refs]
    total = sum(weights)
    for ref, weight, resolved in zip(refs, weights, self.refs[key]):
      entry = {
        'namespace': ref.get('namespace') or namespace_of(route),
        'name': ref['name'], 'port': ref.get('port') or 0, 'weight': weight,
        'share': weight / total if total else 0,
        'fault': resolved['fault'],
      }
      for family in FAMILIES:
        chosen, kept = resolved[family]
        # Rule 34: weight 0 means no traffic, which does not end old flows.
        entry[family] = {'new': chosen if weight else set(),
                         'kept': kept | (set() if weight else chosen)}
      entry['endpoints'] = any(resolved[family][0] for family in FAMILIES)
      yield entry
