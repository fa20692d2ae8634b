#!/usr/bin/python3
# SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
"""What of a chaos run was to be expected, and what was not.

  judge.py START OPERATIONS EVENTS

OPERATIONS has a line "BEGIN END NAME ARGUMENT..." for each operation, EVENTS is of
streams.py; both count from START in what is printed: what nothing explains. Exits 1
if there is any.

  reset, error        the stream's backend was removed while it was up
  udp_moved           the same
  before it was up    a stream may fail to open while a link is down or under a flood
  udp_silent          a link was down
  all else            never
"""
import json
import sys

# A link that is down is noticed, and got over, so much later.
AFTER = 10.0


class Operation:
  def __init__(self, line):
    words = line.split()
    self.begin, self.end = float(words[0]), float(words[1])
    self.name, self.arguments = words[2], words[3:]


def removed(operations, event):
  return any(o.name == "remove" and event["backend"] in o.arguments and
             event["since"] <= o.end and o.begin <= event["t"]
             for o in operations)


def disturbed(operations, event, *names):
  return any(o.name in names and o.begin <= event["t"] <= o.end + AFTER
             for o in operations)


def is_explained(operations, event):
  what = event["event"]
  if what in ("reset", "error", "timeout") and event["backend"] is None:
    return disturbed(operations, event, "flap", "flood")
  if what in ("reset", "error", "udp_moved"):
    return removed(operations, event)
  if what == "udp_silent":
    return disturbed(operations, event, "flap")
  return False


def main():
  with open(sys.argv[2], encoding="ascii") as file:
    operations = [Operation(line) for line in file]
  with open(sys.argv[3], encoding="ascii") as file:
    events = [json.loads(line) for line in file]
  begin = float(sys.argv[1])
  wrong = [e for e in events if not is_explained(operations, e)]
  for event in wrong[:50]:
    print(f"+{event['t'] - begin:.3f} UNEXPLAINED {json.dumps(event)}")
  print(f"{len(operations)} operations, {len(events) - len(wrong)} events explained, "
        f"{len(wrong)} not")
  return 1 if wrong else 0


sys.exit(main())
