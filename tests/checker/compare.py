# SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
"""What l4gate printed against what was expected: a list of differences, each
(where, expected, got)."""
import math

import rules
from expect import Expectation
from rules import CONTROLLER, FAMILIES, GROUP, key_of

VERDICTS = ('usable', 'no endpoints', 'invalid')


def had_entry(route):
  """Choice: a route that has none of our parents any more is told so."""
  parents = (route.get('status') or {}).get('parents')
  return parents == [] or any(
    entry['controllerName'] == CONTROLLER for entry in parents or [])


class Comparison:

  def __init__(self, items, printed):
    self.items = items
    self.expected = Expectation(items)
    self.printed = printed
    self.differences = []

  def run(self):
    self.check_objects()
    tables = self.printed['items'][-1]
    if self.equal('last item', 'CompiledTables', tables['kind']):
      self.check_listeners(tables['listeners'])
      self.check_routes(tables['routes'])
    return self.differences

  def equal(self, where, expected, got):
    if expected != got:
      self.differences.append((where, expected, got))
    return expected == got

  # ------------------------------------------------------------------- status

  def check_objects(self):
    """Exactly our objects are there, each as given, each with its status."""
    ours = {}
    specs = {}
    for given, item in zip(self.items, self.expected.objects.items):
      key = (item['kind'], *key_of(item))
      if (item['kind'] == 'GatewayClass' and
          item['spec']['controllerName'] == CONTROLLER):
        key = 'GatewayClass', '', item['metadata']['name']
        ours[key] = item
      elif (key in self.expected.objects.groups or
            item['kind'] == 'GatewayParameters' or
            item in self.expected.objects.routes and
            (key in self.expected.parents or had_entry(item))):
        ours[key] = item
      specs[key] = given['spec'] if 'spec' in given else None
    got = {(item['kind'], item['metadata'].get('namespace', ''),
            item['metadata']['name']): item
           for item in self.printed['items'][:-1]}
    if not self.equal('objects', sorted(ours), sorted(got)):
      return
    for key, item in ours.items():
      where = '{} {}/{}'.format(*key)
      self.equal(f'{where} spec', specs[key], got[key]['spec'])
      self.check_status(where, key, item, got[key]['status'])

  def check_status(self, where, key, item, status):
    generation = item['metadata'].get('generation') or 0
    given = item.get('status') or {}
    if key[0] == 'GatewayClass':
      self.check_conditions(where, generation,
                            self.expected.class_status(item), status, given)
    elif key[0] == 'GatewayParameters':
      expected = self.expected.parameters_status(key[1:])
      self.check_conditions(where, generation, expected, status, given)
      self.equal(f'{where} usedBy', expected['usedBy'],
                 sorted((user['kind'], user.get('namespace', ''),
                         user['name']) for user in status['usedBy']
                        if user['group'] == GROUP))
    elif key in self.expected.objects.groups:
      self.check_group(where, generation, key, status, given)
    else:
      self.check_parents(where, generation, key, status, given)

  def check_conditions(self, where, generation, expected, status, given):
    """Ours, and behind them those of others as they were given (rule 4)."""
    others = [one for one in given.get('conditions') or []
              if '/' in one['type']]
    count = len(status['conditions']) - len(others)
    own = status['conditions'][:count]
    self.equal(f'{where} conditions of others', others,
               status['conditions'][count:])
    self.equal(f'{where} conditions', expected['conditions'],
               {one['type']: (one['status'], one['reason']) for one in own})
    self.equal(f'{where} each condition once', len(own),
               len({one['type'] for one in own}))
    for one in own:
      self.equal(f'{where} {one["type"]} observedGeneration', generation,
                 one['observedGeneration'])
      self.equal(f'{where} {one["type"]} has a message', True,
                 bool(one['message']))

  def check_group(self, where, generation, key, status, given):
    expected = self.expected.group_status(key)
    self.check_conditions(where, generation, expected, status, given)
    if 'addresses' in expected:
      self.equal(f'{where} addresses',
                 [('IPAddress', address) for address in expected['addresses']],
                 sorted((address['type'], address['value'])
                        for address in status['addresses']))
      self.equal(f'{where} attachedListenerSets',
                 expected['attachedListenerSets'],
                 status.get('attachedListenerSets', 0))
    if not self.equal(f'{where} listeners', list(expected['listeners']),
                      [one['name'] for one in status['listeners']]):
      return
    before = {one['name']: one for one in given.get('listeners') or []}
    for one in status['listeners']:
      at = f'{where} listener {one["name"]}'
      wanted = expected['listeners'][one['name']]
      for field in 'supportedKinds', 'attachedRoutes':
        self.equal(f'{at} {field}', wanted[field], one[field])
      self.check_conditions(at, generation, wanted, one,
                            before.get(one['name'], {}))

  def check_parents(self, where, generation, key, status, given):
    """One entry for each parentRef that is ours, as it was written, and behind
    them those of other controllers (rules 4 and 5)."""
    expected = self.expected.route_status(key)
    refs = [{'group': GROUP, 'kind': 'Gateway', **ref} for ref, _ in expected]
    others = [one for one in given.get('parents') or []
              if one['controllerName'] != CONTROLLER]
    own = status['parents'][:len(expected)]
    self.equal(f'{where} parents of others', others,
               status['parents'][len(expected):])
    if not self.equal(f'{where} parentRefs', refs,
                      [one['parentRef'] for one in own]):
      return
    for i, ((_, conditions), one) in enumerate(zip(expected, own)):
      before = {'conditions': [
        condition for entry in given.get('parents') or []
        if entry['controllerName'] == CONTROLLER and
        entry['parentRef'] == refs[i] for condition in entry['conditions']]}
      self.equal(f'{where} parent {i} controllerName', CONTROLLER,
                 one['controllerName'])
      self.check_conditions(f'{where} parent {i}', generation,
                            {'conditions': conditions}, one, before)

  # ------------------------------------------------------------------- tables

  def check_listeners(self, listeners):
    got = {}
    for one in listeners:
      owner = one.get('listenerSet') or one['gateway']
      kind = 'ListenerSet' if one.get('listenerSet') else 'Gateway'
      route = one['route']
      got[kind, owner['namespace'], owner['name'], one['name']] = {
        'protocol': one['protocol'], 'port': one['port'],
        'gateway': (one['gateway']['namespace'], one['gateway']['name']),
        'addresses': sorted(one['addresses']), 'mode': one['mode'],
        'maxHalfOpen': one.get('maxHalfOpen'),
        'route': route and (route['kind'], route['namespace'], route['name']),
      }
    self.equal('number of listeners', len(got), len(listeners))
    for key in sorted(set(got) | set(self.expected.listeners)):
      self.equal('listener of {} {}/{}, {}'.format(*key),
                 self.expected.listeners.get(key), got.get(key))

  def check_routes(self, routes):
    carriers = self.expected.carriers()
    got = {(one['kind'], one['namespace'], one['name']): one
           for one in routes}
    if not self.equal('routes with traffic', sorted(carriers), sorted(got)):
      return
    for key, route in carriers.items():
      self.check_route('{} {}/{}'.format(*key),
                       list(self.expected.shares(key, route)), got[key])
      self.equal('{} {}/{} idleTimeouts'.format(*key),
                 self.expected.timeouts(key),
                 {name: rules.seconds_of(text) for name, text
                  in got[key]['idleTimeouts'].items()})

  def check_route(self, where, expected, got):
    if not self.equal(f'{where} number of backendRefs', len(expected),
                      len(got['backendRefs'])):
      return
    self.equal(f'{where} backends of no backendRef', [],
               [one for one in got['backends'] if one['ref'] >= len(expected)])
    for i, (wanted, one) in enumerate(zip(expected, got['backendRefs'])):
      at = f'{where} backendRef {i}'
      for field in 'namespace', 'name', 'port', 'weight':
        self.equal(f'{at} {field}', wanted[field], one[field])
      verdict = VERDICTS[2 if wanted['fault'] else not wanted['endpoints']]
      self.equal(f'{at} verdict', verdict, one['verdict'])
      self.near(f'{at} wantedShare', wanted['share'], one['wantedShare'], 1e-9)
    for family in FAMILIES:
      self.check_table(f'{where} {family}', expected, got, family)

  def near(self, where, expected, got, tolerance):
    if not math.isclose(expected, got, rel_tol=0, abs_tol=tolerance):
      self.differences.append((where, f'{expected} +- {tolerance}', got))

  def check_table(self, where, expected, got, family):
    backends = [one for one in got['backends']
                if (':' in one['address']) == (family == 'IPv6')]
    size = got['tables'][family]['slots']
    served = any(one[family]['new'] for one in expected)
    if not self.equal(f'{where} has a table', served, size > 0):
      return
    self.equal(f'{where} slots in all', size, sum(
      ref['slots'][family] + ref['rejected'][family]
      for ref in got['backendRefs']))
    for i, (wanted, ref) in enumerate(zip(expected, got['backendRefs'])):
      at = f'{where} backendRef {i}'
      own = [one for one in backends if one['ref'] == i]
      self.check_endpoints(at, wanted, family, own)
      if size:
        self.check_share(at, expected, wanted, family, ref, own, size)
      else:
        self.equal(f'{at} slots', (0, 0, 0),
                   (ref['slots'][family], ref['rejected'][family],
                    sum(one['slots'] for one in own)))

  def check_endpoints(self, where, wanted, family, own):
    """Exactly the endpoints that are allowed; of these, which get flows."""
    for name, draining in ('new', False), ('kept', True):
      self.equal(f'{where} endpoints, {name}', sorted(wanted[family][name]),
                 sorted((one['address'], one['port']) for one in own
                        if one['draining'] == draining))
    for one in own:
      share = 0 if one['draining'] else \
        wanted['share'] / max(1, len(wanted[family]['new']))
      self.near(f'{where} {one["address"]} wantedShare', share,
                one['wantedShare'], 1e-9)

  def check_share(self, where, expected, wanted, family, ref, own, size):
    slots, rejected = ref['slots'][family], ref['rejected'][family]
    # Largest remainder errs by less than a slot. A weight too small for one
    # gets one all the same, from the others' slots.
    lifted = sum(0 < one['share'] * size < 1 for one in expected)
    if 0 < wanted['share'] * size < 1:
      self.equal(f'{where} a slot', 1, slots + rejected)
    else:
      self.near(f'{where} share', wanted['share'], (slots + rejected) / size,
                (1 + lifted) / size)
    # Rule 37: what can't be served is rejected, not given to others.
    unserved = 'slots' if not wanted[family]['new'] else 'rejected'
    self.equal(f'{where} {unserved}', 0, ref[unserved][family])
    counts = [one['slots'] for one in own if not one['draining']]
    self.equal(f'{where} slots of endpoints', slots, sum(counts))
    self.equal(f'{where} slots of draining ones', 0,
               sum(one['slots'] for one in own if one['draining']))
    if counts:
      self.equal(f'{where} equal parts', True,
                 max(counts) - min(counts) <= 1)
