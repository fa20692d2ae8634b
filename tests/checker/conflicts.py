# SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
"""Listeners that packets could not tell apart (rules 16 to 21)."""
import rules
from rules import by_precedence, known


def wire(listener):
  """What a packet is told apart by, below the port (rules 16 and 17)."""
  return {'TCP': 'tcp', 'HTTP': 'tcp', 'HTTPS': 'tcp', 'TLS': 'tcp',
          'UDP': 'udp'}.get(listener['protocol'])


def collide(a, b):
  """Two that are both not ours to serve do not concern us."""
  return (a['port'] == b['port'] and wire(a) is not None and
          wire(a) == wire(b) and (known(a) or known(b)))


def in_order(groups, compete):
  """By precedence. A timestamp that is missing counts among those who compete,
  directly or by others, and nobody else."""
  clusters = []
  for group in groups:
    met = [cluster for cluster in clusters
           if any(compete(group, other) for other in cluster)]
    clusters = [cluster for cluster in clusters if cluster not in met]
    clusters.append([group] + [other for cluster in met for other in cluster])
  return [next(group for group in cluster if group.item is item)
          for cluster in clusters
          for item in by_precedence([group.item for group in cluster])]


class Conflicts:
  """fault: {(kind, namespace, object, listener): reason of Accepted=False};
  conflicted: of those with Conflicted=True; programmed: those that are."""

  def __init__(self, objects):
    self.objects = objects
    self.groups = list(objects.groups.values())
    self.fault = {}
    self.conflicted = set()
    for group in self.groups:
      self.settle_inside(group)
    for group in self.groups:
      if not group.is_set:
        self.settle_sets(group)
    self.settle_addresses()
    self.programmed = {
      (*group.key, listener['name']) for group in self.groups
      if self.has_parent(group) for listener in group.listeners
      if self.is_sound(group, listener)}

  def lose(self, group, listener):
    key = (*group.key, listener['name'])
    self.conflicted.add(key)
    if known(listener):
      self.fault[key] = 'ProtocolConflict'

  def settle_inside(self, group):
    """Rule 18: in one object nobody wins."""
    for a in group.listeners:
      if not known(a):
        self.fault[(*group.key, a['name'])] = 'UnsupportedProtocol'
      if any(a is not b and collide(a, b) for b in group.listeners):
        self.lose(group, a)

  def settle_sets(self, gateway):
    """Rule 19: the Gateway, then the older ListenerSet. Choice: a port that is
    in dispute inside one object is not free for the others either."""
    sets = [group for group in self.groups
            if group.is_set and group.gateway is gateway and group.joins]
    held = [(gateway, listener) for listener in gateway.listeners]
    for group in in_order(sets, lambda a, b: any(
        collide(x, y) for x in a.listeners for y in b.listeners)):
      for listener in group.listeners:
        if any(owner is not group and collide(listener, other)
               for owner, other in held):
          self.lose(group, listener)
        else:
          held.append((group, listener))

  def is_sound(self, group, listener):
    """Choice: a listener that no route can ever attach to is not served, and
    keeps no other from its address."""
    origin, selector = rules.allowed_namespaces(listener)
    return bool(group.joins and
                (*group.key, listener['name']) not in self.fault and
                not self.objects.gateway_fault(group.gateway.item) and
                rules.supported_kinds(listener) and
                not (origin == 'Selector' and selector is None))

  def has_parent(self, group):
    """Choice: a ListenerSet is served beside listeners of its Gateway."""
    return not group.is_set or (group.joins and any(
      self.is_sound(group.gateway, listener)
      for listener in group.gateway.listeners))

  def places(self, group):
    """{(protocol, port, address)} that its sound listeners want; no address
    given: the node's own, which nobody knows offline."""
    return {place for listener in group.listeners
            if self.is_sound(group, listener)
            for place in self.places_of(group, listener)}

  def places_of(self, group, listener):
    return {(listener['protocol'], listener['port'], address)
            for address in rules.addresses_of(group.gateway.item) or ['own']}

  def settle_addresses(self):
    """Rule 21: between Gateways, the one that takes precedence; choice: all of
    them before any ListenerSet. Who loses one place holds none."""
    held = set()
    for is_set in False, True:
      wanted = {group.key: self.places(group) for group in self.groups
                if group.is_set == is_set and self.has_parent(group)}
      for group in in_order(
          [group for group in self.groups if group.key in wanted],
          lambda a, b: wanted[a.key] & wanted[b.key]):
        self.choose(group, held)

  def choose(self, group, held):
    own = set()
    for listener in group.listeners:
      if not self.is_sound(group, listener):
        continue
      places = self.places_of(group, listener)
      if places & held:
        self.lose(group, listener)
      else:
        own |= places
    held |= own
