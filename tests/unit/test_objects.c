// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* Objects of each kind as text: what the model holds, defaults above all. */
#include "reading.h"

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

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_route_defaults),
		TEST(test_route_full),
		TEST(test_gateway),
		TEST(test_class_and_grant),
		TEST(test_service),
		TEST(test_endpoint_slice),
		TEST(test_slices_of_other_types),
		TEST(test_namespace),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
