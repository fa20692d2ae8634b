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

#include "dataplane/addresses.h"
#include "dataplane/announce.h"
#include "dataplane/flow_tables.h"
#include "dataplane/listen.h"
#include "dataplane/plan.h"
#include "dataplane/publisher.h"
#include "dataplane/tickets.h"
#include "dataplane/timeouts.h"
#include "l4gate/hash.h"
#include "util/byteorder.h"

void changes_free(struct changes *changes)
{
	free(changes->items);
	*changes = (struct changes){ 0 };
}

int publisher_put(const struct publisher *publisher, enum map_id map,
		  const void *key, const void *value)
{
	if (!bpf_map_update_elem(publisher->dataplane->maps[map], key, value,
				 BPF_ANY))
		return 0;
	return fail(publisher->fail, -errno, "%s: can't be written: %m",
		    map_names[map]);
}

void publisher_set(void *to, const void *value, size_t size)
{
	if (memcmp(to, value, size))
		memcpy(to, value, size);
}

int publisher_clear_stats(const struct publisher *publisher,
			  enum map_id map, uint32_t id)
{
	int cpus = libbpf_num_possible_cpus();
	struct l4gate_stats *zero;
	int error;

	/* Nothing has been counted yet. */
	if (!publisher->generation)
		return 0;
	if (cpus < 0)
		return cpus;
	zero = calloc(cpus, sizeof(*zero));
	if (!zero)
		return -ENOMEM;
	error = publisher_put(publisher, map, &id, zero);
	free(zero);
	return error;
}

/* What packets have noted of the way there stays if the rest does. */
static void set_backend(struct l4gate_backend *to,
			const struct l4gate_backend *value)
{
	if (memcmp(to, value, offsetof(struct l4gate_backend, nexthop)))
		memcpy(to, value, sizeof(*value));
}

static int write_backends(const struct publisher *publisher, size_t i)
{
	const struct image_route *route = publisher->plan->routes[i].image;
	const struct plan_route *to = &publisher->plan->routes[i];
	size_t j;
	int error = 0;

	for (j = 0; !error && j < route->backend_count; j++) {
		const struct image_backend *backend = &route->backends[j];
		struct l4gate_backend *is =
			&publisher->backends[to->backends[j].id];
		struct l4gate_backend value = {
			.addr = backend->addr.addr,
			.port = port_to_net(backend->port),
			.family = backend->addr.family,
			/* timeouts_settle() gives others theirs. */
			.timeouts = to->backends[j].is_new ? to->class :
							     is->timeouts,
			.state = backend->draining ? L4GATE_BACKEND_DRAINING :
						     L4GATE_BACKEND_ACTIVE,
			.route = to->id,
		};

		if (to->backends[j].is_new)
			error = publisher_clear_stats(publisher,
						      MAP_BACKEND_STATS,
						      to->backends[j].id);
		set_backend(is, &value);
	}
	return error;
}

/* Slots, then members, each into chunks of their own. */
static void write_table(const struct publisher *publisher, size_t i, int family)
{
	const struct image_route *route = publisher->plan->routes[i].image;
	const struct plan_route *to = &publisher->plan->routes[i];
	const struct image_table *table = &route->tables[family];
	union l4gate_chunk *chunk = publisher->chunks +
				    to->tables[family].chunk;
	size_t begin, n;

	for (begin = 0; begin < table->slot_count;
	     begin += L4GATE_CHUNK_SLOTS, chunk++) {
		n = table->slot_count - begin;
		if (n > L4GATE_CHUNK_SLOTS)
			n = L4GATE_CHUNK_SLOTS;
		memcpy(chunk->slot, table->slots + begin,
		       n * sizeof(uint16_t));
	}
	for (begin = 0; table->slot_count && begin < route->backend_count;
	     begin += L4GATE_CHUNK_MEMBERS, chunk++)
		for (n = 0; n < L4GATE_CHUNK_MEMBERS &&
		     begin + n < route->backend_count; n++)
			chunk->member[n] = to->backends[begin + n].id;
}

static void write_ranges(const struct publisher *publisher,
			 const struct plan_route *route, int family)
{
	const struct image_ranges *ranges = &route->image->ranges[family];
	union l4gate_chunk *chunk = publisher->chunks +
				    route->ranges[family].chunk;
	uint32_t i;

	for (i = 0; i < ranges->count; i++) {
		const struct image_boundary *from = &ranges->boundaries[i];

		chunk[i / L4GATE_CHUNK_BOUNDARIES].boundary
			[i % L4GATE_CHUNK_BOUNDARIES] =
			(struct l4gate_boundary){ from->upper, from->lower };
	}
}

/*
 * The key of the hash from flows to slots: nodes with the same seed send a flow
 * to the same backend; without one nobody can know where a flow goes.
 */
static uint64_t slot_key(const struct publisher *publisher,
			 const struct image_route *route)
{
	if (!route->seed)
		return publisher->dataplane->meta.key[0];
	return hash_finish(hash_round(route->seed[0], route->seed[1]));
}

static int write_route(const struct publisher *publisher, size_t i)
{
	const struct image_route *route = publisher->plan->routes[i].image;
	const struct plan_route *to = &publisher->plan->routes[i];
	struct l4gate_route value = {
		.key = slot_key(publisher, route), .flags = to->flags,
		.rate = route->rate, .burst = route->burst,
		.affinity = route->affinity,
	};
	int family, error;

	error = write_backends(publisher, i);
	if (!error && to->is_new)
		error = publisher_clear_stats(publisher, MAP_ROUTE_STATS,
					      to->id);
	for (family = 0; !error && family < L4GATE_FAMILIES; family++) {
		value.table[family].chunk = to->tables[family].chunk;
		value.table[family].slots = route->tables[family].slot_count;
		if (to->tables[family].is_new)
			write_table(publisher, i, family);
		value.ranges[family].chunk = to->ranges[family].chunk;
		value.ranges[family].count = route->ranges[family].count;
		if (to->ranges[family].is_new)
			write_ranges(publisher, to, family);
	}
	value.max_flows = route->max_flows;
	value.tickets = to->tickets.chunk;
	if (to->new_tickets)
		tickets_write(publisher->chunks, to->tickets_were, to->tickets);
	if (to->new_rate)
		publisher->buckets[to->id] = 0;
	publisher_set(&publisher->routes[to->id * 2 + publisher->half], &value,
		      sizeof(value));
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

/* Backends that nobody has any more: their flows learn it by the state. */
static void retire_backends(const struct publisher *publisher)
{
	const struct plan *plan = publisher->plan;
	uint32_t id;

	for (id = 0; id < plan->sizes.backends; id++)
		if (plan->backend_was[id] && !plan->backend_used[id])
			publisher->backends[id].state = L4GATE_BACKEND_FREE;
}

/* Packets of a backend that drains look at its time: so that comes first. */
static void set_time(struct l4gate_backend *backend, uint32_t until, bool gone)
{
	if (backend->until != until)
		backend->until = until;
	if (gone && backend->state != L4GATE_BACKEND_DRAINING)
		__atomic_store_n(&backend->state, L4GATE_BACKEND_DRAINING,
				 __ATOMIC_RELEASE);
}

/*
 * When the flows of backends that drain are cut, once the config in which they do is
 * in force; again with each publish, for the one before may have been killed.
 */
static void set_times(const struct publisher *publisher)
{
	const struct state *state = publisher->state;
	size_t i, j;

	for (i = 0; i < state->route_count; i++) {
		const struct state_route *route = &state->routes[i];
		const struct state_backend *from =
			state->backends + route->backend;

		for (j = 0; j < route->backend_count; j++)
			set_time(&publisher->backends[from[j].id],
				 from[j].until, j >= route->backend_count -
						     route->gone_backends);
	}
}

/* Seconds since *last, which is now then. */
static double lap(double *last)
{
	double before = *last;
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	*last = now.tv_sec + now.tv_nsec / 1e9;
	return *last - before;
}

/*
 * How long packets of connections that the node does not know are taken for those
 * from before a change. Of both kinds some are moved: by the old tables what began
 * since, by the new ones what began before. Most are older for about as long as a
 * connection lasts.
 */
#define CHANGING_SECONDS 300

/* The one write. Packets see that generation; the other half is what was before. */
static int write_control(const struct publisher *publisher, uint64_t generation,
			 uint32_t seconds)
{
	struct l4gate_control control = {
		.generation = generation,
		.changing_until = seconds ? publisher->jiffies + (uint64_t)
				  seconds * publisher->dataplane->meta.hz : 0,
	};
	uint32_t key = 0;

	return publisher_put(publisher, MAP_CONTROL, &key, &control);
}

/* Everything aside, the one write, everything behind. */
static int write_all(struct publisher *publisher, struct publish_times *times)
{
	const struct plan *plan = publisher->plan;
	uint64_t generation = publisher->generation + 1;
	double clock = 0;
	int error;
	size_t i;

	lap(&clock);
	/* The half that is written is no witness any more. */
	error = write_control(publisher, publisher->generation, 0);
	if (!error)
		timeouts_write(publisher);
	for (i = 0; !error && i < plan->route_count; i++)
		error = write_route(publisher, i);
	if (!error)
		error = listen_write(publisher);
	if (!error)
		error = listen_write_ports(publisher, true);
	times->maps = lap(&clock);
	if (!error)
		error = state_write(publisher->dataplane, publisher->state,
				    generation, publisher->fail);
	times->state = lap(&clock);
	if (!error)
		error = write_control(publisher, generation, CHANGING_SECONDS);
	if (error)
		return error;
	times->last = lap(&clock);

	set_times(publisher);
	timeouts_settle(publisher);
	wait_for_packets();
	retire_backends(publisher);
	error = listen_write_ports(publisher, false);
	state_sweep(publisher->dataplane, generation);
	return error;
}

/* Packets meet what they met before: their generation stays. */
static int write_statuses(const struct publisher *publisher)
{
	return state_write(publisher->dataplane, publisher->state,
			   publisher->generation, publisher->fail);
}

/*
 * Backends that were left alive by a publish killed right behind its one write:
 * no state names them.
 */
static void retire_orphans(const struct publisher *publisher)
{
	const struct plan *plan = publisher->plan;
	uint32_t id;

	for (id = 0; id < plan->sizes.backends; id++)
		if (!plan->backend_was[id] && !plan->backend_used[id])
			publisher->backends[id].state = L4GATE_BACKEND_FREE;
}

static int map_values(struct publisher *publisher)
{
	const struct dataplane *dataplane = publisher->dataplane;

	publisher->routes = dataplane_map(dataplane, MAP_ROUTES);
	publisher->buckets = dataplane_map(dataplane, MAP_BUCKETS);
	publisher->chunks = dataplane_map(dataplane, MAP_CHUNKS);
	publisher->backends = dataplane_map(dataplane, MAP_BACKENDS);
	publisher->timeouts = dataplane_map(dataplane, MAP_TIMEOUTS);
	publisher->half_open = dataplane_map(dataplane, MAP_HALF_OPEN);
	if (publisher->routes && publisher->buckets && publisher->chunks &&
	    publisher->backends && publisher->timeouts && publisher->half_open)
		return 0;
	return fail(publisher->fail, -errno, "%s: the maps there can't be mapped: %m",
		    dataplane->pin_dir);
}

static void unmap_values(struct publisher *publisher)
{
	const struct dataplane *dataplane = publisher->dataplane;

	dataplane_unmap(dataplane, MAP_ROUTES, publisher->routes);
	dataplane_unmap(dataplane, MAP_BUCKETS, publisher->buckets);
	dataplane_unmap(dataplane, MAP_CHUNKS, publisher->chunks);
	dataplane_unmap(dataplane, MAP_BACKENDS, publisher->backends);
	dataplane_unmap(dataplane, MAP_TIMEOUTS, publisher->timeouts);
	dataplane_unmap(dataplane, MAP_HALF_OPEN, publisher->half_open);
}

/* Whether a flow was ever made by a listener with this number. */
static bool had_flows(const void *context, uint32_t listener)
{
	const struct dataplane *dataplane = context;
	int cpus = libbpf_num_possible_cpus(), i;
	struct l4gate_stats *stats;
	bool any = true;

	stats = cpus > 0 ? calloc(cpus, sizeof(*stats)) : NULL;
	if (stats && !bpf_map_lookup_elem(dataplane->maps[MAP_LISTENER_STATS],
					  &listener, stats))
		for (any = false, i = 0; i < cpus; i++)
			any |= stats[i].flows > 0;
	free(stats);
	return any;
}

static uint32_t flow_places(const struct dataplane *dataplane)
{
	struct flow_rows rows = dataplane_rows(dataplane);

	return (rows.words * L4GATE_LINE_WORDS +
		rows.entries * L4GATE_LINE_ENTRIES) * L4GATE_SHARDS;
}

int publish(const struct dataplane *dataplane, const struct image *image,
	    const struct inet_addr *own_addresses, size_t own_address_count,
	    bool dry_run, struct changes *changes, struct fail *fail_)
{
	struct publisher publisher = {
		.dataplane = dataplane,
		.own = own_addresses,
		.own_count = own_address_count,
		.jiffies = dataplane_jiffies(dataplane),
		.fail = fail_,
	};
	struct plan_node node = {
		.addresses = own_addresses,
		.address_count = own_address_count,
		.sizes = dataplane->sizes,
		.places = flow_places(dataplane),
		.now = time(NULL),
		.tick = publisher.jiffies >> dataplane_tick_shift(dataplane),
		.tick_seconds = dataplane_tick_seconds(dataplane),
		.had_flows = had_flows,
		.context = dataplane,
	};
	struct plan plan = { 0 };
	struct state published = { 0 };
	struct inet_addr *owned = NULL;
	double clock = 0;
	int error;

	lap(&clock);
	error = generation_read(dataplane, &publisher.generation, fail_) ?:
		state_read(dataplane, &published, fail_) ?:
		node_addresses(&owned, &node.owned_count, fail_);
	if (error)
		goto out;
	node.owned = owned;
	changes->times.read = lap(&clock);
	publisher.half = (publisher.generation + 1) & 1;
	error = plan_make(image, &published, &node, &plan, changes, fail_);
	changes->times.plan = lap(&clock);
	if (error || dry_run)
		goto out;
	error = map_values(&publisher);
	if (error)
		goto out;
	publisher.plan = &plan;
	publisher.state = &plan.state;
	retire_orphans(&publisher);
	/* Before the first generation there is no state to replace. */
	if (changes->count &&
	    (plan.reaches_packets || !publisher.generation)) {
		error = write_all(&publisher, &changes->times);
	} else {
		set_times(&publisher);
		timeouts_settle(&publisher);
		if (changes->count)
			error = write_statuses(&publisher);
	}
	if (!error)
		(void)announce(dataplane, &published, &plan.state,
			       &changes->warning);
out:
	unmap_values(&publisher);
	plan_free(&plan);
	state_free(&published);
	free(owned);
	return error;
}
