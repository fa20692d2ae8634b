# SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
"""Output with one value changed: a comparison must notice, or is of no use."""
import copy

# Words for people, what is given back as it came, and table sizes, of which one
# slot more or less is within what a share may err by.
FREE = {'message', 'digest', 'apiVersion', 'metadata', 'supportedFeatures',
        'tables'}


def leaves(value, path=()):
  """Paths of all that is compared."""
  if not isinstance(value, (dict, list)):
    yield path
    return
  for key, inner in (value.items() if isinstance(value, dict)
                     else enumerate(value)):
    if key not in FREE:
      yield from leaves(inner, path + (key,))


def spoiled(printed, random):
  """(path, a copy that is wrong there)"""
  printed = copy.deepcopy(printed)
  path = random.choice([path for path in leaves(printed) if len(path) > 1])
  at = printed
  for key in path[:-1]:
    at = at[key]
  old = at[path[-1]]
  if isinstance(old, bool) or old is None:
    at[path[-1]] = not old
  elif isinstance(old, (int, float)):
    at[path[-1]] = old + 1
  else:
    at[path[-1]] = f'{old}x'
  return path, printed
