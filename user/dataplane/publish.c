// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "dataplane/publish.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/membarrier.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "dataplane/plan.h"

/* What one publish works with. */
struct publisher {
	const struct dataplane *dataplane;
	const struct plan *plan;
	const struct inet_addr *own;
	size_t own_count;
	uint64_t generation;	/* the published one */
	uint32_t half;		/* the one that packets don't look at */
	struct fail *fail;
};

void changes_free(struct changes *changes)
{
	free(changes->items);
	*changes = (struct changes){ 0 };
}

static int put(const struct publisher *publisher, enum map_id map,
	       const void *key, const void *value)
{
	if (!bpf_map_update_elem(publisher->dataplane->maps[map], key, value,
				 BPF_ANY))
		return 0;
	return fail(publisher->fail, -errno, "%s: can't be written: %m",
		    map_names[map]);
}

/* As put, unless the map holds that value already. */
static int put_changed(const struct publisher *publisher, enum map_id map,
		       const void *key, const void *value, size_t size)
{
	char now[64];

	if (!bpf_map_lookup_elem(publisher->dataplane->maps[map], key, now) &&
	    !memcmp(now, value, size))
		return 0;
	return put(publisher, map, key, value);
}

/* Counters of a number that is given out anew start at zero. */
static int clear_stats(const struct publisher *publisher, enum map_id map,
		       uint32_t id)
{
	int cpus = libbpf_num_possible_cpus();
	struct l4gate_stats *zero;
	int error;

	if (cpus < 0)
		return cpus;
	zero = calloc(cpus, sizeof(*zero));
	if (!zero)
		return -ENOMEM;
	error = put(publisher, map, &id, zero);
	free(zero);
	return error;
}

static int write_backends(const struct publisher *publisher, size_t i)
{
	const struct image_route *route = &publisher->plan->image->routes[i];
	const struct plan_route *to = &publisher->plan->routes[i];
	size_t j;
	int error;

	for (j = 0; j < route->backend_count; j++) {
		const struct image_backend *backend = &route->backends[j];
		struct l4gate_backend value = {
			.addr = backend->addr.addr,
			.port = htons(backend->port),
			.family = backend->addr.family,
			.state = backend->draining ? L4GATE_BACKEND_DRAINING :
						     L4GATE_BACKEND_ACTIVE,
			.generation = to->backends[j].generation,
			.route = to->id,
		};

		if (to->backends[j].is_new) {
			error = clear_stats(publisher, MAP_BACKEND_STATS,
					    to->backends[j].id);
			if (error)
				return error;
		}
		error = put_changed(publisher, MAP_BACKENDS,
				    &to->backends[j].id, &value,
				    sizeof(value));
		if (error)
			return error;
	}
	return 0;
}

/* Slots, then members, each into chunks of their own. */
static int write_table(const struct publisher *publisher, size_t i, int family)
{
	const struct image_route *route = &publisher->plan->image->routes[i];
	const struct plan_route *to = &publisher->plan->routes[i];
	const struct image_table *table = &route->tables[family];
	uint32_t chunk = to->tables[family].chunk;
	size_t begin, n;
	int error = 0;

	for (begin = 0; !error && begin < table->slot_count;
	     begin += L4GATE_CHUNK_SLOTS, chunk++) {
		union l4gate_chunk value = { 0 };

		n = table->slot_count - begin;
		if (n > L4GATE_CHUNK_SLOTS)
			n = L4GATE_CHUNK_SLOTS;
		memcpy(value.slot, table->slots + begin, n * sizeof(uint16_t));
		error = put(publisher, MAP_CHUNKS, &chunk, &value);
	}
	for (begin = 0; !error && table->slot_count &&
	     begin < route->backend_count;
	     begin += L4GATE_CHUNK_MEMBERS, chunk++) {
		union l4gate_chunk value = { 0 };

		for (n = 0; n < L4GATE_CHUNK_MEMBERS &&
		     begin + n < route->backend_count; n++)
			value.member[n] = to->backends[begin + n].id;
		error = put(publisher, MAP_CHUNKS, &chunk, &value);
	}
	return error;
}

static int write_route(const struct publisher *publisher, size_t i)
{
	const struct image_route *route = &publisher->plan->image->routes[i];
	const struct plan_route *to = &publisher->plan->routes[i];
	struct l4gate_route value = { 0 };
	uint32_t key = to->id * 2 + publisher->half;
	int family, error;

	error = write_backends(publisher, i);
	if (!error && to->is_new)
		error = clear_stats(publisher, MAP_ROUTE_STATS, to->id);
	for (family = 0; !error && family < L4GATE_FAMILIES; family++) {
		value.table[family].chunk = to->tables[family].chunk;
		value.table[family].slots = route->tables[family].slot_count;
		if (to->tables[family].is_new)
			error = write_table(publisher, i, family);
	}
	return error ?: put_changed(publisher, MAP_ROUTES, &key, &value,
				    sizeof(value));
}

static uint8_t ip_protocol(enum protocol protocol)
{
	return protocol == PROTOCOL_TCP ? IPPROTO_TCP : IPPROTO_UDP;
}

static struct l4gate_binding_key
binding_key(const struct image_listener *listener,
	    const struct inet_addr *addr, uint32_t half)
{
	return (struct l4gate_binding_key){
		.addr = addr->addr,
		.port = htons(listener->port),
		.protocol = ip_protocol(listener->protocol),
		.half_family = half << 1 | addr->family,
	};
}

static int write_listener(const struct publisher *publisher, size_t i)
{
	const struct image_listener *listener =
		&publisher->plan->image->listeners[i];
	struct l4gate_binding value = {
		.listener = publisher->plan->listeners[i].id,
		.route = L4GATE_NO_ROUTE,
	};
	const struct inet_addr *addresses;
	size_t count, j;
	int error = 0;

	if (listener->route != IMAGE_NO_ROUTE)
		value.route = publisher->plan->routes[listener->route].id;
	if (publisher->plan->listeners[i].is_new)
		error = clear_stats(publisher, MAP_LISTENER_STATS,
				    value.listener);
	addresses = plan_addresses(listener, publisher->own,
				   publisher->own_count, &count);
	for (j = 0; !error && j < count; j++) {
		struct l4gate_binding_key key =
			binding_key(listener, &addresses[j], publisher->half);

		error = put_changed(publisher, MAP_BINDINGS, &key, &value,
				    sizeof(value));
	}
	return error;
}

static int compare_keys(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct l4gate_binding_key));
}

/* All keys that the image has in a half, sorted; to be freed. */
static struct l4gate_binding_key *
wanted_keys(const struct publisher *publisher, uint32_t half)
{
	const struct image *image = publisher->plan->image;
	struct l4gate_binding_key *keys;
	size_t i, j, n = 0, count;

	keys = calloc(publisher->plan->binding_count + 1, sizeof(*keys));
	if (!keys)
		return NULL;
	for (i = 0; i < image->listener_count; i++) {
		const struct inet_addr *addresses =
			plan_addresses(&image->listeners[i], publisher->own,
				       publisher->own_count, &count);

		for (j = 0; j < count; j++)
			keys[n++] = binding_key(&image->listeners[i],
						&addresses[j], half);
	}
	qsort(keys, n, sizeof(*keys), compare_keys);
	return keys;
}

/* Removes what a half holds and the image doesn't. */
static int sweep_bindings(const struct publisher *publisher, uint32_t half)
{
	int fd = publisher->dataplane->maps[MAP_BINDINGS], error = 0;
	struct l4gate_binding_key *wanted, *stale = NULL, key, *at = NULL;
	size_t count = 0, capacity = 0, i;

	wanted = wanted_keys(publisher, half);
	if (!wanted)
		return -ENOMEM;
	while (!bpf_map_get_next_key(fd, at, &key)) {
		at = &key;
		if (key.half_family >> 1 != half ||
		    bsearch(&key, wanted, publisher->plan->binding_count,
			    sizeof(key), compare_keys))
			continue;
		if (count == capacity) {
			void *grown;

			capacity = capacity ? capacity * 2 : 64;
			grown = reallocarray(stale, capacity, sizeof(*stale));
			if (!grown) {
				error = -ENOMEM;
				break;
			}
			stale = grown;
		}
		stale[count++] = key;
	}
	for (i = 0; i < count; i++)
		(void)bpf_map_delete_elem(fd, &stale[i]);
	free(stale);
	free(wanted);
	return error;
}

static void add_ports(const struct image *image, struct l4gate_ports *ports)
{
	size_t i;

	for (i = 0; i < image->listener_count; i++) {
		uint16_t port = image->listeners[i].port;
		__u64 *words = image->listeners[i].protocol == PROTOCOL_TCP ?
			       ports->tcp : ports->udp;

		words[port / 64] |= 1ULL << (port % 64);
	}
}

/* The port filter: before publishing with the old ports, too, then without. */
static int write_ports(const struct publisher *publisher, bool keep_old)
{
	struct l4gate_ports *ports, *now;
	uint32_t key = 0;
	int error = 0;

	ports = calloc(2, sizeof(*ports));
	if (!ports)
		return -ENOMEM;
	now = ports + 1;
	if (bpf_map_lookup_elem(publisher->dataplane->maps[MAP_PORTS], &key,
				now))
		error = fail(publisher->fail, -errno, "%s: can't be read: %m",
			     map_names[MAP_PORTS]);
	if (keep_old)
		memcpy(ports, now, sizeof(*ports));
	add_ports(publisher->plan->image, ports);
	if (!error && memcmp(ports, now, sizeof(*ports)))
		error = put(publisher, MAP_PORTS, &key, ports);
	free(ports);
	return error;
}

/* Waits until no packet is being processed that began before. */
static void wait_for_packets(void)
{
	/* An RCU grace period; nohz_full kernels refuse, then time has to do. */
	if (syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0)) {
		struct timespec pause = { .tv_nsec = 100 * 1000 * 1000 };

		nanosleep(&pause, NULL);
	}
}

/* Backends that nobody has any more: their flows learn it by the generation. */
static int retire_backends(const struct publisher *publisher)
{
	uint32_t id;
	int error = 0;

	for (id = 0; !error && id < L4GATE_MAX_BACKENDS; id++) {
		struct l4gate_backend value;

		if (!publisher->plan->backend_was[id] ||
		    publisher->plan->backend_used[id])
			continue;
		if (bpf_map_lookup_elem(
			    publisher->dataplane->maps[MAP_BACKENDS], &id,
			    &value))
			return fail(publisher->fail, -errno, "%s: can't be read: %m",
				    map_names[MAP_BACKENDS]);
		value.state = L4GATE_BACKEND_FREE;
		value.generation++;
		error = put(publisher, MAP_BACKENDS, &id, &value);
	}
	return error;
}

/* Everything aside, the one write, everything behind. */
static int write_all(struct publisher *publisher)
{
	const struct plan *plan = publisher->plan;
	struct l4gate_control control = {
		.generation = publisher->generation + 1,
	};
	uint32_t key = 0;
	int error = 0;
	size_t i;

	for (i = 0; !error && i < plan->image->route_count; i++)
		error = write_route(publisher, i);
	for (i = 0; !error && i < plan->image->listener_count; i++)
		error = write_listener(publisher, i);
	if (!error)
		error = sweep_bindings(publisher, publisher->half);
	if (!error)
		error = write_ports(publisher, true);
	json_object_set_new(plan->state, "generation",
			    json_integer(control.generation));
	json_object_set_new(plan->state, "applied", json_integer(time(NULL)));
	if (!error)
		error = state_write(publisher->dataplane, plan->state,
				    control.generation, publisher->fail);
	if (!error)
		error = put(publisher, MAP_CONTROL, &key, &control);
	if (error)
		return error;

	wait_for_packets();
	error = retire_backends(publisher);
	if (!error)
		error = write_ports(publisher, false);
	state_sweep(publisher->dataplane, control.generation);
	return error;
}

/* Packets meet what they met before: their generation stays. */
static int write_statuses(const struct publisher *publisher)
{
	json_t *state = publisher->plan->state;

	json_object_set_new(state, "generation",
			    json_integer(publisher->generation));
	json_object_set_new(state, "applied", json_integer(time(NULL)));
	return state_write(publisher->dataplane, state, publisher->generation,
			   publisher->fail);
}

/*
 * Backends that were left alive by a publish killed right behind its one write:
 * no state names them, so plan.c can't know them.
 */
static int find_orphans(const struct publisher *publisher, struct plan *plan,
			const struct l4gate_backend *backends)
{
	uint32_t id;
	int found = 0;

	(void)publisher;
	for (id = 0; id < L4GATE_MAX_BACKENDS; id++)
		if (backends[id].state != L4GATE_BACKEND_FREE &&
		    !plan->backend_was[id] && !plan->backend_used[id]) {
			plan->backend_was[id] = 1;
			found++;
		}
	return found;
}

/* All of l4gate_backends; to be freed. */
static struct l4gate_backend *read_backends(const struct dataplane *dataplane)
{
	struct l4gate_backend *backends;
	uint32_t *keys, count = L4GATE_MAX_BACKENDS, next;

	backends = calloc(L4GATE_MAX_BACKENDS, sizeof(*backends));
	keys = calloc(L4GATE_MAX_BACKENDS, sizeof(*keys));
	if (backends && keys &&
	    bpf_map_lookup_batch(dataplane->maps[MAP_BACKENDS], NULL, &next,
				 keys, backends, &count, NULL) &&
	    errno != ENOENT) {
		free(backends);
		backends = NULL;
	}
	free(keys);
	return backends;
}

int publish(const struct dataplane *dataplane, const struct image *image,
	    const struct inet_addr *own_addresses, size_t own_address_count,
	    bool dry_run, struct changes *changes, struct fail *fail_)
{
	struct publisher publisher = {
		.dataplane = dataplane,
		.own = own_addresses,
		.own_count = own_address_count,
		.fail = fail_,
	};
	struct l4gate_backend *backends = NULL;
	uint32_t *generations = NULL, id;
	struct plan plan = { 0 };
	json_t *published = NULL;
	int error;

	error = generation_read(dataplane, &publisher.generation, fail_) ?:
		state_read(dataplane, &published, fail_);
	if (error)
		return error;
	publisher.half = (publisher.generation + 1) & 1;
	backends = read_backends(dataplane);
	generations = calloc(L4GATE_MAX_BACKENDS, sizeof(*generations));
	if (!backends || !generations) {
		error = fail(fail_, -ENOMEM, "%s: can't be read", map_names[MAP_BACKENDS]);
		goto out;
	}
	for (id = 0; id < L4GATE_MAX_BACKENDS; id++)
		generations[id] = backends[id].generation;
	error = plan_make(image, published, generations, own_addresses,
			  own_address_count, &plan, changes, fail_);
	if (error || dry_run)
		goto out;
	publisher.plan = &plan;
	if (find_orphans(&publisher, &plan, backends))
		error = retire_backends(&publisher);
	/* Before the first generation there is no state to replace. */
	if (!error && changes->count)
		error = plan.reaches_packets || !publisher.generation ?
			write_all(&publisher) : write_statuses(&publisher);
out:
	plan_free(&plan);
	free(generations);
	free(backends);
	json_decref(published);
	return error;
}
