#!/usr/bin/python3
# SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
"""What of a chaos run was to be expected, and what was not.

  judge.py START OPERATIONS EVENTS

OPERATIONS has a line "BEGIN END NAME ARGUMENT..." for each operation, EVENTS is of
streams.py; both count from START in what is printed: what nothing explains. Exits 1
if there is any. What explains an event was going on after the flow was last seen to
work (what was answered last was sent, or its first packet), and not long before:

  reset, error        the stream's backend was removed, or any if it had not spoken yet
  udp_moved           the same
  before it was up    of a reset or error also a flood through the stream's node, whose
                      half-open flows give way; of an error a link that was down there
  udp_silent          a link of the flow's node was down
  all else            never
"""
import json
import sys

# So much later it is noticed: by the next packet, which may have to be sent again.
AFTER = 10.0
# By the end of a client's address; see apart() in tests/netns/nodes.sh.
NODES = {"2": "gw", "3": "gw2"}


class Operation:
  def __init__(self, line):
    words = line.split()
    self.begin, self.end = float(words[0]), float(words[1])
    self.name, self.arguments = words[2], words[3:]

  def meets(self, event):
    return self.begin <= event["t"] <= self.end + AFTER and event["since"] <= self.end


def removed(operations, event):
  return any(o.name == "remove" and o.meets(event) and
             event["backend"] in (None, *o.arguments)
             for o in operations)


def disturbed(operations, event, name):
  return any(o.name == name and o.meets(event) and
             NODES[event["source"][-1]] in o.arguments
             for o in operations)


def is_explained(operations, event):
  what = event["event"]
  if what in ("reset", "error", "udp_moved") and removed(operations, event):
    return True
  if what in ("reset", "error") and event["backend"] is None:
    return disturbed(operations, event, "flood") or (
      what == "error" and disturbed(operations, event, "flap"))
  return what == "udp_silent" and disturbed(operations, event, "flap")


def main():
  with open(sys.argv[2], encoding="ascii") as file:
    operations = [Operation(line) for line in file]
  with open(sys.argv[3], encoding="ascii") as file:
    events = [json.loads(line) for line in file]
  begin = float(sys.argv[1])
  wrong = [e for e in events if not is_explained(operations, e)]
  for event in wrong[:50]:
    print(f"{event['t'] - begin:+.3f} UNEXPLAINED {json.dumps(event)}")
  print(f"{len(operations)} operations, {len(events) - len(wrong)} events explained, "
        f"{len(wrong)} not")
  return 1 if wrong else 0


sys.exit(main())
