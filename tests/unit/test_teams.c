// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * --namespace-from-dir: what a team may write below its own directory, and that
 * no link takes it out of there.
 */
#include <errno.h>
#include <sys/stat.h>

#include "model/directory.h"
#include "model/files.h"
#include "place.h"

static const struct manifest_options by_namespace = {
	.namespace_from_dir = true,
};

#define SPEC "spec: {ports: [{port: 80}]}\n"

static const char service[] = "apiVersion: v1\nkind: Service\n"
			      "metadata: {name: s}\n" SPEC;

static int read_teams(struct place *place)
{
	diags_free(&place->diags);
	model_free(&place->model);
	place->model = (struct model){ 0 };
	return manifest_read("d", &by_namespace, &place->model, &place->diags);
}

/* d/a and d/b are directories of namespaces; "out" is beside d. */
static void make_teams(void)
{
	assert_int_equal(mkdir("d", 0700), 0);
	assert_int_equal(mkdir("d/a", 0700), 0);
	assert_int_equal(mkdir("d/b", 0700), 0);
	assert_int_equal(mkdir("out", 0700), 0);
	write_file("out/o.yaml", service);
}

static void test_namespace_of_directory(void **state)
{
	struct place *place = *state;

	make_teams();
	assert_int_equal(mkdir("d/a/deep", 0700), 0);
	assert_int_equal(mkdir("d/a/deep/b", 0700), 0);
	write_file("d/a/1.yaml", "apiVersion: v1\nkind: Service\n"
				 "metadata: {name: s1}\n" SPEC);
	write_file("d/a/deep/b/2.yaml", "apiVersion: v1\nkind: Service\n"
					"metadata: {name: s2, namespace: a}\n" SPEC);
	write_file("d/a/3.json", "{\"apiVersion\": \"v1\", \"kind\": "
				 "\"Service\", \"metadata\": {\"name\": "
				 "\"s3\", \"namespace\": \"\"}, \"spec\": "
				 "{\"ports\": [{\"port\": 80}]}}");
	assert_int_equal(read_teams(place), 0);
	assert_int_equal(place->model.services.count, 3);
	assert_string_equal(place->model.services.items[0].meta.namespace, "a");
	assert_string_equal(place->model.services.items[1].meta.namespace, "a");
	assert_string_equal(place->model.services.items[2].meta.namespace, "a");
}

/* Every kind, and what it refers to without a namespace. */
static void test_every_kind(void **state)
{
	static const char text[] =
		"apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\n"
		"metadata: {name: x}\nspec: {gatewayClassName: c, listeners: "
		"[{name: l, port: 80, protocol: TCP}]}\n---\n"
		"apiVersion: gateway.networking.k8s.io/v1\nkind: ListenerSet\n"
		"metadata: {name: x}\nspec: {parentRef: {name: x}, listeners: "
		"[{name: l, port: 81, protocol: TCP}]}\n---\n"
		"apiVersion: gateway.networking.k8s.io/v1\nkind: TCPRoute\n"
		"metadata: {name: x}\nspec: {parentRefs: [{name: x}], rules: "
		"[{backendRefs: [{name: x, port: 80}]}]}\n---\n"
		"apiVersion: gateway.networking.k8s.io/v1\n"
		"kind: ReferenceGrant\nmetadata: {name: x}\nspec: {from: "
		"[{group: g, kind: K, namespace: b}], to: [{group: g, kind: K}]}"
		"\n---\n"
		"apiVersion: v1\nkind: Service\nmetadata: {name: x}\n" SPEC
		"---\n"
		"apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\n"
		"metadata: {name: x}\naddressType: IPv4\nendpoints: []\n---\n"
		"apiVersion: l4gate.dev/v1alpha1\nkind: GatewayParameters\n"
		"metadata: {name: x}\nspec: {}\n---\n"
		"apiVersion: l4gate.dev/v1alpha1\nkind: RoutePolicy\n"
		"metadata: {name: x}\nspec: {targetRefs: [{group: "
		"gateway.networking.k8s.io, kind: TCPRoute, name: x}]}\n";
	struct place *place = *state;
	const struct model *model = &place->model;
	const struct route *route;

	make_teams();
	write_file("d/a/t.yaml", text);
	assert_int_equal(read_teams(place), 0);
	assert_int_equal(model->object_count, 8);
	assert_string_equal(model->gateways.items[0].meta.namespace, "a");
	assert_string_equal(model->listener_sets.items[0].meta.namespace, "a");
	assert_string_equal(model->listener_sets.items[0].parent.namespace,
			    "a");
	route = &model->routes.items[0];
	assert_string_equal(route->meta.namespace, "a");
	assert_string_equal(route->parent_refs[0].namespace, "a");
	assert_string_equal(route->rules[0].backend_refs[0].namespace, "a");
	assert_string_equal(model->grants.items[0].meta.namespace, "a");
	assert_string_equal(model->services.items[0].meta.namespace, "a");
	assert_string_equal(model->slices.items[0].meta.namespace, "a");
	assert_string_equal(model->parameters.items[0].meta.namespace, "a");
	assert_string_equal(model->policies.items[0].meta.namespace, "a");
}

/* Files of the node's operator: in any namespace, and in none. */
static void test_files_of_operator(void **state)
{
	struct place *place = *state;

	make_teams();
	write_file("d/1.yaml", "apiVersion: v1\nkind: Service\n"
			       "metadata: {name: s1}\n" SPEC "---\n"
			       "apiVersion: v1\nkind: Service\n"
			       "metadata: {name: s2, namespace: b}\n" SPEC "---\n"
			       "apiVersion: v1\nkind: Namespace\n"
			       "metadata: {name: a}\n");
	assert_int_equal(read_teams(place), 0);
	assert_string_equal(place->model.services.items[0].meta.namespace,
			    "default");
	assert_string_equal(place->model.services.items[1].meta.namespace, "b");
	assert_int_equal(place->model.namespaces.count, 1);
}

/* Each must be refused in d/a/t.yaml with this, as the one error. */
static const struct {
	const char *text;
	const char *want;
} refused[] = {
	{ "apiVersion: v1\nkind: Service\nmetadata: {name: s, namespace: b}\n",
	  "d/a/t.yaml:3:32: error: namespace \"b\": this is the directory of "
	  "namespace a\n"
	  "    metadata: {name: s, namespace: b}\n"
	  "                                   ^\n" },
	{ "apiVersion: gateway.networking.k8s.io/v1\nkind: ReferenceGrant\n"
	  "metadata:\n  name: g\n  namespace: b\nspec:\n"
	  "  from: [{group: gateway.networking.k8s.io, kind: TCPRoute, "
	  "namespace: a}]\n  to: [{group: \"\", kind: Service}]\n",
	  "d/a/t.yaml:5:14: error: namespace \"b\": this is the directory of "
	  "namespace a\n"
	  "      namespace: b\n"
	  "                 ^\n" },
	{ "apiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n",
	  "d/a/t.yaml:2:7: error: Namespace: is in no namespace, and this is "
	  "the directory of namespace a\n"
	  "    kind: Namespace\n"
	  "          ^\n" },
	{ "apiVersion: gateway.networking.k8s.io/v1\nkind: GatewayClass\n"
	  "metadata: {name: c}\nspec: {controllerName: a.b/c}\n",
	  "d/a/t.yaml:2:7: error: GatewayClass: is in no namespace, and this "
	  "is the directory of namespace a\n"
	  "    kind: GatewayClass\n"
	  "          ^\n" },
	/* A kind that has no effect is not to sit in the wrong place, too. */
	{ "apiVersion: apps/v1\nkind: Deployment\n"
	  "metadata: {name: x, namespace: kube-system}\n",
	  "d/a/t.yaml:3:32: error: namespace \"kube-system\": this is the "
	  "directory of namespace a\n"
	  "    metadata: {name: x, namespace: kube-system}\n"
	  "                                   ^\n" },
	/* Items are looked at one by one. */
	{ "apiVersion: v1\nkind: List\nitems:\n"
	  "- {apiVersion: x/v1, kind: X, metadata: {name: s}}\n"
	  "- {apiVersion: x/v1, kind: X, metadata: {name: t, namespace: b}}\n"
	  "- {apiVersion: x/v1, kind: X, metadata: {name: u, namespace: a}}\n",
	  "d/a/t.yaml:5:62: error: namespace \"b\": this is the directory of "
	  "namespace a\n"
	  "    - {apiVersion: x/v1, kind: X, metadata: {name: t, "
	  "namespace: b}}\n"
	  "                                                               "
	  "  ^\n" },
	{ "apiVersion: v1\nkind: NamespaceList\nitems:\n- metadata: {name: x}\n",
	  "d/a/t.yaml:4:3: error: Namespace: is in no namespace, and this is "
	  "the directory of namespace a\n"
	  "    - metadata: {name: x}\n"
	  "      ^\n" },
};

static void test_refused(void **state)
{
	struct place *place = *state;
	size_t i;

	make_teams();
	for (i = 0; i < sizeof(refused) / sizeof(*refused); i++) {
		write_file("d/a/t.yaml", refused[i].text);
		assert_int_equal(read_teams(place), -EINVAL);
		expect(place, refused[i].want);
		assert_int_equal(place->diags.errors, 1);
	}
}

/* What has no effect and no namespace is skipped as ever. */
static void test_skipped(void **state)
{
	struct place *place = *state;

	make_teams();
	write_file("d/a/t.yaml", "apiVersion: rbac/v1\nkind: ClusterRole\n"
				 "metadata: {name: x}\n---\n"
				 "apiVersion: apps/v1\nkind: Deployment\n"
				 "metadata: {name: x, namespace: a}\n");
	assert_int_equal(read_teams(place), 0);
	assert_int_equal(place->model.skipped.count, 2);
}

#define LEADS_OUT "error: a symbolic link leads out of the directory of this "\
		  "namespace, refused\n"

/* Links of a team. "%" in target is the directory of this test. */
static const struct {
	const char *link;
	const char *target;
	const char *want;	/* NULL: it is followed */
} links[] = {
	{ "d/a/l.yaml", "../../out/o.yaml", "d/a/l.yaml: " LEADS_OUT },
	{ "d/a/l.yaml", "../b/s.yaml", "d/a/l.yaml: " LEADS_OUT },
	{ "d/a/l.yaml", "../op.yaml", "d/a/l.yaml: " LEADS_OUT },
	{ "d/a/l.yaml", "/etc/passwd", "d/a/l.yaml: " LEADS_OUT },
	{ "d/a/l.yaml", "/proc/self/environ", "d/a/l.yaml: " LEADS_OUT },
	/* In and out again, and the last step of a way is one, too. */
	{ "d/a/l.yaml", "../a/s.yaml", "d/a/l.yaml: " LEADS_OUT },
	{ "d/a/l.yaml", "%/d/a/s.yaml", "d/a/l.yaml: " LEADS_OUT },
	{ "d/a/l", "../../out", "d/a/l: " LEADS_OUT },
	{ "d/a/l", "../b", "d/a/l: " LEADS_OUT },
	{ "d/a/l", "..", "d/a/l: " LEADS_OUT },
	{ "d/a/l", "/", "d/a/l: " LEADS_OUT },
	{ "d/a/sub/l", "../../b", "d/a/sub/l: " LEADS_OUT },
	/* Whatever it is called. */
	{ "d/a/README", "../../out/o.yaml", "d/a/README: " LEADS_OUT },
	{ "d/a/l.yaml", "s.yaml", NULL },
	{ "d/a/sub/l.yaml", "../s.yaml", NULL },
	{ "d/a/sub/l", "..", NULL },
	{ "d/a/l", "sub", NULL },
	/* Nothing is there. */
	{ "d/a/README", "nowhere", NULL },
	{ "d/a/l.yaml", "nowhere",
	  "d/a/l.yaml: error: No such file or directory\n" },
	{ "d/a/l.yaml", "l.yaml",
	  "d/a/l.yaml: error: Too many levels of symbolic links\n" },
	/* In place of a directory, and beside them. */
	{ "d/c", "../out", "d/c: error: a symbolic link can't be the "
			   "directory of a namespace\n" },
	{ "d/c", "a", "d/c: error: a symbolic link can't be the directory of "
		      "a namespace\n" },
	{ "d/l.yaml", "a/s.yaml",
	  "d/l.yaml: error: a symbolic link leads into the directory of a "
	  "namespace, refused: files here may hold anything\n" },
	{ "d/l.yaml", "%/d/a/sub/s.yaml",
	  "d/l.yaml: error: a symbolic link leads into the directory of a "
	  "namespace, refused: files here may hold anything\n" },
	{ "d/l.yaml", "../out/other.yaml", NULL },
	{ "d/l.yaml", "..data/o.yaml", NULL },
};

static void try_link(struct place *place, size_t i)
{
	const char *target = links[i].target;
	char path[128];

	if (*target == '%')
		snprintf(path, sizeof(path), "%s%s", place->path, target + 1);
	else
		snprintf(path, sizeof(path), "%s", target);
	assert_int_equal(symlink(path, links[i].link), 0);
	if (!links[i].want) {
		if (read_teams(place))
			fail_msg("%s -> %s: %s", links[i].link, path,
				 place->diags.items[0].text);
	} else {
		if (!read_teams(place))
			fail_msg("%s -> %s: is followed", links[i].link, path);
		expect(place, links[i].want);
		assert_int_equal(place->diags.errors, 1);
	}
	assert_int_equal(unlink(links[i].link), 0);
}

static void test_links(void **state)
{
	struct place *place = *state;
	size_t i;

	make_teams();
	assert_int_equal(mkdir("d/a/sub", 0700), 0);
	assert_int_equal(mkdir("d/..data", 0700), 0);
	write_file("d/a/s.yaml", "apiVersion: x/v1\nkind: X\n");
	write_file("d/a/sub/s.yaml", "apiVersion: x/v1\nkind: X\n");
	write_file("d/b/s.yaml", "apiVersion: x/v1\nkind: X\n");
	write_file("d/op.yaml", "apiVersion: x/v1\nkind: X\n");
	write_file("d/..data/o.yaml", "apiVersion: x/v1\nkind: X\n");
	write_file("out/other.yaml", "apiVersion: x/v1\nkind: X\n");
	for (i = 0; i < sizeof(links) / sizeof(*links); i++)
		try_link(place, i);
}

/* A mounted ConfigMap as the directory of a namespace. */
static void test_config_map(void **state)
{
	struct place *place = *state;

	make_teams();
	assert_int_equal(mkdir("d/a/..2026", 0700), 0);
	write_file("d/a/..2026/s.yaml", service);
	assert_int_equal(symlink("..2026", "d/a/..data"), 0);
	assert_int_equal(symlink("..data/s.yaml", "d/a/s.yaml"), 0);
	assert_int_equal(read_teams(place), 0);
	assert_int_equal(place->model.services.count, 1);
	assert_string_equal(place->model.services.items[0].meta.namespace, "a");
}

/* A file, then a directory, becomes a link after it has been looked at. */
static void test_swapped(void **state)
{
	struct found_files files = { 0 };
	struct place *place = *state;
	struct source *source;

	make_teams();
	write_file("d/a/s.yaml", service);
	assert_int_equal(directory_list(&place->model, "d", true, &files,
					&place->diags), 0);
	assert_int_equal(files.count, 1);
	assert_int_equal(unlink("d/a/s.yaml"), 0);
	assert_int_equal(symlink("../../out/o.yaml", "d/a/s.yaml"), 0);
	assert_int_equal(source_read(&place->model, files.items[0].path,
				     files.items[0].root, &source,
				     &place->diags), -EXDEV);
	expect(place, "d/a/s.yaml: " LEADS_OUT);
	assert_int_equal(rename("d/a", "d/.a"), 0);
	assert_int_equal(symlink("../out", "d/a"), 0);
	assert_int_equal(rename("out/o.yaml", "out/s.yaml"), 0);
	assert_int_equal(source_read(&place->model, files.items[0].path,
				     files.items[0].root, &source,
				     &place->diags), -ENOTDIR);
	found_files_free(&files);
}

static void test_names_of_directories(void **state)
{
	struct place *place = *state;

	make_teams();
	write_file("d/a/s.yaml", service);
	assert_int_equal(mkdir("d/.git", 0700), 0);
	write_file("d/.git/x.yaml", "nonsense");
	assert_int_equal(read_teams(place), 0);
	assert_int_equal(mkdir("d/Team_A", 0700), 0);
	assert_int_equal(read_teams(place), -EINVAL);
	expect(place, "d/Team_A: error: no namespace can have this name, and "
	       "each directory here is one's\n");
}

/* A file would be the operator's whoever wrote it. */
static void test_no_directory(void **state)
{
	struct place *place = *state;

	write_file("s.yaml", service);
	assert_int_equal(manifest_read("s.yaml", &by_namespace, &place->model,
				       &place->diags), -EINVAL);
	expect(place, "s.yaml: error: no directory, but namespaces are to be "
	       "given by directories\n");
	assert_int_equal(manifest_read("-", &by_namespace, &place->model,
				       &place->diags), -EINVAL);
	assert_int_equal(place->model.services.count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_namespace_of_directory),
		TEST(test_every_kind),
		TEST(test_files_of_operator),
		TEST(test_refused),
		TEST(test_skipped),
		TEST(test_links),
		TEST(test_config_map),
		TEST(test_swapped),
		TEST(test_names_of_directories),
		TEST(test_no_directory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
