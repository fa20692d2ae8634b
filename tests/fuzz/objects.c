// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "objects.h"

#include <stdarg.h>
#include <stdio.h>

#define MAX_OBJECTS 200

#define PICK(writer, words)						\
	((words)[take(writer, sizeof(words) / sizeof((words)[0]))])

struct writer {
	const uint8_t *at;
	const uint8_t *end;
	FILE *out;
	unsigned int count;	/* of objects, names those nobody refers to */
	unsigned int namespace;	/* of the object that is being written */
	bool used[9][4][5];	/* kind, namespace, name: given already */
};

static const char *const namespaces[] = { "default", "a", "b", "a-b" };
static const char *const names[] = { "a", "b", "a-b", "b-a", "ab" };
/* Each the other's prefix, too. */
static const char *const services[] = { "a", "a-b", "b", "b-a" };
static const char *const ports[] = { "53", "80", "443", "65535" };
static const char *const route_kinds[] = { "TCPRoute", "UDPRoute" };
static const char *const times[] = {
	"", ", \"creationTimestamp\": \"2026-01-01T00:00:00Z\"",
	", \"creationTimestamp\": \"2026-01-01T02:00:00+01:00\"",
	", \"creationTimestamp\": null, \"generation\": 7",
};

/* A number below n, 0 when the bytes are used up. */
static unsigned int take(struct writer *writer, unsigned int n)
{
	return writer->at < writer->end ? *writer->at++ % n : 0;
}

static void put(struct writer *writer, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void put(struct writer *writer, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vfprintf(writer->out, format, args);
	va_end(args);
}

/* ", " before every item of a list but the first. */
static void put_comma(struct writer *writer, unsigned int i)
{
	if (i)
		put(writer, ", ");
}

static void put_labels(struct writer *writer)
{
	static const char *const labels[] = {
		"", "\"x\": \"1\"", "\"x\": \"\", \"y\": \"2\"", "\"y\": \"1\"",
	};

	put(writer, ", \"labels\": {%s}", PICK(writer, labels));
}

/*
 * The beginning of an object, up to and with its metadata; false, and nothing
 * written, if there is one of that name.
 */
static bool begin(struct writer *writer, unsigned int kind_number,
		  const char *api_version, const char *kind, bool namespaced)
{
	unsigned int namespace = namespaced ? take(writer, 4) : 0;
	unsigned int name = take(writer, 5);
	bool *used = &writer->used[kind_number][namespace][name];

	if (*used)
		return false;
	*used = true;
	writer->namespace = namespace;
	put(writer, "{\"apiVersion\": \"%s\", \"kind\": \"%s\", \"metadata\": {\"name\": \"%s\"",
	    api_version, kind, names[name]);
	if (namespace)
		put(writer, ", \"namespace\": \"%s\"", namespaces[namespace]);
	put(writer, "%s", PICK(writer, times));
	return true;
}

/* The end of an object: what others have written there may be anything. */
static void put_status(struct writer *writer)
{
	static const char *const statuses[] = {
		"", "", "\"x\"", "[]", "{\"conditions\": {}, \"parents\": 7}",
		"{\"conditions\": [{\"type\": \"Accepted\"}, {\"type\": \"x.y/Z\"}, 7, {}],"
		" \"listeners\": [{\"name\": \"l0\", \"conditions\": [{\"type\": \"x.y/Z\"}]}, null]}",
		"{\"parents\": [{\"controllerName\": \"x.y/z\"}, {}, null, {"
		"\"controllerName\": \"l4gate.dev/gateway-controller\", \"parentRef\": {"
		"\"group\": \"gateway.networking.k8s.io\", \"kind\": \"Gateway\", \"name\": \"a\"},"
		" \"conditions\": [{\"type\": \"x.y/Z\"}]}]}",
	};
	const char *status = PICK(writer, statuses);

	put(writer, *status ? ", \"status\": %s}" : "%s}", status);
}

static void put_namespace(struct writer *writer)
{
	unsigned int name = take(writer, 4);

	if (writer->used[0][0][name])
		return;
	writer->used[0][0][name] = true;
	put(writer, "{\"apiVersion\": \"v1\", \"kind\": \"Namespace\", \"metadata\": {\"name\": \"%s\"",
	    namespaces[name]);
	put_labels(writer);
	put(writer, "}}");
}

/* One of ours, most of the time. */
static void put_parameters_ref(struct writer *writer, const char *namespace)
{
	static const char *const refs[] = {
		"\"group\": \"l4gate.dev\", \"kind\": \"GatewayParameters\"",
		"\"group\": \"l4gate.dev\", \"kind\": \"GatewayParameters\"",
		"\"group\": \"x.y\", \"kind\": \"GatewayParameters\"",
	};

	put(writer, ", \"parametersRef\": {%s", PICK(writer, refs));
	put(writer, ", \"name\": \"%s\"%s}", PICK(writer, names), namespace);
}

static void put_class(struct writer *writer)
{
	static const char *const controllers[] = {
		"l4gate.dev/gateway-controller", "example.com/other",
	};

	if (!begin(writer, 1, "gateway.networking.k8s.io/v1", "GatewayClass",
		   false))
		return;
	put(writer, "}, \"spec\": {\"controllerName\": \"%s\"",
	    PICK(writer, controllers));
	if (!take(writer, 8))
		put_parameters_ref(writer, ", \"namespace\": \"a\"");
	put(writer, "}");
	put_status(writer);
}

static void put_selector(struct writer *writer)
{
	static const char *const terms[] = {
		"\"operator\": \"Exists\"", "\"operator\": \"DoesNotExist\"",
		"\"operator\": \"In\", \"values\": [\"1\", \"a\"]",
		"\"operator\": \"NotIn\", \"values\": [\"1\", \"2\"]",
	};
	static const char *const keys[] = {
		"x", "y", "kubernetes.io/metadata.name",
	};
	unsigned int i, n = take(writer, 3);

	if (!take(writer, 8))
		return;
	put(writer, ", \"selector\": {");
	if (take(writer, 2))
		put(writer, "\"matchLabels\": {\"%s\": \"1\"}, ",
		    PICK(writer, keys));
	put(writer, "\"matchExpressions\": [");
	for (i = 0; i < n; i++) {
		put_comma(writer, i);
		put(writer, "{\"key\": \"%s\", ", PICK(writer, keys));
		put(writer, "%s}", PICK(writer, terms));
	}
	put(writer, "]}");
}

/* Listener i, unless used has one of its protocol and port already. */
static void put_listener(struct writer *writer, unsigned int i,
			 bool used[6][4])
{
	static const char *const protocols[] = {
		"TCP", "UDP", "HTTP", "HTTPS", "example.com/x", "TLS",
	};
	static const char *const from[] = { "Same", "All", "Selector" };
	static const char *const kinds[] = {
		"", ", \"kinds\": [{\"kind\": \"TCPRoute\"}]",
		", \"kinds\": [{\"kind\": \"UDPRoute\"}, {\"kind\": \"X\"}]",
		", \"kinds\": [{\"kind\": \"TCPRoute\", \"group\": \"\"}]",
	};
	unsigned int protocol = take(writer, 6), port = take(writer, 4);

	if (used[protocol][port])
		return;
	used[protocol][port] = true;
	put_comma(writer, i);
	put(writer, "{\"name\": \"l%u\", \"protocol\": \"%s\", \"port\": %s", i,
	    protocols[protocol], ports[port]);
	if (protocol == 5)
		put(writer, ", \"tls\": {\"mode\": \"Passthrough\"}");
	if (take(writer, 4)) {
		put(writer, ", \"allowedRoutes\": {\"namespaces\": {\"from\": \"%s\"",
		    PICK(writer, from));
		put_selector(writer);
		put(writer, "}%s}", PICK(writer, kinds));
	}
	put(writer, "}");
}

/* The end of a spec. */
static void put_listeners(struct writer *writer)
{
	bool used[6][4] = { 0 };
	unsigned int i, n = 1 + take(writer, 5);

	put(writer, "\"listeners\": [");
	for (i = 0; i < n; i++)
		put_listener(writer, i, used);
	put(writer, "]}");
	put_status(writer);
}

static void put_addresses(struct writer *writer)
{
	static const char *const addresses[] = {
		"\"value\": \"192.0.2.1\"", "\"value\": \"192.0.2.2\"",
		"\"value\": \"2001:db8::1\"",
		"\"value\": \"2001:DB8:0:0:0:0:0:1\"",
		"\"type\": \"IPAddress\"", "\"value\": \"10.0.0.1\"",
		"\"value\": \"0.0.0.0\"", "\"value\": \"224.0.0.1\"",
		"\"type\": \"Hostname\", \"value\": \"a.b\"",
		"\"type\": \"example.com/x\", \"value\": \"y\"",
	};
	unsigned int i, n = take(writer, 4), first = take(writer, 10);

	put(writer, ", \"addresses\": [");
	for (i = 0; i < n; i++) {
		put_comma(writer, i);
		put(writer, "{%s}", addresses[(first + i) % 10]);
	}
	put(writer, "]");
}

static void put_gateway(struct writer *writer)
{
	static const char *const classes[] = { "claimed", "a", "b", "a-b" };
	static const char *const from[] = { "All", "Same", "Selector", "None" };

	if (!begin(writer, 2, "gateway.networking.k8s.io/v1", "Gateway", true))
		return;
	put(writer, "}, \"spec\": {\"gatewayClassName\": \"%s\"",
	    PICK(writer, classes));
	put_addresses(writer);
	if (!take(writer, 4)) {
		put(writer, ", \"infrastructure\": {\"labels\": {}");
		put_parameters_ref(writer, "");
		put(writer, "}");
	}
	put(writer, ", \"allowedListeners\": {\"namespaces\": {\"from\": \"%s\"",
	    PICK(writer, from));
	put_selector(writer);
	put(writer, "}}, ");
	put_listeners(writer);
}

static void put_listener_set(struct writer *writer)
{
	if (!begin(writer, 6, "gateway.networking.k8s.io/v1", "ListenerSet",
		   true))
		return;
	put(writer, "}, \"spec\": {\"parentRef\": {\"name\": \"%s\"",
	    PICK(writer, names));
	if (take(writer, 2))
		put(writer, ", \"namespace\": \"%s\"",
		    PICK(writer, namespaces));
	put(writer, "}, ");
	put_listeners(writer);
}

static void put_parameters(struct writer *writer)
{
	static const char *const specs[] = {
		"", "\"seed\": \"00112233445566778899aabbccddeeff\"",
		"\"seed\": \"ffeeddccbbaa99887766554433221100\"",
		"\"mode\": \"nat\", \"announce\": \"none\"",
		"\"mode\": \"dsr-l2\"", "\"natAddresses\": [\"192.0.2.7\"]",
		"\"timeouts\": {\"udpReplied\": \"1m30s\"}",
		"\"drainTimeout\": \"5m\"", "\"maxHalfOpen\": 100",
	};

	if (!begin(writer, 7, "l4gate.dev/v1alpha1", "GatewayParameters", true))
		return;
	put(writer, "}, \"spec\": {%s}}", PICK(writer, specs));
}

static void put_policy(struct writer *writer)
{
	static const char *const specs[] = {
		"", ", \"sessionAffinity\": {\"type\": \"None\"}",
		", \"sessionAffinity\": {\"type\": \"ClientIP\"}",
		", \"sourceRanges\": {\"allow\": [\"10.0.0.0/8\", \"fd00::/8\"]}",
		", \"connectionLimit\": {\"maxFlows\": 10}",
		", \"rateLimit\": {\"newFlowsPerSecond\": 10, \"burst\": 20}",
		", \"idleTimeout\": \"1h\"",
	};
	unsigned int i, n = 1 + take(writer, 3), first = take(writer, 5);

	if (!begin(writer, 8, "l4gate.dev/v1alpha1", "RoutePolicy", true))
		return;
	put(writer, "}, \"spec\": {\"targetRefs\": [");
	for (i = 0; i < n; i++) {
		put_comma(writer, i);
		put(writer, "{\"group\": \"gateway.networking.k8s.io\", \"kind\": \"%s\", \"name\": \"%s\"}",
		    PICK(writer, route_kinds), names[(first + i) % 5]);
	}
	put(writer, "]%s}}", PICK(writer, specs));
}

/*
 * One more parentRef, unless seen has the like: refs to one parent, a bit for
 * each sectionName and one for none.
 */
static void put_parent(struct writer *writer, bool *first,
		       uint8_t seen[4][5])
{
	static const char *const kinds[] = {
		"", ", \"kind\": \"Gateway\"",
		", \"group\": \"gateway.networking.k8s.io\"",
		", \"group\": \"\", \"kind\": \"Service\"",
		", \"kind\": \"ListenerSet\"",
	};
	unsigned int namespace = take(writer, 4), name = take(writer, 5);
	unsigned int section = take(writer, 12);
	bool has_section = section < 6;

	if (has_section ? seen[namespace][name] & (1 << section | 1 << 7) :
	    seen[namespace][name])
		return;
	seen[namespace][name] |= 1 << (has_section ? section : 7);
	put_comma(writer, !*first);
	*first = false;
	put(writer, "{\"name\": \"%s\"", names[name]);
	if (namespace != writer->namespace)
		put(writer, ", \"namespace\": \"%s\"",
		    namespaces[namespace]);
	if (has_section)
		put(writer, ", \"sectionName\": \"l%u\"", section);
	if (!take(writer, 4))
		put(writer, ", \"port\": %s", PICK(writer, ports));
	put(writer, "%s}", PICK(writer, kinds));
}

static void put_backend(struct writer *writer, unsigned int i)
{
	static const char *const weights[] = {
		"", ", \"weight\": 0", ", \"weight\": 1", ", \"weight\": 3",
		", \"weight\": 70", ", \"weight\": 1000000",
		", \"weight\": 999983", ", \"weight\": null",
	};
	static const char *const kinds[] = {
		"", "", "", "", "", ", \"group\": \"\", \"kind\": \"Service\"",
		", \"kind\": \"Secret\"", ", \"group\": \"x.y\"",
	};

	put_comma(writer, i);
	put(writer, "{\"name\": \"%s\"", PICK(writer, services));
	if (take(writer, 2))
		put(writer, ", \"namespace\": \"%s\"",
		    PICK(writer, namespaces));
	put(writer, ", \"port\": %s", PICK(writer, ports));
	put(writer, "%s", PICK(writer, weights));
	put(writer, "%s}", PICK(writer, kinds));
}

static void put_route(struct writer *writer)
{
	unsigned int kind = take(writer, 2), i, j, n, rules = 1;
	bool old = !take(writer, 4), first = true;
	uint8_t seen[4][5] = { 0 };

	if (!begin(writer, 3 + kind, old ? "gateway.networking.k8s.io/v1alpha2" :
		   "gateway.networking.k8s.io/v1", route_kinds[kind], true))
		return;
	put(writer, "}, \"spec\": {\"parentRefs\": [");
	n = 1 + take(writer, 4);
	for (i = 0; i < n; i++)
		put_parent(writer, &first, seen);
	put(writer, "], \"rules\": [");
	if (old)
		rules += take(writer, 3);
	for (i = 0; i < rules; i++) {
		put_comma(writer, i);
		put(writer, "{\"backendRefs\": [");
		n = 1 + take(writer, 16);
		for (j = 0; j < n; j++)
			put_backend(writer, j);
		put(writer, "]}");
	}
	put(writer, "]}");
	put_status(writer);
}

static void put_grant(struct writer *writer)
{
	static const char *const to[] = { "Service", "Secret" };
	unsigned int i, n;

	put(writer, "{\"apiVersion\": \"gateway.networking.k8s.io/v1\", \"kind\": \"ReferenceGrant\", \"metadata\": {\"name\": \"g%u\", \"namespace\": \"%s\"}, \"spec\": {\"from\": [",
	    writer->count, PICK(writer, namespaces));
	n = 1 + take(writer, 3);
	for (i = 0; i < n; i++) {
		put_comma(writer, i);
		put(writer, "{\"group\": \"gateway.networking.k8s.io\", \"kind\": \"%s\"",
		    PICK(writer, route_kinds));
		put(writer, ", \"namespace\": \"%s\"}",
		    PICK(writer, namespaces));
	}
	put(writer, "], \"to\": [");
	n = 1 + take(writer, 3);
	for (i = 0; i < n; i++) {
		put_comma(writer, i);
		put(writer, "{\"group\": \"\", \"kind\": \"%s\"",
		    PICK(writer, to));
		if (take(writer, 2))
			put(writer, ", \"name\": \"%s\"",
			    PICK(writer, services));
		put(writer, "}");
	}
	put(writer, "]}}");
}

static void put_service(struct writer *writer)
{
	static const char *const types[] = {
		"", "\"type\": \"ClusterIP\", ", "\"type\": \"NodePort\", ",
		"\"clusterIP\": \"None\", ",
		"\"type\": \"ExternalName\", \"externalName\": \"a.b\", ",
	};
	unsigned int i, n, first;

	if (!begin(writer, 5, "v1", "Service", true))
		return;
	put(writer, "}, \"spec\": {%s\"ports\": [", PICK(writer, types));
	n = 1 + take(writer, 6);
	first = take(writer, 8);
	for (i = 0; i < n; i++) {
		put_comma(writer, i);
		put(writer, "{\"name\": \"p%u\", \"protocol\": \"%s\", \"port\": %s, \"targetPort\": 8080}",
		    i, (first + i) % 2 ? "UDP" : "TCP",
		    ports[(first + i) / 2 % 4]);
	}
	put(writer, "]}}");
}

static void put_endpoint(struct writer *writer, unsigned int i, bool ipv6)
{
	static const char *const conditions[] = {
		"", "\"ready\": true", "\"ready\": false",
		"\"ready\": false, \"serving\": true, \"terminating\": true",
		"\"ready\": false, \"serving\": false", "\"ready\": null",
	};

	put_comma(writer, i);
	put(writer, ipv6 ? "{\"addresses\": [\"fd00::%x\"]" :
	    "{\"addresses\": [\"10.0.0.%u\"]", take(writer, 250));
	put(writer, ", \"conditions\": {%s}}", PICK(writer, conditions));
}

static void put_slice(struct writer *writer)
{
	static const char *const types[] = { "IPv4", "IPv6", "FQDN" };
	unsigned int type = take(writer, 3), i, n;

	put(writer, "{\"apiVersion\": \"discovery.k8s.io/v1\", \"kind\": \"EndpointSlice\", \"metadata\": {\"name\": \"s%u\", \"namespace\": \"%s\"",
	    writer->count, PICK(writer, namespaces));
	if (take(writer, 8))
		put(writer, ", \"labels\": {\"kubernetes.io/service-name\": \"%s\"}",
		    PICK(writer, services));
	put(writer, "}, \"addressType\": \"%s\", \"ports\": [", types[type]);
	n = take(writer, 4);
	for (i = 0; i < n; i++) {
		put_comma(writer, i);
		put(writer, "{\"name\": \"p%u\", \"protocol\": \"%s\"", i,
		    take(writer, 3) ? "TCP" : "UDP");
		if (take(writer, 8))
			put(writer, ", \"port\": %u", 8000 + take(writer, 4));
		put(writer, "}");
	}
	put(writer, "], \"endpoints\": [");
	n = take(writer, 32);
	for (i = 0; i < n; i++)
		put_endpoint(writer, i, type == 1);
	put(writer, "]}");
}

char *objects_write(const uint8_t *data, size_t size, bool json)
{
	static void (*const kinds[])(struct writer *writer) = {
		put_route, put_service, put_slice, put_gateway, put_class,
		put_grant, put_namespace, put_listener_set, put_parameters,
		put_policy,
	};
	struct writer writer = { .at = data, .end = data + size };
	char *text = NULL;
	size_t length;

	writer.out = open_memstream(&text, &length);
	if (!writer.out)
		return NULL;
	while (writer.at < writer.end && writer.count < MAX_OBJECTS) {
		writer.count++;
		PICK(&writer, kinds)(&writer);
		put(&writer, json ? "\n" : "\n---\n");
	}
	if (fclose(writer.out))
		return NULL;
	return text;
}
