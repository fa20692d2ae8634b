# SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
"""A set as files: the same objects in another order, over more files and
documents, as YAML or JSON."""
import json
import re

PLAIN = re.compile(r'[A-Za-z][A-Za-z0-9./-]*')
# What YAML 1.1 takes for something else than a string.
WORDS = {'true', 'false', 'yes', 'no', 'on', 'off', 'y', 'n', 'null'}


def scalar(value):
  if isinstance(value, str) and PLAIN.fullmatch(value) and \
     value.lower() not in WORDS:
    return value
  return json.dumps(value)


def block(value, indent):
  """Lines of a value that is not a scalar, in block style."""
  lines = []
  pad = ' ' * indent
  pairs = value.items() if isinstance(value, dict) else \
    ((None, item) for item in value)
  for key, item in pairs:
    lead = f'{pad}-' if key is None else f'{pad}{scalar(key)}:'
    if not isinstance(item, (dict, list)) or not item:
      lines.append(f'{lead} {scalar(item)}')
    elif key is None:
      inner = block(item, indent + 2)
      lines.append(f'{pad}- {inner[0].lstrip()}')
      lines += inner[1:]
    else:
      lines.append(lead)
      lines += block(item, indent + 2)
  return lines


def yaml_text(items):
  return '---\n'.join('\n'.join(block(item, 0)) + '\n' for item in items)


def list_text(items):
  return json.dumps({'apiVersion': 'v1', 'kind': 'List', 'items': items})


def typed_lists(items):
  """By apiVersion and kind, which the items then need not repeat."""
  groups = {}
  for item in items:
    groups.setdefault((item['apiVersion'], item['kind']), []).append(
      {key: value for key, value in item.items()
       if key not in ('apiVersion', 'kind')})
  return '\n'.join(json.dumps(
    {'apiVersion': version, 'kind': f'{kind}List', 'items': members}, indent=1)
    for (version, kind), members in groups.items())


FORMS = (
  ('yaml', yaml_text),
  ('yaml', lambda items: '\n---\n'.join(json.dumps(item) for item in items)),
  ('yml', list_text),
  ('json', lambda items: '\n'.join(json.dumps(item) for item in items)),
  ('json', lambda items: json.dumps({'apiVersion': 'v1', 'kind': 'List',
                                     'items': items}, indent='\t')),
  ('json', typed_lists),
)


def write(directory, items, random):
  """The items below directory in an order and shape that random gives."""
  items = random.sample(items, len(items))
  count = random.randint(1, min(3, len(items)))
  cuts = sorted(random.sample(range(1, len(items)), count - 1))
  for i, (start, end) in enumerate(zip([0] + cuts, cuts + [len(items)])):
    suffix, form = random.choice(FORMS)
    place = directory / random.choice(('', 'x', 'y'))
    place.mkdir(exist_ok=True)
    (place / f'{random.randint(0, 99)}-{i}.{suffix}').write_text(
      form(items[start:end]))
