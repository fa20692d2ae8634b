# shellcheck shell=bash
# SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
# What is counted, and how it is shown: JSON, text, Prometheus.

ready() {
  two_armed
  start_identify
  split_manifest 70 30 0 >"$WORK/split.yaml"
  attach
  apply "$WORK/split.yaml"
}

metrics() {
  l4 stats -o prometheus
}

# metric_sum NAME LABEL-REGEX: over all series that match.
metric_sum() {
  metrics | awk -v name="$1" -v labels="$2" '
    index($0, name) == 1 && $1 ~ "^" name "([{]|$)" && $0 ~ labels {s += $NF}
    END {printf "%d\n", s}'
}

test_promtool_is_content() {
  local said
  ready
  split tcp "$VIP4" 7000 --count 50 >/dev/null
  said=$(metrics | promtool check metrics 2>&1) || fail "promtool: $said"
  expect 'what promtool has to say' "$said" ''
  metrics >"$WORK/metrics"
  expect 'duplicate series' "$(grep -v '^#' "$WORK/metrics" | sed 's/ [^ ]*$//' | sort | uniq -d)" ''
  expect 'names that are not ours' "$(grep -v '^#' "$WORK/metrics" | grep -v '^l4gate_' || true)" ''
  expect_no_match 'client in labels' "$(<"$WORK/metrics")" '10\.1\.0\.2|fd00:1::2'
}

# Flows by backend, as the clients counted them.
test_counts_agree_with_clients() {
  local json b
  ready
  json=$(split tcp "$VIP4" 7000 --count 200)
  for b in b1 b2; do
    expect "new flows of $b" \
      "$(metric_sum l4gate_backend_flows_total "tcp.*${ADDRESS4[$b]//./\\.}")" \
      "$(jq ".answers.$b" <<<"$json")"
  done
  expect 'new flows of the listener' "$(metric_sum l4gate_listener_flows_total 'tcp')" 200
  expect 'new flows of the route' "$(metric_sum l4gate_route_flows_total 'TCPRoute')" 200
}

# Counters of what stays go on over an apply, and never go down.
test_stats_survive_apply() {
  local before after
  ready
  split tcp "$VIP4" 7000 --count 100 >/dev/null
  before=$(metric_sum l4gate_route_flows_total TCPRoute)
  expect 'flows before' "$before" 100
  split_manifest 10 10 80 >"$WORK/other.yaml"
  apply "$WORK/other.yaml"
  after=$(metric_sum l4gate_route_flows_total TCPRoute)
  expect 'flows after apply' "$after" "$before"
  split tcp "$VIP4" 7000 --count 100 >/dev/null
  expect 'flows go on' "$(metric_sum l4gate_route_flows_total TCPRoute)" 200
  attach
  expect 'flows after attaching again' "$(metric_sum l4gate_route_flows_total TCPRoute)" 200
}

test_counters_never_decrease() {
  local i w
  ready
  live_start tcp "$VIP4" 7000 --count 20 --interval 0.05
  metrics | grep _total | sort >"$WORK/before"
  for i in 1 2 3 4 5 6; do
    w=$((i * 10))
    split_manifest "$w" $((100 - w)) 1 >"$WORK/other.yaml"
    apply "$WORK/other.yaml" >/dev/null
    metrics | grep _total | sort >"$WORK/after"
    "$PYTHON" - "$WORK/before" "$WORK/after" <<'PY' || fail 'a counter went down'
import sys
def series(path):
  rows = (line.rpartition(" ") for line in open(path) if not line.startswith("#"))
  return {name: float(value) for name, _, value in rows}
before, after = map(series, sys.argv[1:])
down = {k: (v, after[k]) for k, v in before.items() if k in after and after[k] < v}
sys.exit(f"went down: {down}" if down else 0)
PY
    mv "$WORK/after" "$WORK/before"
  done
  live_stop tcp >/dev/null
}

test_json_has_a_schema() {
  local kind
  ready
  split tcp "$VIP4" 7000 --count 20 >/dev/null
  for kind in gateways routes backends flows; do
    expect_json "get $kind" "$(l4 get "$kind" -o json)" '.schema | type == "number"'
    [[ -n $(l4 get "$kind") ]] || fail "get $kind: an empty table"
  done
  expect_json 'status' "$(l4 status -o json)" '.schema | type == "number"'
  expect_json 'stats' "$(l4 stats -o json)" '.schema | type == "number"'
  [[ -n $(l4 status) && -n $(l4 stats) ]] || fail 'an empty table'
}

test_flows_are_listed() {
  local flows
  ready
  live_start tcp "$VIP4" 7000 --count 30
  live_start udp "$VIP6" 7000 --count 10 --udp
  flows=$(l4 get flows -o json)
  expect_json 'flows' "$flows" '[.. | strings | select(contains("10.1.0.2"))] | length >= 30'
  expect_json 'flows over IPv6' "$flows" '[.. | strings | select(contains("fd00:1::2"))] | length >= 10'
  live_stop tcp >/dev/null
  live_stop udp >/dev/null
}

test_textfile_is_atomic() {
  local reader
  ready
  mkdir "$WORK/textfiles"
  l4 stats -o prometheus --textfile "$WORK/textfiles/l4gate.prom"
  promtool check metrics <"$WORK/textfiles/l4gate.prom" >"$WORK/said" 2>&1 || fail "$(<"$WORK/said")"
  # Readers in a loop must never see a part of a file.
  (
    while [[ ! -e $WORK/enough ]]; do
      cp "$WORK/textfiles/l4gate.prom" "$WORK/copy" && wc -l <"$WORK/copy"
    done >"$WORK/lines"
  ) &
  reader=$!
  for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do
    l4 stats -o prometheus --textfile "$WORK/textfiles/l4gate.prom"
  done
  touch "$WORK/enough"
  wait "$reader"
  expect 'sizes that readers saw' "$(sort -u "$WORK/lines" | wc -l)" 1
  expect 'files beside it' "$(ls "$WORK/textfiles")" l4gate.prom
  expect_match 'a directory that is not there' \
    "$(l4_fails stats -o prometheus --textfile "$WORK/nosuch/x.prom")" nosuch
}

# A real Prometheus scrapes what node_exporter's textfile collector would show.
test_prometheus_scrapes() {
  ready
  split tcp "$VIP4" 7000 --count 50 >/dev/null
  mkdir -p "$WORK/web" "$WORK/data"
  l4 stats -o prometheus --textfile "$WORK/web/metrics.txt"
  serve gw "$PYTHON" -m http.server --bind 127.0.0.1 --directory "$WORK/web" 9102
  cat >"$WORK/prometheus.yml" <<'YAML'
global: {scrape_interval: 1s}
scrape_configs:
- job_name: l4gate
  metrics_path: /metrics.txt
  static_configs: [{targets: ["127.0.0.1:9102"]}]
YAML
  serve gw prometheus --config.file="$WORK/prometheus.yml" \
    --storage.tsdb.path="$WORK/data" --web.listen-address=127.0.0.1:9090
  wait_for 20 'a scrape' scraped 'up == 1'
  wait_for 10 'our series' scraped 'sum(l4gate_listener_flows_total) == 50'
}

scraped() {
  at gw curl -fsS --max-time 2 --get --data-urlencode "query=$1" \
    http://127.0.0.1:9090/api/v1/query | jq -e '.data.result | length > 0'
}

# The bound in the man page: what a config can make of a scrape.
test_number_of_series() {
  local text series reasons
  two_armed
  attach
  split_manifest 1 1 1 | apply_stdin
  text=$(l4 stats -o prometheus | grep -v '^#')
  series=$(wc -l <<<"$text")
  reasons=$(grep -c '^l4gate_reason_' <<<"$text")
  expect_json "of $series series, $reasons by reason" "$(l4 status -o json)" \
    ".limits | 9 * .listeners.used + 6 * .routes.used + 7 * .backends.used + $reasons + 14 == $series"
}
