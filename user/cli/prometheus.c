// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "cli/prometheus.h"

#include <string.h>

/* One counter of the "stats" object of listeners, routes and backends. */
struct metric {
	const char *name;	/* behind l4gate_KIND_ */
	const char *help;
	const char *key;
	const char *sub[2];	/* by direction, or NULL */
};

static const struct metric metrics[] = {
	{ "packets_total", "Packets forwarded.", "packets",
	  { "from_client", "from_backend" } },
	{ "bytes_total", "Bytes of frames forwarded.", "bytes",
	  { "from_client", "from_backend" } },
	{ "flows_total", "New flows.", "flows", { NULL } },
	{ "rejected_packets_total", "Packets rejected.", "rejected", { NULL } },
};

/* A label's value, escaped as the format wants it. */
static void print_label(FILE *out, const char *name, const char *value)
{
	fprintf(out, "%s=\"", name);
	for (; *value; value++) {
		if (*value == '\n')
			fputs("\\n", out);
		else if (*value == '"' || *value == '\\')
			fprintf(out, "\\%c", *value);
		else
			fputc(*value, out);
	}
	fputc('"', out);
}

static void print_head(FILE *out, const char *prefix, const char *name,
		       const char *help, const char *type)
{
	fprintf(out, "# HELP l4gate_%s%s %s\n# TYPE l4gate_%s%s %s\n", prefix,
		name, help, prefix, name, type);
}

static void print_gauge(FILE *out, const char *name, const char *help,
			json_int_t value)
{
	print_head(out, "", name, help, "gauge");
	fprintf(out, "l4gate_%s %lld\n", name, value);
}

static void listener_labels(FILE *out, const json_t *listener)
{
	char port[24];

	snprintf(port, sizeof(port), "%lld", view_number(listener, "port"));
	print_label(out, "namespace", view_text(listener, "namespace"));
	print_label(out, ",gateway", view_text(listener, "gateway"));
	print_label(out, ",listener_set", view_text(listener, "listenerSet"));
	print_label(out, ",listener", view_text(listener, "name"));
	print_label(out, ",protocol", view_text(listener, "protocol"));
	print_label(out, ",port", port);
}

static void route_labels(FILE *out, const json_t *route)
{
	print_label(out, "namespace", view_text(route, "namespace"));
	print_label(out, ",route", view_text(route, "name"));
	print_label(out, ",kind", view_text(route, "kind"));
}

/* The ref's index: two refs of a route may lead to the same endpoint. */
static void backend_labels(FILE *out, const json_t *route,
			   const json_t *backend)
{
	const json_t *refs = json_object_get(route, "refs");
	json_int_t ref = view_number(backend, "ref");
	char index[24];

	snprintf(index, sizeof(index), "%lld", ref);
	route_labels(out, route);
	print_label(out, ",ref", index);
	print_label(out, ",service",
		    view_text(json_array_get(refs, ref), "name"));
	print_label(out, ",address", view_text(backend, "endpoint"));
}

static void print_samples(FILE *out, const char *prefix,
			  const struct metric *metric, const json_t *object,
			  const json_t *route)
{
	int i;

	for (i = 0; i < 2 && (metric->sub[i] || !i); i++) {
		fprintf(out, "l4gate_%s%s{", prefix, metric->name);
		if (!strcmp(prefix, "listener_"))
			listener_labels(out, object);
		else if (!strcmp(prefix, "route_"))
			route_labels(out, object);
		else
			backend_labels(out, route, object);
		if (metric->sub[i])
			print_label(out, ",direction", metric->sub[i]);
		fprintf(out, "} %lld\n",
			view_stat(object, metric->key, metric->sub[i]));
	}
}

static void print_metric(FILE *out, const struct view *view,
			 const char *prefix, const struct metric *metric)
{
	bool listeners = !strcmp(prefix, "listener_");
	json_t *object, *backend;
	size_t i, j;

	print_head(out, prefix, metric->name, metric->help, "counter");
	json_array_foreach(json_object_get(view->state, listeners ?
			   "listeners" : "routes"), i, object) {
		if (strcmp(prefix, "backend_")) {
			print_samples(out, prefix, metric, object, NULL);
			continue;
		}
		json_array_foreach(json_object_get(object, "backends"), j,
				   backend)
			print_samples(out, prefix, metric, backend, object);
	}
}

static void print_active(FILE *out, const struct view *view)
{
	json_t *route, *backend;
	size_t i, j;

	print_head(out, "backend_", "active_flows", "Flows that are alive.",
		   "gauge");
	json_array_foreach(json_object_get(view->state, "routes"), i, route)
		json_array_foreach(json_object_get(route, "backends"), j,
				   backend) {
			fputs("l4gate_backend_active_flows{", out);
			backend_labels(out, route, backend);
			fprintf(out, "} %lld\n",
				view_number(backend, "active"));
		}
}

/* Of the object "halfOpen" of listeners. */
static const struct {
	const char *name;
	const char *help;
	const char *type;
	const char *key;
} half_open_metrics[] = {
	{ "half_open", "Half-open flows that are counted.", "gauge", "flows" },
	{ "half_open_limit",
	  "Half-open flows beyond which new ones are surplus.", "gauge",
	  "limit" },
	{ "surplus_flows_total", "New flows beyond the limit.", "counter",
	  "surplus" },
};

static void print_half_open(FILE *out, const struct view *view)
{
	json_t *listener;
	size_t i, j;

	for (i = 0; i < 3; i++) {
		print_head(out, "listener_", half_open_metrics[i].name,
			   half_open_metrics[i].help,
			   half_open_metrics[i].type);
		json_array_foreach(json_object_get(view->state, "listeners"),
				   j, listener) {
			fprintf(out, "l4gate_listener_%s{",
				half_open_metrics[i].name);
			listener_labels(out, listener);
			fprintf(out, "} %lld\n", view_number(
				json_object_get(listener, "halfOpen"),
				half_open_metrics[i].key));
		}
	}
}

static void print_half_open_of_node(FILE *out, const struct view *view)
{
	struct half_open tcp = half_open_of_node(&view->flows, true);
	struct half_open udp = half_open_of_node(&view->flows, false);

	print_head(out, "", "half_open",
		   "Half-open flows of all listeners that are counted.",
		   "gauge");
	fprintf(out, "l4gate_half_open{protocol=\"TCP\"} %u\n", tcp.flows);
	fprintf(out, "l4gate_half_open{protocol=\"UDP\"} %u\n", udp.flows);
	print_gauge(out, "half_open_limit",
		    "Half-open flows of a protocol beyond which most new ones are surplus.",
		    tcp.limit);
}

/* How many backends are in a state, or how many flows these have. */
static void print_states(FILE *out, const struct view *view, bool flows)
{
	static const char *const names[] = { "active", "draining", "gone" };
	json_int_t sums[3] = { 0 };
	json_t *route, *backend;
	size_t i, j, k;

	print_head(out, "", flows ? "backends_flows" : "backends", flows ?
		   "Flows that are alive, of backends by state." :
		   "Backends by state, once for each route and backendRef.",
		   "gauge");
	json_array_foreach(json_object_get(view->state, "routes"), i, route)
		json_array_foreach(json_object_get(route, "backends"), j,
				   backend)
			for (k = 0; k < 3; k++)
				if (!strcmp(view_text(backend, "state"),
					    names[k]))
					sums[k] += flows ? view_number(
						backend, "active") : 1;
	for (k = 0; k < 3; k++)
		fprintf(out, "l4gate_backends%s{state=\"%s\"} %lld\n",
			flows ? "_flows" : "", names[k], sums[k]);
}

static void print_reasons(FILE *out, const struct view *view, bool bytes)
{
	int hook, reason;

	print_head(out, "", bytes ? "reason_bytes_total" :
		   "reason_packets_total",
		   "Ways out of the data path.", "counter");
	for (hook = 0; hook < L4GATE_HOOK_MAX; hook++)
		for (reason = 0; reason < L4GATE_REASON_MAX; reason++) {
			struct l4gate_count count =
				stats_reason(view->dataplane, hook, reason);

			fprintf(out, "l4gate_reason_%s_total{hook=\"%s\",reason=\"%s\",class=\"%s\"} %llu\n",
				bytes ? "bytes" : "packets", hook_names[hook],
				reason_names[reason], reason_classes[reason],
				(unsigned long long)(bytes ? count.bytes :
						     count.packets));
		}
}

void prometheus_print(FILE *out, const struct view *view)
{
	static const char *const prefixes[] = { "listener_", "route_",
						"backend_" };
	size_t i, j;

	for (i = 0; i < 3; i++)
		for (j = 0; j < sizeof(metrics) / sizeof(*metrics); j++)
			print_metric(out, view, prefixes[i], &metrics[j]);
	print_half_open(out, view);
	print_active(out, view);
	print_states(out, view, false);
	print_states(out, view, true);
	print_reasons(out, view, false);
	print_reasons(out, view, true);
	print_gauge(out, "config_generation", "Generation in force.",
		    view_number(view->state, "generation"));
	print_gauge(out, "config_applied_timestamp_seconds",
		    "When it was applied.", view_number(view->state, "applied"));
	print_gauge(out, "flow_records", "Flow records in use.", view->active);
	print_gauge(out, "flow_records_max",
		    "Flows that the table keeps without evicting any.",
		    view->dataplane->meta.max_flows);
	print_half_open_of_node(out, view);
	print_head(out, "", "build_info", "The version, as a label.", "gauge");
	fprintf(out, "l4gate_build_info{version=\"%s\"} 1\n", L4GATE_VERSION);
}
