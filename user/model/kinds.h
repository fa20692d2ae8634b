/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The kinds of objects that are decoded, each with its schema. */
#ifndef L4GATE_MODEL_KINDS_H
#define L4GATE_MODEL_KINDS_H

#include "model/decode.h"

struct kind {
	const char *group;
	const char *kind;
	const char *versions[3];	/* the newest first; NULL: no more */
	const struct schema *schema;
	const struct format *name_format;
	bool cluster_scoped;
	bool core;		/* unknown fields are from a newer Kubernetes */
	bool has_status;	/* that l4gate writes: kept as it was given */
	size_t meta;		/* offset of the object's struct object_meta */
	/* Appends an object to the model's list; 0 or -ENOMEM. */
	int (*add)(struct model *model, const void *object);
};

extern const struct kind kind_gateway_class;
extern const struct kind kind_gateway;
extern const struct kind kind_listener_set;
extern const struct kind kind_tcp_route;
extern const struct kind kind_udp_route;
extern const struct kind kind_reference_grant;
extern const struct kind kind_service;
extern const struct kind kind_endpoint_slice;
extern const struct kind kind_namespace;
extern const struct kind kind_gateway_parameters;
extern const struct kind kind_route_policy;

/* Room for an object of any kind. */
union any_object {
	struct gateway_class gateway_class;
	struct gateway gateway;
	struct listener_set listener_set;
	struct route route;
	struct reference_grant reference_grant;
	struct service service;
	struct endpoint_slice endpoint_slice;
	struct namespace namespace;
	struct gateway_parameters gateway_parameters;
	struct route_policy route_policy;
};

/* Of metadata, the same for every kind. */
extern const struct schema schema_meta;

/* kinds_listener.c: of Gateways and ListenerSets. */
extern const struct schema schema_listener;
extern const struct schema schema_allowed_listeners;

/* The rules between the listeners of one object, whose nodes are in list. */
void check_listeners(struct decoder *decoder, const struct node *list,
		     const struct listener *listeners, size_t count);

/* The fields that every object begins with, and the one that is never read. */
#define OBJECT_FIELDS(object)						\
	{ .name = "apiVersion", .type = FIELD_ANY },			\
	{ .name = "kind", .type = FIELD_ANY },				\
	{ .name = "metadata", .type = FIELD_OBJECT, .required = true,	\
	  .schema = &schema_meta, .offset = offsetof(object, meta) },	\
	{ .name = "status", .type = FIELD_ANY }

#define DEFINE_ADD(function, type, list)				\
	static int function(struct model *model, const void *object)	\
	{								\
		type *item = array_append(&model->list);		\
									\
		if (!item)						\
			return -ENOMEM;					\
		*item = *(const type *)object;				\
		return 0;						\
	}

#endif /* L4GATE_MODEL_KINDS_H */
