/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What frames have to become on both hooks. To be included after cmocka.h, by tests
 * that use all of it.
 */
#ifndef TESTS_EXPECT_H
#define TESTS_EXPECT_H

#include "run_as.h"

/*
 * Listeners on 80 (one backend) and 81 (no route), TCP and UDP: of 10.0.0.9 and
 * 2001:db8::9 in mode nat, of 10.0.0.10 and 2001:db8::a in transparent, of
 * 10.0.0.11 and 2001:db8::b in dsr-l2.
 */
#define GATEWAY(name, v4, v6, mode)					\
	"---\napiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\n"	\
	"metadata: {name: " name "}\nspec:\n  gatewayClassName: l\n"	\
	"  addresses: [{value: " v4 "}, {value: '" v6 "'}]\n"		\
	"  listeners:\n"						\
	"  - {name: tcp80, port: 80, protocol: TCP}\n"			\
	"  - {name: udp80, port: 80, protocol: UDP}\n"			\
	"  - {name: tcp81, port: 81, protocol: TCP}\n"			\
	"  - {name: udp81, port: 81, protocol: UDP}\n"			\
	"  infrastructure: {parametersRef: {group: l4gate.dev, "	\
	"kind: GatewayParameters, name: " name "}}\n"			\
	"---\napiVersion: l4gate.dev/v1alpha1\nkind: GatewayParameters\n"	\
	"metadata: {name: " name "}\nspec: {mode: " mode "}\n"
#define ROUTE(kind, proto)						\
	"---\napiVersion: gateway.networking.k8s.io/v1\nkind: " kind "\n"	\
	"metadata: {name: r}\nspec:\n  parentRefs:\n"			\
	"  - {name: g, port: 80, sectionName: " proto "80}\n"		\
	"  - {name: t, port: 80, sectionName: " proto "80}\n"		\
	"  - {name: d, port: 80, sectionName: " proto "80}\n"		\
	"  rules: [{backendRefs: [{name: s, port: 80}]}]\n"
#define SLICE(name, type, address)					\
	"---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\n"	\
	"metadata: {name: " name ", labels: {kubernetes.io/service-name: s}}\n"	\
	"addressType: " type "\nendpoints: [{addresses: ['" address "']}]\n"	\
	"ports: [{name: t, port: 8080, protocol: TCP}, {name: u, port: 8080, protocol: UDP}]\n"

static const char frames_manifest[] =
	GATEWAY("g", "10.0.0.9", "2001:db8::9", "nat")
	GATEWAY("t", "10.0.0.10", "2001:db8::a", "transparent")
	GATEWAY("d", "10.0.0.11", "2001:db8::b", "dsr-l2")
	ROUTE("TCPRoute", "tcp") ROUTE("UDPRoute", "udp")
	"---\napiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec:\n"
	"  ports: [{name: t, port: 80, protocol: TCP}, {name: u, port: 80, protocol: UDP}]\n"
	SLICE("a", "IPv4", "10.0.0.20") SLICE("b", "IPv6", "2001:db8::20");

#define V4 .src = "10.0.0.2", .dst = "10.0.0.9"
#define V6 .v6 = true, .src = "2001:db8::2", .dst = "2001:db8::9"

static inline int pass_of(enum l4gate_hook hook)
{
	return hook == L4GATE_HOOK_XDP ? XDP_PASS : TC_ACT_UNSPEC;
}

static inline int drop_of(enum l4gate_hook hook)
{
	return hook == L4GATE_HOOK_XDP ? XDP_DROP : TC_ACT_SHOT;
}

static inline void expect_same(const struct frame *in, const struct frame *out)
{
	assert_int_equal(out->size, in->size);
	assert_memory_equal(out->bytes, in->bytes, in->size);
}

/* XDP leaves it to TC as it came. */
static inline void expect_deferred(const struct frame *in)
{
	struct frame out;

	if (node.first_hook != L4GATE_HOOK_XDP)
		return;
	assert_int_equal(run_as(L4GATE_HOOK_XDP, in, &out,
				L4GATE_DEFER_HEADER), XDP_PASS);
	expect_same(in, &out);
}

/* Both hooks let it go on as it came, XDP for one reason and TC for another. */
static inline void expect_passed(const struct shape *shape, enum l4gate_reason xdp,
			  enum l4gate_reason tc)
{
	enum l4gate_hook hook;
	struct frame in, out;

	frame_build(&in, shape);
	for (hook = node.first_hook; hook <= L4GATE_HOOK_TC_INGRESS; hook++) {
		assert_int_equal(run_as(hook, &in, &out,
					hook == L4GATE_HOOK_XDP ? xdp : tc),
				 pass_of(hook));
		expect_same(&in, &out);
	}
}

#endif /* TESTS_EXPECT_H */
