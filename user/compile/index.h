/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The objects of a model in order, found by name. Everything that compiles
 * goes through these lists, so that nothing depends on the order of reading.
 */
#ifndef L4GATE_COMPILE_INDEX_H
#define L4GATE_COMPILE_INDEX_H

#include "model/model.h"

/*
 * What one from and one to of a ReferenceGrant permit together: routes of one
 * kind and namespace to refer to a Service (to_name "": any) of another.
 */
struct permit {
	const char *to_namespace;	/* the grant's own */
	const char *to_name;
	const char *from_namespace;
	enum protocol from;
};

struct index {
	const struct gateway_class **classes;	/* by name */
	const struct gateway **gateways;	/* by namespace, name */
	const struct listener_set **listener_sets;	/* by namespace, name */
	const struct route **routes;		/* by protocol, namespace, name */
	const struct service **services;	/* by namespace, name */
	const struct namespace **namespaces;	/* by name */
	struct permit *permits;		/* by all of their fields */
	const struct endpoint_slice **slices;	/* by namespace, service, name;
						   only those with a service */
	const struct gateway_parameters **parameters;	/* by namespace, name */
	const struct route_policy **policies;		/* by namespace, name */
	size_t class_count;
	size_t gateway_count;
	size_t listener_set_count;
	size_t route_count;
	size_t service_count;
	size_t namespace_count;
	size_t permit_count;
	size_t slice_count;
	size_t parameters_count;
	size_t policy_count;
};

/* Consecutive elements [first, first + count) of one of the lists. */
struct index_range {
	size_t first;
	size_t count;
};

/* 0 or -ENOMEM; the lists live in arena. */
int index_build(struct index *index, const struct model *model,
		struct arena *arena);

/* Each NULL if there is none. */
const struct gateway_class *index_class(const struct index *index,
					const char *name);
const struct gateway *index_gateway(const struct index *index,
				    const char *namespace, const char *name);
const struct listener_set *index_listener_set(const struct index *index,
					      const char *namespace,
					      const char *name);
const struct route *index_route(const struct index *index,
				enum protocol protocol, const char *namespace,
				const char *name);
const struct service *index_service(const struct index *index,
				    const char *namespace, const char *name);
const struct namespace *index_namespace(const struct index *index,
					const char *name);

/*
 * Whether some grant lets a route of from_namespace refer to a Service of
 * to_namespace.
 */
bool index_permits(const struct index *index, enum protocol from,
		   const char *from_namespace, const char *to_namespace,
		   const char *to_name);

struct index_range index_slices(const struct index *index,
				const char *namespace, const char *service);

/* Orders by namespace, then by name. */
int meta_compare(const struct object_meta *a, const struct object_meta *b);

/*
 * Which of two objects takes precedence: the older, then the first by
 * "namespace/name". Without a timestamp an object is neither older nor younger than
 * any other; the order would not be one if that held for each pair alone, so
 * timed is false, and names decide for all, as soon as one of those that
 * compete has none.
 */
int meta_precedence(const struct object_meta *a, const struct object_meta *b,
		    bool timed);

#endif /* L4GATE_COMPILE_INDEX_H */
