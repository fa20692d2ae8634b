// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* Whole manifests as text: what the model holds afterwards, defaults above all. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "model/manifest.h"

struct reading {
	struct model model;
	struct diags diags;
};

static int setup(void **state)
{
	*state = calloc(1, sizeof(struct reading));
	return *state ? 0 : -1;
}

static int teardown(void **state)
{
	struct reading *reading = *state;

	diags_free(&reading->diags);
	model_free(&reading->model);
	free(reading);
	return 0;
}

static int read_text(struct reading *reading, const char *text)
{
	return manifest_read_text("test.yaml", text, strlen(text), NULL,
				  &reading->model, &reading->diags);
}

/* Reads text in which nothing is wrong, nor suspicious. */
static void read_good(struct reading *reading, const char *text)
{
	int err = read_text(reading, text);

	if (err || reading->diags.count)
		fail_msg("%d: %s", err, reading->diags.count ?
			 reading->diags.items[0].text : "no message");
}

/* Reads text whose first mistake is the one given. */
static void read_bad(struct reading *reading, const char *text,
		     const char *message)
{
	assert_int_equal(read_text(reading, text), -EINVAL);
	assert_true(reading->diags.count > 0);
	if (!strstr(reading->diags.items[0].text, message))
		fail_msg("got \"%s\"", reading->diags.items[0].text);
}

#define ROUTE "apiVersion: gateway.networking.k8s.io/v1\nkind: TCPRoute\n"
#define GATEWAY "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\n"
#define SERVICE "apiVersion: v1\nkind: Service\n"
#define NAMESPACE "apiVersion: v1\nkind: Namespace\n"
#define SLICE "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\n"

static void test_route_defaults(void **state)
{
	struct reading *reading = *state;
	const struct backend_ref *ref;
	const struct parent_ref *parent;
	const struct route *route;

	read_good(reading, ROUTE "metadata: {name: shop}\n"
		  "spec:\n  parentRefs:\n  - name: edge\n  rules:\n"
		  "  - backendRefs:\n    - name: web\n      port: 80\n");
	assert_int_equal(reading->model.routes.count, 1);
	assert_int_equal(reading->model.object_count, 1);
	route = &reading->model.routes.items[0];
	assert_int_equal(route->protocol, PROTOCOL_TCP);
	assert_string_equal(route->meta.name, "shop");
	assert_string_equal(route->meta.namespace, "default");
	assert_int_equal(route->meta.created, 0);
	assert_int_equal(route->meta.generation, 0);
	assert_int_equal(route->meta.label_count, 0);
	assert_int_equal(route->meta.loc.line, 3);
	assert_int_equal(route->meta.loc.column, 18);

	assert_int_equal(route->parent_ref_count, 1);
	parent = &route->parent_refs[0];
	assert_string_equal(parent->group, GATEWAY_GROUP);
	assert_string_equal(parent->kind, "Gateway");
	assert_string_equal(parent->namespace, "default");
	assert_false(parent->has_namespace);
	assert_null(parent->section_name);
	assert_int_equal(parent->port, 0);
	assert_int_equal(parent->loc.line, 6);

	assert_int_equal(route->rule_count, 1);
	assert_null(route->rules[0].name);
	assert_int_equal(route->rules[0].backend_ref_count, 1);
	ref = &route->rules[0].backend_refs[0];
	assert_string_equal(ref->group, "");
	assert_string_equal(ref->kind, "Service");
	assert_string_equal(ref->namespace, "default");
	assert_string_equal(ref->name, "web");
	assert_int_equal(ref->port, 80);
	assert_int_equal(ref->weight, 1);
	assert_int_equal(ref->loc.line, 9);
}

static void test_route_full(void **state)
{
	struct reading *reading = *state;
	const struct backend_ref *refs;
	const struct route *route;

	/* The spec comes first: namespaces default to one not read yet. */
	read_good(reading, "spec:\n"
		  "  useDefaultGateways: All\n"
		  "  parentRefs:\n"
		  "  - {group: gateway.networking.k8s.io, kind: Gateway,\n"
		  "     namespace: infra, name: edge, sectionName: dns}\n"
		  "  - {name: edge, port: 53}\n"
		  "  - {group: '', kind: Service, name: mesh, port: null}\n"
		  "  rules:\n"
		  "  - name: one\n"
		  "    backendRefs:\n"
		  "    - {name: a, port: 53, weight: 0}\n"
		  "    - {name: b, port: 53, weight: 1000000, namespace: far}\n"
		  "    - {name: c, group: example.com, kind: Thing}\n"
		  "  - backendRefs: [{name: d, port: 65535}]\n"
		  "metadata:\n"
		  "  name: dns.v2\n"
		  "  namespace: shop\n"
		  "  creationTimestamp: \"2026-01-01T00:00:00Z\"\n"
		  "  generation: 7\n"
		  "  labels: {b: x, a: '1', example.com/c: ''}\n"
		  "apiVersion: gateway.networking.k8s.io/v1alpha2\n"
		  "kind: UDPRoute\n");
	route = &reading->model.routes.items[0];
	assert_int_equal(route->protocol, PROTOCOL_UDP);
	assert_int_equal(route->meta.created, 1767225600);
	assert_int_equal(route->meta.generation, 7);
	assert_int_equal(route->meta.label_count, 3);
	assert_string_equal(route->meta.labels[0].key, "a");
	assert_string_equal(route->meta.labels[0].value, "1");
	assert_string_equal(route->meta.labels[2].key, "example.com/c");

	assert_int_equal(route->parent_ref_count, 3);
	assert_string_equal(route->parent_refs[0].namespace, "infra");
	assert_true(route->parent_refs[0].has_namespace);
	assert_string_equal(route->parent_refs[0].section_name, "dns");
	assert_string_equal(route->parent_refs[1].namespace, "shop");
	assert_int_equal(route->parent_refs[1].port, 53);
	assert_string_equal(route->parent_refs[2].group, "");
	assert_int_equal(route->parent_refs[2].port, 0);

	assert_int_equal(route->rule_count, 2);
	assert_string_equal(route->rules[0].name, "one");
	refs = route->rules[0].backend_refs;
	assert_int_equal(refs[0].weight, 0);
	assert_string_equal(refs[0].namespace, "shop");
	assert_int_equal(refs[1].weight, 1000000);
	assert_string_equal(refs[1].namespace, "far");
	assert_string_equal(refs[2].kind, "Thing");
	assert_int_equal(refs[2].port, 0);
	assert_int_equal(route->rules[1].backend_refs[0].port, 65535);
}

static void test_gateway(void **state)
{
	struct reading *reading = *state;
	const struct listener *listener;
	const struct selector *selector;
	const struct gateway *gateway;

	read_good(reading, GATEWAY "metadata: {name: edge, namespace: infra}\n"
		  "spec:\n"
		  "  gatewayClassName: l4gate\n"
		  "  infrastructure:\n"
		  "    labels: {a: b}\n"
		  "    annotations: {note: 'any text: at all'}\n"
		  "    parametersRef:\n"
		  "      {group: l4gate.dev, kind: GatewayParameters, name: x}\n"
		  "  allowedListeners: {namespaces: {from: All}}\n"
		  "  addresses:\n"
		  "  - value: 192.0.2.1\n"
		  "  - {value: '2001:DB8:0::1', type: IPAddress}\n"
		  "  - {type: Hostname, value: '*.example.com'}\n"
		  "  - {type: example.com/pool, value: blue}\n"
		  "  - type: IPAddress\n"
		  "  listeners:\n"
		  "  - {name: plain, protocol: TCP, port: 80}\n"
		  "  - name: full\n"
		  "    protocol: UDP\n"
		  "    port: 80\n"
		  "    hostname: null\n"
		  "    allowedRoutes:\n"
		  "      kinds:\n"
		  "      - kind: UDPRoute\n"
		  "      - {group: example.com, kind: Odd}\n"
		  "      namespaces:\n"
		  "        from: Selector\n"
		  "        selector:\n"
		  "          matchExpressions:\n"
		  "          - {key: tier, operator: NotIn, values: [a, b]}\n"
		  "          - {key: x, operator: Exists}\n"
		  "          - {key: z, operator: DoesNotExist, values: []}\n"
		  "          matchLabels: {team: shop}\n"
		  "  - name: all\n"
		  "    protocol: TCP\n"
		  "    port: 443\n"
		  "    allowedRoutes: {namespaces: {from: All, selector: {}}}\n"
		  "  - {name: web, protocol: HTTPS, port: 8443, hostname: a.b,\n"
		  "     tls: {certificateRefs: [{name: c}], options: {a: b}}}\n");
	gateway = &reading->model.gateways.items[0];
	assert_string_equal(gateway->class_name, "l4gate");
	assert_int_equal(gateway->class_loc.line, 5);
	assert_true(gateway->has_parameters);
	assert_int_equal(gateway->parameters_ref.loc.line, 10);

	assert_int_equal(gateway->address_count, 5);
	assert_int_equal(gateway->addresses[0].type, ADDRESS_IP);
	assert_int_equal(gateway->addresses[0].addr.family, L4GATE_IPV4);
	assert_int_equal(gateway->addresses[1].addr.family, L4GATE_IPV6);
	assert_string_equal(gateway->addresses[1].value, "2001:DB8:0::1");
	assert_int_equal(gateway->addresses[2].type, ADDRESS_HOSTNAME);
	assert_int_equal(gateway->addresses[3].type, ADDRESS_OTHER);
	assert_string_equal(gateway->addresses[3].type_name,
			    "example.com/pool");
	assert_string_equal(gateway->addresses[4].value, "");

	assert_int_equal(gateway->listener_count, 4);
	listener = &gateway->listeners[0];
	assert_string_equal(listener->name, "plain");
	assert_int_equal(listener->allowed.from, FROM_SAME);
	assert_false(listener->allowed.selector.present);
	assert_int_equal(listener->kind_count, 0);
	assert_int_equal(listener->loc.column, 12);

	listener = &gateway->listeners[1];
	assert_int_equal(listener->allowed.from, FROM_SELECTOR);
	assert_int_equal(listener->kind_count, 2);
	assert_string_equal(listener->kinds[0].group, GATEWAY_GROUP);
	assert_string_equal(listener->kinds[1].group, "example.com");
	selector = &listener->allowed.selector;
	assert_true(selector->present);
	assert_int_equal(selector->term_count, 4);
	assert_string_equal(selector->terms[0].key, "team");
	assert_int_equal(selector->terms[0].operator, SELECTOR_IN);
	assert_string_equal(selector->terms[0].values[0], "shop");
	assert_int_equal(selector->terms[1].operator, SELECTOR_NOT_IN);
	assert_int_equal(selector->terms[1].value_count, 2);
	assert_int_equal(selector->terms[2].operator, SELECTOR_EXISTS);
	assert_int_equal(selector->terms[3].operator, SELECTOR_DOES_NOT_EXIST);

	listener = &gateway->listeners[2];
	assert_int_equal(listener->allowed.from, FROM_ALL);
	assert_true(listener->allowed.selector.present);
	assert_int_equal(listener->allowed.selector.term_count, 0);
	assert_string_equal(gateway->listeners[3].protocol, "HTTPS");
}

static void test_class_and_grant(void **state)
{
	struct reading *reading = *state;
	const struct reference_grant *grant;
	const struct gateway_class *class;

	read_good(reading, "apiVersion: gateway.networking.k8s.io/v1beta1\n"
		  "kind: GatewayClass\nmetadata: {name: l4gate}\nspec:\n"
		  "  controllerName: l4gate.dev/gateway-controller\n"
		  "  description: ours\n"
		  "  parametersRef: {group: a.b, kind: C, name: d,"
		  " namespace: e}\n"
		  "---\n"
		  "apiVersion: gateway.networking.k8s.io/v1\n"
		  "kind: ReferenceGrant\nmetadata: {name: g}\nspec:\n"
		  "  from:\n"
		  "  - {group: gateway.networking.k8s.io, kind: TCPRoute,"
		  " namespace: shop}\n"
		  "  to:\n  - {group: '', kind: Service}\n"
		  "  - {group: '', kind: Service, name: web}\n");
	class = &reading->model.classes.items[0];
	assert_string_equal(class->controller_name,
			    "l4gate.dev/gateway-controller");
	assert_true(class->has_parameters);
	assert_string_equal(class->meta.namespace, "");
	grant = &reading->model.grants.items[0];
	assert_string_equal(grant->meta.namespace, "default");
	assert_int_equal(grant->from_count, 1);
	assert_string_equal(grant->from[0].namespace, "shop");
	assert_int_equal(grant->to_count, 2);
	assert_string_equal(grant->to[0].name, "");
	assert_string_equal(grant->to[1].name, "web");
}

static void test_service(void **state)
{
	struct reading *reading = *state;
	const struct service *services;

	read_good(reading, SERVICE "metadata: {name: web}\n"
		  "spec: {ports: [{port: 80}]}\n"
		  "---\n" SERVICE "metadata: {name: dns}\n"
		  "spec:\n  type: LoadBalancer\n  ports:\n"
		  "  - {name: u, port: 53, protocol: UDP, targetPort: dns}\n"
		  "  - {name: t, port: 53, targetPort: 5353, nodePort: 30053,\n"
		  "     appProtocol: dns}\n"
		  "---\n" SERVICE "metadata: {name: headless}\n"
		  "spec: {clusterIP: None}\n"
		  "---\n" SERVICE "metadata: {name: out}\n"
		  "spec: {type: ExternalName, externalName: a.b}\n");
	services = reading->model.services.items;
	assert_int_equal(reading->model.services.count, 4);
	assert_int_equal(services[0].type, SERVICE_CLUSTER_IP);
	assert_int_equal(services[0].port_count, 1);
	assert_string_equal(services[0].ports[0].name, "");
	assert_int_equal(services[0].ports[0].protocol, SERVICE_TCP);
	assert_int_equal(services[0].ports[0].port, 80);
	assert_int_equal(services[1].type, SERVICE_LOAD_BALANCER);
	assert_int_equal(services[1].ports[0].protocol, SERVICE_UDP);
	assert_string_equal(services[1].ports[1].name, "t");
	assert_int_equal(services[2].port_count, 0);
	assert_int_equal(services[3].type, SERVICE_EXTERNAL_NAME);
}

static void test_endpoint_slice(void **state)
{
	struct reading *reading = *state;
	const struct endpoint_slice *slice;
	const struct endpoint *endpoints;
	char text[INET_TEXT_MAX];

	/* addressType comes last, and is needed to read the addresses. */
	read_good(reading, SLICE "metadata:\n  name: web-1\n"
		  "  labels: {kubernetes.io/service-name: web}\n"
		  "endpoints:\n"
		  "- addresses: [10.0.0.1, 10.0.0.2]\n"
		  "- addresses: [10.0.0.3]\n"
		  "  conditions: {ready: false, serving: null}\n"
		  "- addresses:\n  - 10.0.0.4\n"
		  "  conditions: {ready: False, serving: true,"
		  " terminating: TRUE}\n"
		  "  nodeName: node-1\n  zone: z\n  hostname: h\n"
		  "  hints: {forZones: [{name: z}]}\n"
		  "  targetRef: {kind: Pod, name: p}\n"
		  "  deprecatedTopology: {a: b}\n"
		  "ports:\n- port: 8080\n- {name: dns, protocol: UDP}\n"
		  "- {name: '', port: null, appProtocol: http}\n"
		  "addressType: IPv4\n");
	slice = &reading->model.slices.items[0];
	assert_string_equal(slice->service, "web");
	assert_true(slice->usable);
	assert_int_equal(slice->endpoint_count, 3);
	endpoints = slice->endpoints;
	assert_string_equal(inet_format(&endpoints[0].addr, text), "10.0.0.1");
	assert_true(endpoints[0].ready);
	assert_true(endpoints[0].serving);
	assert_false(endpoints[0].terminating);
	assert_int_equal(endpoints[0].loc.line, 7);
	assert_int_equal(endpoints[0].loc.column, 15);
	assert_false(endpoints[1].ready);
	assert_true(endpoints[1].serving);
	assert_false(endpoints[2].ready);
	assert_true(endpoints[2].terminating);
	assert_int_equal(slice->port_count, 3);
	assert_int_equal(slice->ports[0].port, 8080);
	assert_string_equal(slice->ports[0].name, "");
	assert_int_equal(slice->ports[1].protocol, SERVICE_UDP);
	assert_int_equal(slice->ports[1].port, 0);
	assert_int_equal(slice->ports[2].port, 0);
}

static void test_slices_of_other_types(void **state)
{
	struct reading *reading = *state;
	const struct endpoint_slice *slices;

	read_good(reading, SLICE "metadata: {name: six}\n"
		  "addressType: IPv6\nendpoints:\n"
		  "- addresses: ['2001:db8::1']\nports: null\n"
		  "---\n" SLICE "metadata: {name: names}\n"
		  "addressType: FQDN\nendpoints:\n- addresses: [a.example.com]\n"
		  "ports: []\n"
		  "---\n" SLICE "metadata: {name: none}\n"
		  "addressType: IPv4\nendpoints: null\n");
	slices = reading->model.slices.items;
	assert_int_equal(slices[0].endpoints[0].addr.family, L4GATE_IPV6);
	assert_null(slices[0].service);
	assert_int_equal(slices[0].port_count, 0);
	assert_false(slices[1].usable);
	assert_int_equal(slices[1].endpoint_count, 0);
	assert_true(slices[2].usable);
	assert_int_equal(slices[2].endpoint_count, 0);
}

static void test_namespace(void **state)
{
	struct reading *reading = *state;
	const struct namespace *namespaces;

	read_good(reading, NAMESPACE "metadata: {name: shop}\n"
		  "---\n" NAMESPACE "metadata:\n  name: infra\n  labels:\n"
		  "    zone: a\n    app: b\n"
		  "    kubernetes.io/metadata.name: lie\n"
		  "spec: {finalizers: [kubernetes]}\n"
		  "status: {phase: Active}\n");
	namespaces = reading->model.namespaces.items;
	assert_string_equal(namespaces[0].meta.namespace, "");
	assert_int_equal(namespaces[0].meta.label_count, 1);
	assert_string_equal(namespaces[0].meta.labels[0].key,
			    "kubernetes.io/metadata.name");
	assert_string_equal(namespaces[0].meta.labels[0].value, "shop");
	assert_int_equal(namespaces[1].meta.label_count, 3);
	assert_string_equal(namespaces[1].meta.labels[0].key, "app");
	assert_string_equal(namespaces[1].meta.labels[1].value, "infra");
	assert_string_equal(namespaces[1].meta.labels[2].key, "zone");
}

static void test_skipped(void **state)
{
	struct reading *reading = *state;
	struct model *model = &reading->model;

	read_good(reading, "apiVersion: apps/v1\nkind: Deployment\n"
		  "spec: {any: thing}\n---\n"
		  "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\n"
		  "---\napiVersion: apps/v1\nkind: Deployment\n"
		  "---\napiVersion: v1\nkind: PodList\n"
		  "items: [{metadata: {name: a}}, {metadata: {name: b}}]\n");
	assert_int_equal(model->object_count, 0);
	assert_int_equal(model->skipped.count, 3);
	assert_string_equal(model->skipped.items[0].api_version, "apps/v1");
	assert_string_equal(model->skipped.items[0].kind, "Deployment");
	assert_int_equal(model->skipped.items[0].count, 2);
	assert_string_equal(model->skipped.items[1].kind, "HTTPRoute");
	assert_string_equal(model->skipped.items[2].kind, "Pod");
	assert_int_equal(model->skipped.items[2].count, 2);
}

static void test_lists(void **state)
{
	struct reading *reading = *state;

	read_good(reading, "apiVersion: v1\nkind: List\n"
		  "metadata: {resourceVersion: ''}\nitems:\n"
		  "- {apiVersion: v1, kind: Namespace, metadata: {name: a}}\n"
		  "- apiVersion: v1\n  kind: List\n  items:\n"
		  "  - {apiVersion: v1, kind: Namespace, metadata: {name: b}}\n"
		  "---\n"
		  "apiVersion: gateway.networking.k8s.io/v1\n"
		  "kind: TCPRouteList\nitems:\n"
		  "- metadata: {name: r}\n"
		  "  spec: {rules: [{backendRefs: [{name: a, port: 1}]}]}\n"
		  "- apiVersion: gateway.networking.k8s.io/v1\n"
		  "  kind: TCPRoute\n  metadata: {name: s}\n"
		  "  spec: {rules: [{backendRefs: [{name: a, port: 1}]}]}\n"
		  "---\n"
		  "apiVersion: v1\nkind: NamespaceList\nitems: []\n"
		  "---\n"
		  "apiVersion: v1\nkind: List\nitems: null\n");
	assert_int_equal(reading->model.namespaces.count, 2);
	assert_int_equal(reading->model.routes.count, 2);
}

static void test_empty_documents(void **state)
{
	struct reading *reading = *state;

	read_good(reading, "---\n# nothing\n---\n---\n" NAMESPACE
		  "metadata: {name: a}\n...\n---\n# end\n");
	assert_int_equal(reading->model.object_count, 1);
}

/* What kubectl get -o yaml prints, with all that the server adds. */
static void test_kubectl_output(void **state)
{
	struct reading *reading = *state;

	read_good(reading,
		  "apiVersion: v1\n"
		  "items:\n"
		  "- apiVersion: gateway.networking.k8s.io/v1\n"
		  "  kind: Gateway\n"
		  "  metadata:\n"
		  "    annotations:\n"
		  "      kubectl.kubernetes.io/last-applied-configuration: |\n"
		  "        {\"apiVersion\":\"gateway.networking.k8s.io/v1\"}\n"
		  "    creationTimestamp: \"2026-01-01T10:00:00Z\"\n"
		  "    deletionGracePeriodSeconds: 0\n"
		  "    deletionTimestamp: \"2026-01-01T11:00:00Z\"\n"
		  "    finalizers:\n"
		  "    - example.com/hold\n"
		  "    generateName: edge-\n"
		  "    generation: 1\n"
		  "    managedFields:\n"
		  "    - apiVersion: gateway.networking.k8s.io/v1\n"
		  "      fieldsType: FieldsV1\n"
		  "      fieldsV1:\n"
		  "        f:spec:\n"
		  "          .: {}\n"
		  "          f:listeners:\n"
		  "            k:{\"name\":\"tcp\"}:\n"
		  "              .: {}\n"
		  "      manager: kubectl\n"
		  "      operation: Update\n"
		  "    name: edge\n"
		  "    namespace: infra\n"
		  "    ownerReferences:\n"
		  "    - apiVersion: v1\n"
		  "      kind: ConfigMap\n"
		  "      name: x\n"
		  "      uid: 2c3b0d51-6b65-4a0e-8f3c-2f4c3f0f1e22\n"
		  "    resourceVersion: \"1234\"\n"
		  "    selfLink: /apis/x\n"
		  "    uid: 1c3b0d51-6b65-4a0e-8f3c-2f4c3f0f1e22\n"
		  "  spec:\n"
		  "    gatewayClassName: l4gate\n"
		  "    listeners:\n"
		  "    - allowedRoutes:\n"
		  "        namespaces:\n"
		  "          from: Same\n"
		  "      name: tcp\n"
		  "      port: 80\n"
		  "      protocol: TCP\n"
		  "  status:\n"
		  "    conditions:\n"
		  "    - {type: Accepted, status: Unknown}\n"
		  "- apiVersion: v1\n"
		  "  kind: Service\n"
		  "  metadata:\n"
		  "    creationTimestamp: null\n"
		  "    name: web\n"
		  "    namespace: infra\n"
		  "  spec:\n"
		  "    allocateLoadBalancerNodePorts: true\n"
		  "    clusterIP: 10.96.0.10\n"
		  "    clusterIPs:\n"
		  "    - 10.96.0.10\n"
		  "    externalIPs:\n"
		  "    - 192.0.2.1\n"
		  "    externalTrafficPolicy: Local\n"
		  "    healthCheckNodePort: 31000\n"
		  "    internalTrafficPolicy: Cluster\n"
		  "    ipFamilies:\n"
		  "    - IPv4\n"
		  "    ipFamilyPolicy: SingleStack\n"
		  "    loadBalancerClass: example.com/lb\n"
		  "    loadBalancerIP: 192.0.2.9\n"
		  "    loadBalancerSourceRanges:\n"
		  "    - 10.0.0.0/8\n"
		  "    ports:\n"
		  "    - name: http\n"
		  "      nodePort: 30080\n"
		  "      port: 80\n"
		  "      protocol: TCP\n"
		  "      targetPort: http\n"
		  "    publishNotReadyAddresses: true\n"
		  "    selector:\n"
		  "      app: web\n"
		  "    sessionAffinity: ClientIP\n"
		  "    sessionAffinityConfig:\n"
		  "      clientIP:\n"
		  "        timeoutSeconds: 10800\n"
		  "    trafficDistribution: PreferClose\n"
		  "    type: LoadBalancer\n"
		  "  status:\n"
		  "    loadBalancer: {}\n"
		  "kind: List\n"
		  "metadata:\n"
		  "  resourceVersion: \"\"\n");
	assert_int_equal(reading->model.gateways.count, 1);
	assert_int_equal(reading->model.services.count, 1);
	assert_int_equal(reading->model.services.items[0].meta.created, 0);
}

static void test_json(void **state)
{
	struct reading *reading = *state;

	read_good(reading, "{\"apiVersion\": \"v1\", \"kind\": \"Service\",\n"
		  "\t\"metadata\": {\"name\": \"web\"},\n"
		  "\t\"spec\": {\"ports\": [{\"port\": 80,"
		  " \"name\": \"caf\"}]}}\n");
	assert_int_equal(reading->model.services.items[0].ports[0].loc.line, 3);
}

/* What libyaml can't read: a surrogate pair, and values one after another. */
static void test_json_beyond_yaml(void **state)
{
	struct reading *reading = *state;

	read_good(reading, "{\"apiVersion\": \"v1\", \"kind\": \"Namespace\","
		  " \"metadata\": {\"name\": \"a\", \"labels\": null,"
		  " \"annotations\": {\"n\": \"\\ud83d\\ude00\"}}}\n"
		  "{\"apiVersion\": \"v1\", \"kind\": \"Service\","
		  " \"metadata\": {\"name\": \"web\"},"
		  " \"spec\": {\"publishNotReadyAddresses\": true,"
		  " \"ports\": [{\"port\": 80}]}}");
	assert_int_equal(reading->model.namespaces.count, 1);
	assert_int_equal(reading->model.services.count, 1);
	assert_int_equal(reading->model.services.items[0].ports[0].port, 80);
	assert_int_equal(reading->model.services.items[0].meta.loc.line, 0);
}

static void test_bom_and_crlf(void **state)
{
	struct reading *reading = *state;

	read_good(reading, "\xef\xbb\xbf" "apiVersion: v1\r\nkind: Namespace\r\n"
		  "metadata:\r\n  name: a\r\n---\r\n");
	assert_string_equal(reading->model.namespaces.items[0].meta.name, "a");
}

static void test_lenient(void **state)
{
	static const char text[] = ROUTE "metadata: {name: shop, lables: {}}\n"
		"spec:\n  rules:\n  - backendRefs:\n"
		"    - {name: web, port: 80, wieght: 1}\n";
	struct manifest_options lenient = { .lenient = true };
	struct reading *reading = *state;

	read_bad(reading, text, "lables: unknown field, did you mean labels?");
	assert_int_equal(reading->diags.errors, 2);
	model_free(&reading->model);
	diags_free(&reading->diags);
	assert_int_equal(manifest_read_text("x", text, strlen(text), &lenient,
					    &reading->model, &reading->diags),
			 0);
	assert_int_equal(reading->diags.count, 2);
	assert_int_equal(reading->diags.errors, 0);
	assert_int_equal(reading->diags.items[0].level, DIAG_WARNING);
	assert_int_equal(reading->model.routes.count, 1);
}

static void test_core_is_lenient(void **state)
{
	struct reading *reading = *state;

	assert_int_equal(read_text(reading, SERVICE "metadata: {name: a}\n"
				   "spec: {ports: [{port: 1}], brandNew: 1}\n"),
			 0);
	assert_int_equal(reading->diags.count, 1);
	assert_int_equal(reading->diags.items[0].level, DIAG_WARNING);
}

/* Over several files, and only once for each. */
static void test_duplicates(void **state)
{
	static const char text[] = NAMESPACE "metadata: {name: a}\n";
	struct reading *reading = *state;

	read_good(reading, text);
	read_good(reading, SERVICE "metadata: {name: a}\n"
		  "spec: {ports: [{port: 1}]}\n");
	read_bad(reading, text, "Namespace a: given twice");
	assert_int_equal(reading->diags.count, 2);
	assert_int_equal(reading->diags.items[1].level, DIAG_NOTE);
	assert_ptr_equal(reading->diags.items[1].loc.source,
			 reading->model.sources.items[0]);
	assert_int_equal(read_text(reading, NAMESPACE "metadata: {name: b}\n"),
			 0);
	assert_int_equal(reading->diags.count, 2);
}

/* A route and a Service of one name, or a name in two namespaces, are two. */
static void test_no_duplicates(void **state)
{
	struct reading *reading = *state;

	read_good(reading, SERVICE "metadata: {name: a, namespace: x}\n"
		  "spec: {ports: [{port: 1}]}\n---\n"
		  SERVICE "metadata: {name: a, namespace: z}\n"
		  "spec: {ports: [{port: 1}]}\n---\n"
		  ROUTE "metadata: {name: a, namespace: x}\n"
		  "spec: {rules: [{backendRefs: [{name: a, port: 1}]}]}\n---\n"
		  "apiVersion: gateway.networking.k8s.io/v1\nkind: UDPRoute\n"
		  "metadata: {name: a, namespace: x}\n"
		  "spec: {rules: [{backendRefs: [{name: a, port: 1}]}]}\n");
}

/* Objects before a mistake stay; the model can be used and freed. */
static void test_after_errors(void **state)
{
	struct reading *reading = *state;

	read_bad(reading, NAMESPACE "metadata: {name: a}\n---\n"
		 SERVICE "metadata: {name: [a]}\nspec: {ports: 1}\n---\n"
		 NAMESPACE "metadata: {name: b}\n---\na: [\n",
		 "name: expected a string, got a list");
	assert_int_equal(reading->model.namespaces.count, 2);
	assert_string_equal(reading->model.services.items[0].meta.name, "");
}

static char *repeat(const char *before, const char *format, size_t count,
		    const char *after)
{
	char *text = NULL;
	size_t i, size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	fputs(before, out);
	for (i = 0; i < count; i++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		fprintf(out, format, i);
#pragma GCC diagnostic pop
	}
	fputs(after, out);
	assert_int_equal(fclose(out), 0);
	return text;
}

static void test_slice_limits(void **state)
{
	static const char head[] = SLICE "metadata: {name: a}\n"
		"addressType: IPv4\nendpoints:\n";
	struct reading *reading = *state;
	char *text;

	text = repeat(head, "- addresses: [10.0.0.1] # %zu\n", 1000, "");
	read_good(reading, text);
	assert_int_equal(reading->model.slices.items[0].endpoint_count, 1000);
	free(text);
	text = repeat(head, "- addresses: [10.0.0.1] # %zu\n", 1001, "");
	read_bad(reading, text, "1001 endpoints, at most 1000");
	free(text);
}

static double seconds_since(const struct timespec *begin)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec - begin->tv_sec +
	       (now.tv_nsec - begin->tv_nsec) / 1e9;
}

/* Hostile texts end soon; quadratic readers need minutes for them. */
static void test_hostile_sizes(void **state)
{
	struct reading *reading = *state;
	struct timespec begin;
	char *texts[5];
	size_t i;

	texts[0] = repeat(NAMESPACE "metadata:\n  name: a\n  annotations:\n",
			  "    key-%zu: x\n", 50000, "");
	texts[1] = repeat("", "[", 200000, "");
	texts[2] = repeat("", "{\"a\": ", 200000, "");
	texts[3] = repeat("a: \"\xc3\xa9\"\nb: [", "1,", 300000, "]\n");
	texts[4] = repeat("", "- - ? - ", 20000, "");
	for (i = 0; i < 5; i++) {
		clock_gettime(CLOCK_MONOTONIC, &begin);
		assert_int_equal(read_text(reading, texts[i]),
				 i ? -EINVAL : 0);
		/* Generous: machines are slow, sanitizers slower. */
		if (seconds_since(&begin) > 10)
			fail_msg("text %zu: %.1f s", i, seconds_since(&begin));
		free(texts[i]);
	}
}

static void test_too_large(void **state)
{
	struct reading *reading = *state;
	size_t size = 16 * 1024 * 1024 + 1;
	char *text = malloc(size + 1);

	assert_non_null(text);
	memset(text, '\n', size);
	text[size] = 0;
	read_bad(reading, text, "more than 16 MiB");
	free(text);
}

static void test_too_many_values(void **state)
{
	struct reading *reading = *state;
	char *text = repeat("a: [", "1,", 2000001, "]\n");

	(void)text;
	read_bad(reading, text, "more than 2000000 values");
	free(text);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_route_defaults),
		TEST(test_route_full),
		TEST(test_gateway),
		TEST(test_class_and_grant),
		TEST(test_service),
		TEST(test_endpoint_slice),
		TEST(test_slices_of_other_types),
		TEST(test_namespace),
		TEST(test_skipped),
		TEST(test_lists),
		TEST(test_empty_documents),
		TEST(test_kubectl_output),
		TEST(test_json),
		TEST(test_json_beyond_yaml),
		TEST(test_bom_and_crlf),
		TEST(test_lenient),
		TEST(test_core_is_lenient),
		TEST(test_duplicates),
		TEST(test_no_duplicates),
		TEST(test_after_errors),
		TEST(test_slice_limits),
		TEST(test_hostile_sizes),
		TEST(test_too_large),
		TEST(test_too_many_values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
