# SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
# `make help` lists the targets. O=DIR builds elsewhere, V=1 shows commands,
# SAN=1 builds user space with ASan and UBSan, STATIC=1 links statically.

O ?= build
# One name for it, however it was given: dependency files hold it.
override O := $(abspath $(O))
CC ?= gcc
CLANG ?= clang
BPFTOOL ?= $(shell command -v bpftool || echo /usr/sbin/bpftool)
PKG_CONFIG ?= pkg-config
PREFIX ?= /usr/local
DESTDIR ?=

VERSION := 0.1.0
LIBS := libbpf libelf zlib yaml-0.1 jansson

# ---------------------------------------------------------------- flags
WARNINGS := -Wall -Wextra -Werror
CPPFLAGS += -D_GNU_SOURCE -DL4GATE_VERSION='"$(VERSION)"' -Iinclude -Iuser \
            -Itests/prog_run -I$(O)/gen $(shell $(PKG_CONFIG) --cflags $(LIBS))
CFLAGS ?= -O2 -g
CFLAGS += -std=gnu11 $(WARNINGS) -Wmissing-prototypes -Wstrict-prototypes
ifeq ($(SAN),1)
CFLAGS += -fsanitize=address,undefined -fno-omit-frame-pointer \
          -DARENA_BLOCK_SIZE=1
LDFLAGS += -fsanitize=address,undefined
endif
ifeq ($(STATIC),1)
LDFLAGS += -static
LDLIBS += $(shell $(PKG_CONFIG) --static --libs $(LIBS))
else
LDLIBS += $(shell $(PKG_CONFIG) --libs $(LIBS))
endif
LDLIBS += -lm

# Headers are summed up and copied as words: no two types that lie apart, as in the
# kernel. UAPI headers live below the multiarch directory on Debian and Ubuntu.
MULTIARCH := $(shell $(CC) -print-multiarch 2>/dev/null)
BPF_CFLAGS := -O2 -g -target bpf -mcpu=v3 -fno-strict-aliasing $(WARNINGS) -Iinclude -Ibpf \
              $(if $(MULTIARCH),-I/usr/include/$(MULTIARCH)) \
              $(shell $(PKG_CONFIG) --cflags libbpf)

ifeq ($(V),1)
Q :=
say = @:
else
Q := @
say = @printf '  %-8s %s\n' $(1) $(patsubst $(CURDIR)/%,%,$(2))
endif

# ---------------------------------------------------------------- sources
BPF_NAMES := xdp tc
SKELETONS := $(BPF_NAMES:%=$(O)/gen/%.skel.h)
USER_SOURCES := $(sort $(wildcard user/*/*.c))
USER_OBJECTS := $(USER_SOURCES:%.c=$(O)/%.o)
MAIN_OBJECT := $(O)/user/main.o
UNIT_TESTS := $(patsubst tests/unit/%.c,$(O)/tests/unit/%,\
                $(sort $(wildcard tests/unit/test_*.c)))
PROG_RUN_TESTS := $(patsubst tests/prog_run/%.c,$(O)/tests/prog_run/%,\
                    $(sort $(wildcard tests/prog_run/test_*.c)))

.DELETE_ON_ERROR:
.SUFFIXES:
.SECONDARY:
.PHONY: all bpf user
all: $(O)/l4gate
bpf: $(BPF_NAMES:%=$(O)/bpf/%.bpf.o) $(O)/bpf/send.bpf.o
user: $(USER_OBJECTS)

$(O)/l4gate: $(USER_OBJECTS) $(MAIN_OBJECT)
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(O)/bpf/%.bpf.o: bpf/%.bpf.c
	$(call say,CLANG,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(BPF_CFLAGS) -MMD -MP -c -o $@ $<

$(O)/gen/%.skel.h: $(O)/bpf/%.bpf.o
	$(call say,SKEL,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(BPFTOOL) gen skeleton $< name l4gate_$*_bpf > $@

# Only the loader sees the skeletons.
$(addprefix $(O)/user/dataplane/,object.o meta.o dry.o): $(SKELETONS)
$(O)/user/dataplane/announce.o: $(O)/gen/send.skel.h

$(O)/%.o: %.c
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

-include $(wildcard $(O)/bpf/*.d $(O)/user/*.d $(O)/user/*/*.d $(O)/tests/*/*.d)

# ---------------------------------------------------------------- tests
$(O)/tests/unit/%: $(O)/tests/unit/%.o $(USER_OBJECTS)
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS) -lcmocka

# Helpers of more than one test.
$(O)/tests/unit/test_crds $(O)/tests/unit/test_crd_objects: $(O)/tests/unit/crd.o
$(O)/tests/unit/test_plan $(O)/tests/unit/test_plan_policy $(O)/tests/unit/test_draining \
$(O)/tests/unit/test_plan_timeouts: $(O)/tests/unit/plan_run.o

# Where the packets of failing tests are to be found.
$(O)/tests/prog_run/capture.o $(O)/tests/prog_run/test_capture.o: \
  CPPFLAGS += -DPCAP_DIR='"$(O)/pcap"'

$(O)/tests/prog_run/test_%: $(O)/tests/prog_run/test_%.o \
                            $(O)/tests/prog_run/packet.o \
                            $(O)/tests/prog_run/capture.o \
                            $(O)/tests/prog_run/connection.o \
                            $(O)/tests/prog_run/modes.o \
                            $(O)/tests/prog_run/snapshot.o \
                            $(O)/tests/prog_run/node.o $(USER_OBJECTS)
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS) -lcmocka

# The programs of bpf/, as compiled for this machine, on a model of the kernel. The
# sanitizer's calls before each access are ours (model.c): its library is not linked.
INTERLEAVE_CFLAGS := -O2 -g -std=gnu11 $(WARNINGS) -Wmissing-prototypes -Wstrict-prototypes \
                     -D_GNU_SOURCE -Iinclude
INTERLEAVE_OBJECTS := $(addprefix $(O)/tests/interleave/,lines.o \
                        $(patsubst tests/interleave/%.c,%.o,\
                          $(sort $(wildcard tests/interleave/*.c))))

$(O)/tests/interleave/program.o: INTERLEAVE_CFLAGS += -fsanitize=thread -fno-strict-aliasing \
                                                      -Wno-unknown-pragmas -Ibpf
$(O)/tests/interleave/%.o: tests/interleave/%.c
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(INTERLEAVE_CFLAGS) -Iuser -MMD -MP -c -o $@ $<

$(O)/tests/interleave/lines.o: user/dataplane/lines.c
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(INTERLEAVE_CFLAGS) -Iuser -MMD -MP -c -o $@ $<

$(O)/tests/interleave/interleave: $(INTERLEAVE_OBJECTS)
	$(call say,LINK,$@)
	$(Q)$(CC) -o $@ $^

# ---------------------------------------------------------------- benchmarks
# Programs of the benchmarks alone; their skeletons are gen/bench_*.skel.h.
$(O)/tests/bench/%.bpf.o: tests/bench/%.bpf.c
	$(call say,CLANG,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(BPF_CFLAGS) -MMD -MP -c -o $@ $<

$(O)/gen/bench_%.skel.h: $(O)/tests/bench/%.bpf.o
	$(call say,SKEL,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(BPFTOOL) gen skeleton $< name bench_$*_bpf > $@

$(O)/tests/bench/feed.o: $(O)/gen/bench_feed.skel.h
$(O)/tests/bench/floor.o: $(O)/gen/bench_floor.skel.h
$(O)/tests/bench/wire.o: $(O)/gen/bench_wire.skel.h

$(O)/tests/bench/packets: $(addprefix $(O)/tests/bench/,packets.o path.o \
                            feed.o flows.o floor.o result.o) \
                          $(O)/tests/prog_run/node.o \
                          $(O)/tests/prog_run/packet.o $(USER_OBJECTS)
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(O)/tests/bench/routes: $(addprefix $(O)/tests/bench/,routes.o \
                           routes_config.o path.o feed.o flows.o floor.o result.o) \
                          $(O)/tests/prog_run/node.o \
                          $(O)/tests/prog_run/packet.o $(USER_OBJECTS)
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(O)/tests/bench/pressure $(O)/tests/bench/cpus $(O)/tests/bench/survive: \
$(O)/tests/bench/%: $(addprefix $(O)/tests/bench/,%.o feed.o flows.o floor.o result.o) \
                    $(O)/tests/prog_run/node.o $(O)/tests/prog_run/packet.o \
                    $(USER_OBJECTS)
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS) -lpthread

$(O)/tests/bench/verifier: $(addprefix $(O)/tests/bench/,verifier.o feed.o \
                             result.o) $(O)/tests/prog_run/packet.o
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(O)/tests/bench/wire: $(addprefix $(O)/tests/bench/,wire.o feed.o result.o) \
                       $(O)/tests/prog_run/packet.o
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(O)/tests/bench/connect: $(O)/tests/bench/connect.o
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -lpthread

COMMIT = $(shell git describe --always --dirty 2>/dev/null || echo unknown)

.PHONY: bench bench-pressure bench-cpus bench-scale bench-wire verifier-stats bench-results
# Net ns a packet on each path beside floor programs, in the same run; fails if
# a TCP hit takes more than 2.5 times its floor. PHASES="few new": not all. Root.
bench: $(O)/tests/bench/packets
	$(Q)mkdir -p $(O)/bench
	$(Q)code=0; \
	  $< -o $(O)/bench/packets.json -c $(COMMIT) $(PHASES) || code=$$?; \
	  tests/bench/report.py plot $(O)/bench; exit $$code

# Tables that are full, and under a flood of SYNs; with plots. Root.
bench-pressure: $(O)/tests/bench/pressure
	$(Q)mkdir -p $(O)/bench
	$(Q)$< -o $(O)/bench/pressure.json -c $(COMMIT) $(PHASES)
	$(Q)tests/bench/report.py plot $(O)/bench

# Two CPUs at once beside one alone. Root.
bench-cpus: $(O)/tests/bench/cpus
	$(Q)mkdir -p $(O)/bench
	$(Q)$< -o $(O)/bench/cpus.json -c $(COMMIT)

# What the verifier has to do for each program; fails over budget. Root.
verifier-stats: $(O)/tests/bench/verifier bpf
	$(Q)mkdir -p $(O)/bench
	$(Q)$< -o $(O)/bench/verifier.json -c $(COMMIT) \
	  $(BPF_NAMES:%=$(O)/bpf/%.bpf.o)

# One to a hundred thousand routes: a packet, an apply, what get and stats take;
# fails if a packet takes more than 1.15 times that of one route at 10,000. Root.
bench-scale: $(O)/l4gate $(O)/tests/bench/routes
	$(Q)mkdir -p $(O)/bench
	$(Q)code=0; $(O)/tests/bench/routes -l $< -c $(COMMIT) \
	  -o $(O)/bench/routes.json $(ROUTES) || code=$$?; \
	  tests/bench/report.py plot $(O)/bench; exit $$code

# Frames and connections through veth pairs, beside the kernel, nftables and
# HAProxy (scripts/deps.sh bench). Root.
bench-wire: $(O)/l4gate $(O)/tests/bench/wire $(O)/tests/bench/connect
	$(Q)O=$(O) L4GATE=$< tests/bench/wire.sh -c $(COMMIT) >/dev/null
	$(Q)tests/bench/report.py wire $(O)/bench

# Measures all, and writes down what came out.
bench-results: verifier-stats bench bench-pressure bench-cpus bench-scale bench-wire
	$(Q)tests/bench/report.py results $(O)/bench tests/bench/RESULTS.md

.PHONY: check check-unit check-interleave check-interleave-deep check-abi check-man check-cli check-bpf check-blind check-frames \
        check-survive check-clang check-netns
# No root, under ten seconds.
check: check-unit check-interleave check-abi check-man check-cli

check-unit: $(UNIT_TESTS)
	$(Q)code=0; for t in $(UNIT_TESTS); do $$t || code=1; done; exit $$code

# Two and three CPUs at the flow tables, in all schedules.
check-interleave: $(O)/tests/interleave/interleave
	$(Q)$<

# Some more, with three, of which not all may be tried; minutes.
check-interleave-deep: $(O)/tests/interleave/interleave
	$(Q)$< -d -l 20000000

# Sizes and offsets: BTF of both objects against the headers in include/.
check-abi: bpf
	$(Q)tests/abi/check.sh $(O) $(BPFTOOL)

# What --help and the golden files say, the man page says.
check-man: $(O)/l4gate
	$(Q)tests/man/check.sh $<

# Exit codes, pipes and streams of the offline commands.
check-cli: $(O)/l4gate
	$(Q)tests/cli/check.sh $<

# BPF_PROG_TEST_RUN, each case on both hooks; root.
check-bpf: $(PROG_RUN_TESTS)
	$(Q)tests/prog_run/run.sh $(PROG_RUN_TESTS)

# A million segments that anybody may have sent, in each mode; root.
check-blind: $(O)/tests/prog_run/test_life
	$(Q)BLIND=1000000 $<

# Frames that are not ours, as they came; 200,000 of them are in check-bpf. SEED=N
# makes others.
FRAMES ?= 1000000
check-frames: $(O)/tests/prog_run/test_others
	$(Q)$< $(FRAMES) $(SEED)

# Established flows under floods of SYNs and segments that are guesses; root.
# FLOWS="524288 1048576": with larger flow tables.
check-survive: $(O)/tests/bench/survive
	$(Q)$< $(FLOWS)

# check-bpf with a newer clang: it lays out the stack in other ways, and what one
# makes may be more than the verifier allows.
OTHER_CLANG ?= $(filter-out $(shell command -v $(CLANG)),\
                 $(shell command -v clang-19))
check-clang:
	$(Q)if [ -z "$(OTHER_CLANG)" ]; then \
	  echo 'check-clang: 0 passed, 0 failed, 1 skipped'; \
	  echo 'SKIP: clang-19 is not installed, or what $(CLANG) is'; \
	else \
	  $(MAKE) --no-print-directory O=$(O)/other CLANG=$(OTHER_CLANG) \
	          check-bpf check-abi; \
	fi

# End to end in network namespaces; root.
check-netns: $(O)/l4gate
	$(Q)O=$(O) L4GATE=$(O)/l4gate tests/netns/run.sh

# ---------------------------------------------------------------- chaos
MINUTES ?= 30
CHAOS = O=$(O) L4GATE=$(O)/l4gate tests/chaos/run.sh

.PHONY: chaos check-chaos
# Long streams through two nodes while all happens to them that may, at random.
# SEED=N says again what a run did, MODE="nat" not both; root.
chaos: $(O)/l4gate
	$(Q)$(CHAOS) -m $(MINUTES) $(if $(filter-out file,$(origin SEED)),-s $(SEED)) $(MODE)

# Five minutes of it, with a seed of its own each time.
check-chaos: $(O)/l4gate
	$(Q)$(CHAOS) -m 5

# Builds within a test use all processors, unless this make knows better.
BUILD_JOBS = --no-print-directory \
             $(if $(findstring jobserver,$(MAKEFLAGS)),,-j$(shell nproc))

# ---------------------------------------------------------------- random sets
SETS ?= 2000
SEED ?= 1

# SETS random sets of objects, compiled by this build and, in another shape, by
# one with ASan and UBSan, against the rules as tests/checker has them.
.PHONY: check-sets
check-sets: $(O)/l4gate
	$(Q)$(MAKE) $(BUILD_JOBS) O=$(O)/san SAN=1 $(O)/san/l4gate
	$(Q)tests/checker/check_sets.py --sets $(SETS) --seed $(SEED) \
		$(O)/l4gate $(O)/san/l4gate

# ---------------------------------------------------------------- fuzzing
# A build of its own by clang: what reads and compiles, without libbpf.
FUZZ_SECONDS ?= 60
FUZZ_LIBS := yaml-0.1 jansson
FUZZ_CFLAGS := -O1 -g -std=gnu11 $(WARNINGS) -fno-omit-frame-pointer \
               -DARENA_BLOCK_SIZE=1 \
               -fsanitize=address,undefined -fno-sanitize-recover=undefined
PURE_SOURCES := $(filter-out user/util/log.c,$(sort \
                $(wildcard user/model/*.c user/compile/*.c user/util/*.c)))
PURE_OBJECTS := $(PURE_SOURCES:%.c=$(O)/fuzz/%.o)
FUZZERS := $(O)/fuzz/reader $(O)/fuzz/compile

$(O)/fuzz/%.o: %.c
	$(call say,FUZZ-CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(CPPFLAGS) $(FUZZ_CFLAGS) -fsanitize=fuzzer-no-link \
		-MMD -MP -c -o $@ $<

$(O)/fuzz/compile: $(O)/fuzz/tests/fuzz/objects.o
$(FUZZERS): $(O)/fuzz/%: $(O)/fuzz/tests/fuzz/fuzz_%.o $(PURE_OBJECTS)
	$(call say,LINK,$@)
	$(Q)$(CLANG) $(FUZZ_CFLAGS) -fsanitize=fuzzer -o $@ $^ \
		$(shell $(PKG_CONFIG) --libs $(FUZZ_LIBS)) -lm

-include $(wildcard $(O)/fuzz/*/*/*.d)

.PHONY: fuzz fuzz-build
fuzz-build: $(FUZZERS)

# FUZZ_SECONDS for all fuzzers together; any finding fails.
fuzz:
	$(Q)$(MAKE) $(BUILD_JOBS) O=$(O) fuzz-build
	$(Q)tests/fuzz/run.sh $(O) $(FUZZ_SECONDS)

# ---------------------------------------------------------------- scale
$(O)/tests/bench/scale: $(O)/tests/bench/scale.o $(USER_OBJECTS)
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

.PHONY: check-scale bench-compile
# 10,000 routes in a second, and ten times as many in ten times the time.
check-scale: $(O)/tests/bench/scale
	$(Q)$< --check

# Reading and compiling; the last size needs 0.2 GiB of /tmp and 1 of memory.
bench-compile: $(O)/tests/bench/scale
	$(Q)$< 1000 10000 100000

# ---------------------------------------------------------------- virtual machines
# Static programs, in a build directory of their own.
$(O)/tests/vm/traffic: $(O)/tests/vm/traffic.o
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^

$(O)/tests/netns/pass.bpf.o: tests/netns/pass.bpf.c
	$(call say,CLANG,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(BPF_CFLAGS) -c -o $@ $<

.PHONY: check-vm vm-programs
vm-programs: $(O)/l4gate $(O)/tests/bench/verifier $(O)/tests/vm/traffic

# Kernels from 5.10 on, each booted in a virtual machine (QEMU without KVM);
# downloads them once. Minutes. VM_KERNELS="5.10 6.": not all.
check-vm: $(PROG_RUN_TESTS) $(O)/tests/netns/pass.bpf.o
	$(Q)$(MAKE) --no-print-directory O=$(O)/static STATIC=1 vm-programs
	$(Q)O=$(O) tests/vm/run.sh $(VM_KERNELS)

# ---------------------------------------------------------------- the rest
# Not where the skeletons are: bpftool's code is not ours to change.
LINT_SOURCES := $(filter-out $(addprefix user/dataplane/,object.c meta.c dry.c announce.c),\
                  $(USER_SOURCES) $(wildcard user/*.c))

.PHONY: lint lint-shell lint-layers lint-size lint-sparse lint-tidy \
        install uninstall clean help
lint: lint-shell lint-layers lint-size lint-sparse lint-tidy

lint-shell:
	$(Q)shellcheck -x scripts/*.sh tests/*/*.sh .ci/run

lint-layers:
	$(Q)scripts/check-layers.sh

# Lengths of functions and files; licences.
lint-size:
	$(Q)scripts/check-size.sh

# Byte orders, above all. Not of bpf/: libbpf's bpf_htons() has no types, so each
# use of it would be a warning.
SPARSE_FLAGS := -std=gnu11 -Wsparse-error -Wno-unknown-attribute

lint-sparse:
	$(Q)printf '%s\n' $(LINT_SOURCES) | \
	  xargs -P$(shell nproc) -n1 sparse $(SPARSE_FLAGS) $(CPPFLAGS)

# .clang-tidy says what is looked for. A minute of CPU time, so only for what has
# changed. On stderr it counts what it has hidden.
$(O)/%.tidy: $(O)/%.o .clang-tidy
	$(call say,TIDY,$@)
	$(Q)clang-tidy --quiet $*.c -- -std=gnu11 $(CPPFLAGS) 2>$@ || \
	  { cat $@ >&2; exit 1; }

lint-tidy:
	$(Q)$(MAKE) $(BUILD_JOBS) O=$(O) $(LINT_SOURCES:%.c=$(O)/%.tidy)

install: $(O)/l4gate
	install -D -m 0755 $(O)/l4gate $(DESTDIR)$(PREFIX)/sbin/l4gate
	install -D -m 0644 user/man/l4gate.8 $(DESTDIR)$(PREFIX)/share/man/man8/l4gate.8

uninstall:
	rm -f $(DESTDIR)$(PREFIX)/sbin/l4gate \
	      $(DESTDIR)$(PREFIX)/share/man/man8/l4gate.8

clean:
	rm -rf $(O)

help:
	@echo 'make            build build/l4gate (O=DIR elsewhere, V=1 verbose,'
	@echo '                STATIC=1 static, SAN=1 with ASan and UBSan)'
	@echo 'make check      unit, golden, schedule and ABI tests; no root'
	@echo 'make check-interleave-deep  more schedules of CPUs at the flow tables; minutes'
	@echo 'make check-bpf  packets through both programs; root'
	@echo 'make check-blind  a million forged RST, FIN and SYN in each mode; root'
	@echo 'make check-frames  FRAMES=1000000 SEED=1: random ones that are not ours; root'
	@echo 'make check-survive  established flows under a flood; FLOWS="524288" a larger'
	@echo '                table than the smallest; root'
	@echo 'make check-clang  as check-bpf, programs compiled with clang 19'
	@echo 'make check-netns  end to end in network namespaces; root'
	@echo 'make chaos      long streams and all that may happen; MINUTES=30 SEED= MODE=; root'
	@echo 'make check-chaos  five minutes of it; root'
	@echo 'make check-sets  random objects against the rules; SETS=2000 SEED=1'
	@echo 'make fuzz       manifests and compile by libFuzzer, FUZZ_SECONDS=60'
	@echo 'make check-scale  10,000 routes in a second; make bench-compile'
	@echo 'make check-vm   programs, packets and traffic on kernels from 5.10 on, in'
	@echo '                virtual machines; minutes, downloads; no root'
	@echo 'make bench      cost of a packet, beside a floor; root'
	@echo 'make bench-pressure  full flow tables, and a SYN flood; root'
	@echo 'make bench-cpus  two CPUs at once, beside one alone; root'
	@echo 'make bench-scale  packets and applies by the number of routes; root'
	@echo 'make bench-wire  frames and connections, beside other systems; root'
	@echo 'make verifier-stats  instructions that the verifier follows; root'
	@echo 'make bench-results  all of these, written to tests/bench/RESULTS.md'
	@echo 'make lint       shellcheck, sparse, clang-tidy, includes, lengths, licences'
	@echo 'make install    binary and man page to DESTDIR/PREFIX; make uninstall'
	@echo 'make clean'
