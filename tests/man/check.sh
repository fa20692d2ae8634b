#!/usr/bin/env bash
# SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
# The man page says what the program says: its commands and options (with their
# arguments) are those of --help, and its reasons of conditions those that the
# golden files show.
#
#   tests/man/check.sh L4GATE
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
L4GATE=$1
PAGE=user/man/l4gate.8
passed=0 failed=0

# same WHAT MAN OTHER: two sorted lists.
same() {
  local difference
  if difference=$(diff <(printf '%s\n' "$2") <(printf '%s\n' "$3")); then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    printf '%s: the man page (<) is not what it should be (>)\n%s\n' "$1" "$difference"
  fi
}

# "command: -f, --filename PATH" for each line of options on standard input.
options_of() {
  sed -nE "s/^ +((-[a-z], )?--[a-z-]+( [A-Z]+)?)( .*)?$/$1: \1/p" | grep -v -- '--help$' || true
}

commands() {
  "$L4GATE" --help | awk '/^usage/ {on = 1; next} /COMMAND --help/ {exit} on && /^  [a-z]/ {print $1}'
}

help_options() {
  local command
  "$L4GATE" --help | options_of global
  for command in $(commands); do
    "$L4GATE" "$command" --help | options_of "$command"
  done
}

# Commands that "take the options for manifests" have those, too.
man_options() {
  sed -E 's/\\-/-/g; s/\\f[BIR]//g' "$PAGE" | awk '
    /^\.SH / {section = $0; command = section ~ /GLOBAL/ ? "global" : ""}
    /^\.SS / {command = section ~ /COMMANDS/ ? $2 : ""}
    /ptions for manifests/ && !/^\.SS/ {takes[command] = 1}
    /^\.B --?[a-z]/ && command && !/--help/ {
      sub(/^\.B /, "")
      if (command == "Options") shared[$0] = 1
      else print command ": " $0
    }
    END {for (c in takes) for (o in shared) print c ": " o}'
}

man_commands() {
  awk '/^\.SH / {on = /COMMANDS/} on && /^\.SS / && $2 != "Options" {print $2}' "$PAGE"
}

# Reasons, in bold in the section on conditions.
man_reasons() {
  awk '/^\.SH / {on = /CONDITIONS/} on' "$PAGE" | grep -oE '\\fB[A-Za-z]+' |
    sed 's/^\\fB//' | sort -u
}

golden_reasons() {
  grep -hoE '^ +[A-Za-z0-9./]+ +(True|False) +[A-Za-z]+: ' tests/golden/compile/*.txt |
    sed -E 's/.* ([A-Za-z]+): $/\1/' | sort -u
}

# Some take thousands of listeners to see: these are looked for in the source.
source_words() {
  grep -rhoE '"[A-Z][A-Za-z]+"' user/compile | tr -d '"' | sort -u
}

# Every form that -o takes is in the page of its command.
missing_forms() {
  local command form
  for command in compile get explain status stats; do
    for form in $("$L4GATE" "$command" --help | sed -nE 's/.*--output FORM +//p' |
      sed -E 's/\([^)]*\)//g; s/,| or/ /g'); do
      awk -v c="$command" '/^\.S[SH] / {on = $2 == c} on' "$PAGE" | grep -qw "$form" ||
        printf '%s -o %s\n' "$command" "$form"
    done
  done
}

same 'commands' "$(man_commands | sort)" "$(commands | sort)"
same 'options' "$(man_options | sort)" "$(help_options | sort)"
same 'reasons that are missing' '' "$(comm -13 <(man_reasons) <(golden_reasons))"
same 'reasons that are not written' "$(comm -23 <(man_reasons) <(source_words))" ''
same 'forms of -o' '' "$(missing_forms)"
if command -v groff >/dev/null; then
  same 'groff' '' "$(groff -man -Tutf8 -ww -z "$PAGE" 2>&1)"
fi
printf 'man: %d passed, %d failed\n' "$passed" "$failed"
((failed == 0))
