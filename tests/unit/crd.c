// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "crd.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <yaml.h>

const struct crd crds[CRD_COUNT] = {
	{ &kind_gateway_parameters, "l4gate.dev_gatewayparameters.yaml" },
	{ &kind_route_policy, "l4gate.dev_routepolicies.yaml" },
};

static json_t *scalar_json(const yaml_node_t *node)
{
	const char *text = (const char *)node->data.scalar.value;

	if (node->data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
		return json_string(text);
	switch (scalar_type(text, strlen(text))) {
	case SCALAR_INTEGER:
		return json_integer(atoll(text));
	case SCALAR_BOOL:
		return json_boolean(*text == 't');
	default:
		return json_string(text);
	}
}

static json_t *node_json(yaml_document_t *document, int number)
{
	yaml_node_t *node = yaml_document_get_node(document, number);
	yaml_node_item_t *item;
	yaml_node_pair_t *pair;
	json_t *json;

	if (node->type == YAML_SCALAR_NODE)
		return scalar_json(node);
	if (node->type == YAML_SEQUENCE_NODE) {
		json = json_array();
		for (item = node->data.sequence.items.start;
		     item < node->data.sequence.items.top; item++)
			json_array_append_new(json, node_json(document, *item));
		return json;
	}
	json = json_object();
	for (pair = node->data.mapping.pairs.start;
	     pair < node->data.mapping.pairs.top; pair++) {
		yaml_node_t *key = yaml_document_get_node(document, pair->key);

		json_object_set_new(json, (char *)key->data.scalar.value,
				    node_json(document, pair->value));
	}
	return json;
}

json_t *crd_read(const struct crd *from)
{
	const char *root = getenv("L4GATE_SOURCE");
	yaml_document_t document;
	yaml_parser_t parser;
	char path[4096];
	json_t *crd;
	FILE *in;

	snprintf(path, sizeof(path), "%s/scripts/deploy/crds/%s",
		 root ? root : ".", from->file);
	in = fopen(path, "r");
	assert_non_null(in);
	assert_true(yaml_parser_initialize(&parser));
	yaml_parser_set_input_file(&parser, in);
	assert_true(yaml_parser_load(&parser, &document));
	crd = node_json(&document, 1);
	yaml_document_delete(&document);
	yaml_parser_delete(&parser);
	fclose(in);
	return crd;
}

json_t *get(const json_t *node, const char *key)
{
	return json_object_get(node, key);
}

const char *text_of(const json_t *node, const char *key)
{
	return json_string_value(get(node, key)) ?: "";
}

json_t *crd_version(const json_t *crd)
{
	json_t *versions = get(get(crd, "spec"), "versions");

	assert_int_equal(json_array_size(versions), 1);
	return json_array_get(versions, 0);
}

json_t *crd_schema(const json_t *crd)
{
	return get(get(crd_version(crd), "schema"), "openAPIV3Schema");
}

bool has_text(const json_t *list, const char *text)
{
	const json_t *item;
	size_t i;

	json_array_foreach(list, i, item)
		if (!strcmp(json_string_value(item), text))
			return true;
	return false;
}
