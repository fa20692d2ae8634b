#!/usr/bin/env bash
# SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
# Fails on an include that goes against the direction of the house:
# include <- bpf, include <- user; in user: cli -> everything below it, compile
# without libbpf and I/O, libyaml in model/manifest.c and yaml_write.c only.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
code=0

# forbid PATTERN WHERE WHY [EXCEPT]: no line of these files may match.
forbid() {
  local found
  found=$(grep -rnE "$1" "$2" --include='*.[ch]' | grep -vE "${4:-^$}" || true)
  if [[ -n $found ]]; then
    printf '%s\n%s\n' "$3:" "$found" >&2
    code=1
  fi
}

forbid '#include "(cli|dataplane|stats|model|compile|util)/' include 'include/ stands alone'
forbid '#include "(cli|dataplane|stats|model|compile|util)/' bpf 'bpf/ sees include/ only'
forbid '#include <bpf/' user 'only dataplane, stats and the log callback know libbpf' \
  '^user/(dataplane|stats)/|^user/util/log\.c'
forbid '#include "(xdp|tc|send)\.skel\.h"' user 'only who loads a program knows its skeleton' \
  '^user/dataplane/(object|meta|dry|announce)\.c'
forbid '#include <yaml\.h>' user 'only the reader and the writer know libyaml' \
  '^user/model/(manifest|yaml_write)\.c'
forbid '#include "(cli|dataplane|stats)/' user/compile 'compile is pure'
forbid '#include "(cli|dataplane|stats|compile)/' user/model 'model knows util only'
forbid '#include "cli/' user/dataplane 'dataplane does not know cli'
forbid '#include "(cli|dataplane|stats|model|compile)/' user/util 'util knows nobody'
forbid '(^|[^a-z_])(printf|puts|putchar)\(' user 'only cli writes to stdout' '^user/(cli/|main\.c)'
exit "$code"
