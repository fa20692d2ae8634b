// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* Whole manifests as text: lists, JSON, duplicates, and what is too much. */
#include <time.h>

#include "reading.h"

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
	static const struct CMUnitTest tests[] = {
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
