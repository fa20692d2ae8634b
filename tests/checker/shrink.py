# SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
"""The smallest set that still differs: objects are left out as long as it does,
then what is optional in those that stay."""
import copy


def without_some(items, differs):
  """Leaves out runs of objects, of half of them to a single one."""
  size = len(items) // 2
  while size:
    start = 0
    while start < len(items):
      fewer = items[:start] + items[start + size:]
      if fewer and differs(fewer):
        items = fewer
      else:
        start += size
    size //= 2
  return items


def places(value, path=()):
  """Paths of everything that can be left out of a value, the deepest last."""
  if isinstance(value, dict):
    pairs = list(value.items())
  elif isinstance(value, list):
    pairs = list(enumerate(value))
  else:
    return
  # From the end, so that the paths of what comes before stay right.
  for key, inner in reversed(pairs):
    yield path + (key,)
    yield from places(inner, path + (key,))


def removed(items, path):
  """A copy without what is at path, or None if it is gone already."""
  items = copy.deepcopy(items)
  at = items
  try:
    for key in path[:-1]:
      at = at[key]
    del at[path[-1]]
  except (KeyError, IndexError, TypeError):
    return None
  return items


def without_parts(items, differs):
  for path in list(places(items)):
    if len(path) < 2:
      continue
    smaller = removed(items, path)
    if smaller is not None and differs(smaller):
      items = smaller
  return items


def shrink(items, differs):
  before = None
  while items != before:
    before = items
    items = without_parts(without_some(items, differs), differs)
  return items
