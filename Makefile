# Spate. `make help` lists the targets; no recursion, no configure step.
#
# The house: log/ is a storage engine (liblog.a), net/ the Kafka protocol and the shards (libnet.a),
# bench/load/ the load generator, cli/ the one binary. Arrows: cli -> net -> log.

SHELL := /bin/bash
.DEFAULT_GOAL := spate

MODE    ?= release
BUILD   := build/$(MODE)
GEN     := build/gen
ifeq ($(origin CC),default)
CC := gcc
endif
PREFIX  ?= /usr/local

# A line a file; `make V=1` prints the commands instead.
Q   := $(if $(V),,@)
say = $(if $(V),:,printf '  %-4s %s\n' $(1) $(patsubst $(BUILD)/%,%,$(2)))

WARN    := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wno-unused-parameter
CPPFLAGS_ALL := -D_GNU_SOURCE -I. -I$(GEN) $(CPPFLAGS)
CFLAGS_release := -O2 -g
LDFLAGS_release := -static-libgcc # one library less to find and to set up at each start
CFLAGS_asan    := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
LDFLAGS_asan   := -fsanitize=address,undefined
CFLAGS_cov     := -O1 -g --coverage -fprofile-update=prefer-atomic
LDFLAGS_cov    := --coverage -Wl,--wrap=_exit build/cov/tests/coverage/flush.o
CFLAGS_fuzz    := -O1 -g -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
LDFLAGS_fuzz   := -fsanitize=fuzzer,address,undefined
CFLAGS_ALL := -std=gnu17 -fno-strict-aliasing -pthread $(WARN) $(if $(WERROR),-Werror) $(CFLAGS_$(MODE)) $(CFLAGS)
LDFLAGS_ALL := -pthread $(LDFLAGS_$(MODE)) $(LDFLAGS)

# What the broker needs at run time is linked in (Debian ships ISA-L as a shared library alone), so
# that the binary starts in milliseconds. librdkafka is for the client verbs and is loaded by them; libmicrohttpd
# (which brings GnuTLS along) is loaded by a broker that is to answer metrics.
STATIC_LIBS := -Wl,-Bstatic -luring -lxxhash -lzstd -llz4 -lsnappy -lz -ljansson -Wl,-Bdynamic
LIBS := $(STATIC_LIBS) -l:libcrypto.a -lisal -l:libstdc++.a -lm -ldl

DEB_BUILD := gcc make pkg-config liburing-dev libisal-dev libxxhash-dev libzstd-dev liblz4-dev \
             libsnappy-dev zlib1g-dev libjansson-dev libmicrohttpd-dev librdkafka-dev libssl-dev libstdc++-12-dev
DEB_TEST  := libcriterion-dev kcat jq curl python3-kafka python3-prometheus-client xfsprogs libfuse3-dev
DEB_FUZZ  := clang-14 libclang-rt-14-dev
DEB_COV   := gcovr

# ---- sources ---------------------------------------------------------------------------------
SRC_LOG  := $(sort $(wildcard log/*.c log/*/*.c))
SRC_NET  := $(sort $(wildcard net/*.c net/*/*.c))
SRC_LOAD := $(sort $(wildcard bench/load/*.c bench/report/*.c))
SRC_CLI  := $(sort $(wildcard cli/*.c))
SCHEMA   := $(sort $(wildcard net/wire/schema/*.msg))
UNIT     := $(sort $(wildcard tests/unit/*/*.c tests/unit/*/*/*.c))
SRC_RUN  := $(sort $(wildcard bench/run/*.c))
LIMITS   := $(sort $(wildcard bench/limits/*.c))

# What wire-gen makes of each net/wire/schema/X.msg, and of all together.
GEN_STEM := $(SCHEMA:net/wire/schema/%.msg=kmsg_%) $(SCHEMA:net/wire/schema/%.msg=kmsg_%_dump) $(if $(SCHEMA),kmsg_apis kmsg_table kmsg_fields)

obj = $(patsubst %.c,$(BUILD)/%.o,$(1))
OBJ_LOG  := $(call obj,$(SRC_LOG))
OBJ_GEN  := $(GEN_STEM:%=$(BUILD)/gen/%.o)
OBJ_NET  := $(call obj,$(SRC_NET)) $(OBJ_GEN)
OBJ_LOAD := $(call obj,$(SRC_LOAD))
OBJ_RUN  := $(call obj,$(SRC_RUN))
OBJ_CLI  := $(call obj,$(SRC_CLI))

-include local.mk

# ---- the binary --------------------------------------------------------------------------------
spate: $(BUILD)/spate ## build the release binary ./spate (the default)
	@cp -f $< $@

$(BUILD)/spate: $(OBJ_CLI) $(BUILD)/libload.a $(BUILD)/libnet.a $(BUILD)/liblog.a
	@$(call say,ld,$@)
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^ $(LIBS)

$(BUILD)/liblog.a: $(OBJ_LOG)
$(BUILD)/libnet.a: $(OBJ_NET)
$(BUILD)/libload.a: $(OBJ_LOAD)
$(BUILD)/libcli.a: $(filter-out %/main.o,$(OBJ_CLI))
$(BUILD)/%.a:
	@rm -f $@
	@$(call say,ar,$@)
	$(Q)ar rcs $@ $^

$(BUILD)/%.o: %.c | deps-stamp
	@mkdir -p $(@D)
	@$(call say,cc,$@)
	$(Q)$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) -MMD -MP -c -o $@ $<

# For a processor that is asked for at run time (log/base/wide_hash.c).
ifneq ($(findstring x86_64,$(shell $(CC) -dumpmachine)),)
$(BUILD)/log/base/wide_hash_avx2.o: CFLAGS_ALL += -mavx2
endif

# ---- wire messages: schema text -> C, by a small generator ---------------------------------------
ifneq ($(SCHEMA),)
# Order-only: wire-gen leaves a file alone that would not change, and the .d files know who includes which.
$(OBJ_NET) $(OBJ_LOAD) $(OBJ_RUN) $(OBJ_CLI): | $(GEN)/stamp
$(GEN_STEM:%=$(GEN)/%.h) $(GEN_STEM:%=$(GEN)/%.c): $(GEN)/stamp ;
$(OBJ_GEN): $(BUILD)/gen/%.o: | $(GEN)/stamp
	@mkdir -p $(@D)
	@$(call say,cc,$@)
	$(Q)$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) -MMD -MP -c -o $@ $(GEN)/$*.c
$(GEN)/stamp: build/wire-gen $(SCHEMA)
	@mkdir -p $(GEN)
	@$(call say,gen,net/wire/schema)
	$(Q)build/wire-gen $(GEN) $(SCHEMA)
	@touch $@
build/wire-gen: $(wildcard net/wire/gen/*.c) net/wire/gen/gen.h | deps-stamp
	@mkdir -p build
	@$(call say,ld,$@)
	$(Q)$(CC) -std=gnu17 -D_GNU_SOURCE -I. -O1 -g $(WARN) -o $@ $(filter %.c,$^)
endif

# ---- running and testing -----------------------------------------------------------------------
run: deps spate ## install what is missing, build, start the broker on 127.0.0.1:9092 with data in ./data
	@./spate serve --data ./data

# The judge of histories, for simulation, kill loops and soaks; and the simulator.
SRC_HISTORY := $(sort $(wildcard tests/history/*.c))
SRC_SIM     := $(sort $(wildcard tests/sim/*.c))
OBJ_HISTORY := $(call obj,$(SRC_HISTORY))
OBJ_SIM     := $(call obj,$(SRC_SIM))
OBJ_SIM_BROKER := $(call obj,$(sort $(wildcard tests/sim_broker/*.c)))
# What makes a failing plan short: both simulators'.
OBJ_SHRINK  := $(call obj,$(sort $(wildcard tests/shrink/*.c)))
# The requests that the simulated clients and those of the power cuts have in common.
OBJ_REQUESTS := $(call obj,tests/requests/requests.c)
$(OBJ_REQUESTS): | $(GEN)/stamp
$(BUILD)/libhistory.a: $(OBJ_HISTORY)

UNIT_BINS := $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(UNIT))
# What is tested is compiled as ever; the code of the tests themselves is hardly optimised, which halves the time that it takes to build them.
UNIT_CFLAGS_release := -Og
UNIT_CFLAGS_asan    := -O0
UNIT_LIBS := $(BUILD)/libcli.a $(BUILD)/libload.a $(BUILD)/libnet.a $(BUILD)/libhistory.a $(BUILD)/liblog.a
$(BUILD)/unit/%: tests/unit/%.c $(UNIT_LIBS)
	@mkdir -p $(@D)
	@$(call say,ld,$@)
	$(Q)$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) $(UNIT_CFLAGS_$(MODE)) -MMD -MP -MF $@.d $(LDFLAGS_ALL) -o $@ $< $(UNIT_LIBS) -lcriterion $(LIBS)

# The program in log/README.md, linked with the storage engine alone.
$(BUILD)/readme-example: log/README.md $(BUILD)/liblog.a
	@awk '/^```c$$/ {on = 1; next} /^```$$/ {on = 0} on' $< > $@.c
	@$(call say,ld,$@)
	$(Q)$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) $(LDFLAGS_ALL) -o $@ $@.c $(BUILD)/liblog.a $(LIBS)

unit-programs: $(UNIT_BINS) $(BUILD)/readme-example
unit: unit-programs ## unit tests alone
	@tests/run-units $(UNIT_BINS)
	@tests/run-example $(BUILD)/readme-example
	@tests/arrows
	@tests/mutants/check

# Live tests: the broker as a process, with kcat and small programs that share no code with it.
LIVE      := $(sort $(wildcard tests/live/*.c))
LIVE_LIB  := $(sort $(wildcard tests/live/lib/*.c))
LIVE_BINS := $(patsubst tests/live/%.c,$(BUILD)/live/%,$(LIVE))
# A program that has a room of its own, as members.c has members/, is linked with that too.
.SECONDEXPANSION:
$(BUILD)/live/%: tests/live/%.c $$(wildcard tests/live/$$*/*.c tests/live/$$*/*.h) $(LIVE_LIB) $(wildcard tests/live/lib/*.h)
	@mkdir -p $(@D)
	@$(call say,ld,$@)
	$(Q)$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) $(LDFLAGS_ALL) -o $@ $(filter %.c,$^) -lrdkafka -lz

live-programs: $(BUILD)/spate $(LIVE_BINS) $(BUILD)/hostile
live: live-programs ## live tests alone (one: tests/run-live tests/live/NAME.sh)
	@SPATE_BIN=$(BUILD)/spate LIVE_BIN=$(BUILD)/live tests/run-live

# Units and live tests, as they are and once more under ASan and UBSan. The builds are parallel; what computes goes on beside the tests that wait (tests/run-test).
BUILD_ALL := $(MAKE) --no-print-directory -j$(shell nproc)
ASAN_PROGRAMS := live-programs unit-programs crash-programs sim-program build/asan/sim-broker
test: deps ## install what is missing, build, and run all tests that need Debian packages alone (CLIENTS=1: and check-clients)
	@BUILD_ALL="$(BUILD_ALL)" ASAN_PROGRAMS="$(ASAN_PROGRAMS)" CLIENTS=$(CLIENTS) tests/run-test
asan: ## units and live tests under ASan and UBSan
	@$(BUILD_ALL) MODE=asan $(ASAN_PROGRAMS)
	@$(MAKE) --no-print-directory -j1 MODE=asan unit crash-short sim-short sim-broker-short live

TIME ?= 600
soak: live-programs ## half of TIME seconds (600) produce, fetch and kill -9, half of it groups; memory is watched
	@SPATE_BIN=$(BUILD)/spate LIVE_BIN=$(BUILD)/live SOAK_TIME=$$(($(TIME) / 2)) LIVE_TIMEOUT=$$(($(TIME) + 300)) \
		tests/run-live tests/live/kill9.sh tests/live/members.sh tests/live/members_churn.sh
soak-groups: live-programs ## members of every kind come and go for TIME seconds (600; 10,000 in 3600): no stuck group, no leak
	@SPATE_BIN=$(BUILD)/spate LIVE_BIN=$(BUILD)/live TIME=$(TIME) LIVE_TIMEOUT=$$(($(TIME) * 2 + 300)) tests/run-live tests/soak/groups.sh

# Crashes, one by one: small worlds, the k-th I/O, the k-th allocation (tests/crash/README.md).
CRASH_LIB  := $(sort $(wildcard tests/crash/lib/*.c) tests/sim_broker/heap.c)
CRASH_WRAP := malloc calloc realloc aligned_alloc posix_memalign strdup strndup asprintf mmap munmap madvise
CRASH_BINS := $(patsubst tests/crash/%.c,$(BUILD)/crash/%,$(sort $(wildcard tests/crash/*.c)))
$(BUILD)/crash/%: tests/crash/%.c $(call obj,$(CRASH_LIB)) $(BUILD)/libnet.a $(BUILD)/liblog.a
	@mkdir -p $(@D)
	@$(call say,ld,$@)
	$(Q)$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) -MMD -MP -MF $@.d $(LDFLAGS_ALL) $(CRASH_WRAP:%=-Wl,--wrap=%) -o $@ $< $(call obj,$(CRASH_LIB)) $(BUILD)/libnet.a $(BUILD)/liblog.a $(LIBS)
crash-programs: $(CRASH_BINS)
.SECONDARY: $(call obj,$(CRASH_LIB))
crash-short: crash-programs
	@tests/crash/run $(BUILD)/crash $(if $(filter asan,$(MODE)),asan,short)
check-mutants: deps ## take each safety line of tests/mutants away, see which test notices (MUTANT=regex, QUICK=1, JOBS=2, MINUTES=30)
	@$(BUILD_ALL) crash-programs $(BUILD)/sim $(BUILD)/sim-broker $(BUILD)/power $(BUILD)/spate $(UNIT_LIBS)
	@tests/mutants/run $(MODE) $(if $(MUTANT),'$(MUTANT)')
coverage: deps ## lines and branches that units, crashes and simulators reach, a line a room; and what they do not (COVERAGE_ROOMS="log/store net/group")
	@tests/install-deps $(DEB_COV)
	@$(MAKE) --no-print-directory MODE=cov build/cov/tests/coverage/flush.o
	@$(BUILD_ALL) MODE=cov unit-programs crash-programs sim-program build/cov/sim-broker
	@tests/coverage/run build/cov
check-crash: deps ## crash small worlds in every way for TIME seconds (600), SEED=N for another order
	@$(BUILD_ALL) crash-programs
	@TIME=$(if $(filter command\ line,$(origin TIME)),$(TIME),600) SEED=$(SEED) tests/crash/run $(BUILD)/crash long

# Fuzzers: whatever is read from the wire, the disk or people. MODE=fuzz builds with clang's libFuzzer.
FUZZERS  := $(sort $(wildcard tests/fuzz/*.c))
FUZZ_BINS := $(patsubst tests/fuzz/%.c,$(BUILD)/fuzz/%,$(FUZZERS))
FUZZ_LIBS := $(BUILD)/libcli.a $(BUILD)/libload.a $(BUILD)/libnet.a $(BUILD)/liblog.a
$(BUILD)/fuzz/%: tests/fuzz/%.c $(FUZZ_LIBS)
	@mkdir -p $(@D)
	@$(call say,ld,$@)
	$(Q)$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) $(LDFLAGS_ALL) -o $@ $< $(FUZZ_LIBS) $(LIBS)
fuzz-programs: $(FUZZ_BINS)
check-fuzz: deps ## fuzz everything that parses: TIME seconds for each target (60), SEED=N to repeat, FUZZ=NAME for one
	@tests/install-deps $(DEB_FUZZ)
	@$(BUILD_ALL) MODE=fuzz CC=clang-14 fuzz-programs
	@TIME=$(if $(filter command\ line,$(origin TIME)),$(TIME),60) SEED=$(SEED) tests/fuzz/run build/fuzz/fuzz $(FUZZ)

check-clients: deps deps-clients live-programs ## clients from npm and Maven against the broker (downloads them)
	@SPATE_BIN=$(BUILD)/spate LIVE_BIN=$(BUILD)/live tests/clients/run
check-librdkafka: deps deps-clients live-programs ## the whole of librdkafka's own test suites, new and old, against the broker
	@SPATE_BIN=$(BUILD)/spate LIVE_BIN=$(BUILD)/live SUITE=all CLIENT_TIMEOUT=3000 tests/clients/run tests/clients/librdkafka_suite.sh
deps-clients: ## install what check-clients runs on: Node, Java, Maven
	@tests/clients/install-deps

# The storage engine on a simulated disk (tests/sim/README.md).
$(BUILD)/sim: $(OBJ_SIM) $(OBJ_SHRINK) $(BUILD)/libhistory.a $(BUILD)/liblog.a
	@$(call say,ld,$@)
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^ $(LIBS)
sim-program: $(BUILD)/sim
SIM_SHORT_release := 300
SIM_SHORT_asan    := 40
sim-short: sim-program
	@$(BUILD)/sim --seed 1 --count $(SIM_SHORT_$(MODE)) --shrink 20
	@$(BUILD)/sim --seed 4449 --count 1 --shrink 20 | tail -1 # a torn first write is no damage
	@$(BUILD)/sim --seed 400011 --count 1 --shrink 20 | tail -1 # a replay that needs more memory than two journals
	@$(BUILD)/sim --seed 2403 --count 1 --shrink 20 | tail -1 # a stop that waits for room in the journal, and has nothing to file
# The whole broker on a simulated machine, with simulated clients (tests/sim_broker/README.md).
$(OBJ_SIM_BROKER): | $(GEN)/stamp
$(BUILD)/sim-broker: $(OBJ_SIM_BROKER) $(OBJ_SHRINK) $(OBJ_REQUESTS) $(call obj,tests/sim/map_cache.c) $(BUILD)/libnet.a $(BUILD)/libhistory.a $(BUILD)/liblog.a
	@$(call say,ld,$@)
	$(Q)$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -o $@ $^ $(LIBS)
SIM_BROKER_SHORT_release := 10000
SIM_BROKER_SHORT_asan    := 4
sim-broker-short: $(BUILD)/sim-broker
	@$(BUILD)/sim-broker --seed 1 --count $(SIM_BROKER_SHORT_$(MODE)) > $(BUILD)/sim-broker.log || { tail -60 $(BUILD)/sim-broker.log; false; }
	@head -1 $(BUILD)/sim-broker.log
check-sim-broker: deps ## simulate the whole broker with its clients: TIME seconds (60), or COUNT seeds, from SEED (1) on
	@$(BUILD_ALL) $(BUILD)/sim-broker
	@$(BUILD)/sim-broker --seed $(or $(SEED),1) $(if $(COUNT),--count $(COUNT),--time $(if $(filter command\ line,$(origin TIME)),$(TIME),60))

check-sim: deps ## simulate the storage engine: TIME seconds (60) from SEED (1) on, faults and crashes anywhere
	@$(BUILD_ALL) $(BUILD)/sim
	@$(BUILD)/sim --seed $(or $(SEED),1) --time $(if $(filter command\ line,$(origin TIME)),$(TIME),60)

# Power cuts, I/O errors and rot on real file systems, over a FUSE disk that keeps every write (tests/power/README.md).
OBJ_POWER := $(call obj,$(sort $(wildcard tests/power/*.c)))
$(OBJ_POWER): | $(GEN)/stamp
$(BUILD)/power: $(OBJ_POWER) $(OBJ_REQUESTS) $(BUILD)/libnet.a $(BUILD)/libhistory.a $(BUILD)/liblog.a
	@$(call say,ld,$@)
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^ -lfuse3 $(LIBS)
power-short: $(BUILD)/power $(BUILD)/spate
	@tests/power/run $(BUILD)/power $(BUILD)/spate short
check-power: deps ## power cuts on ext4 and XFS for TIME seconds (600) from SEED (1) on: every flush, and what may lie between two
	@$(BUILD_ALL) $(BUILD)/power $(BUILD)/spate
	@TIME=$(if $(filter command\ line,$(origin TIME)),$(TIME),600) SEED=$(SEED) tests/power/run $(BUILD)/power $(BUILD)/spate long

check-kill: deps ## kill -9 KILLS times (2000) under idempotent load, from SEED (1) on; the history checker judges
	@$(BUILD_ALL) $(BUILD)/power $(BUILD)/spate
	@$(BUILD)/power $(BUILD)/spate kills --kills=$(or $(KILLS),2000) --seed=$(or $(SEED),1)

check-rot: deps ## rot in every file of a data directory: half of TIME seconds (600) in small worlds, half in a larger one, from SEED (1) on; then STORIES (100) with real clients
	@$(BUILD_ALL) $(BUILD)/crash/rot_worlds $(BUILD)/unit/log/store/test_rot $(BUILD)/spate
	@$(BUILD)/crash/rot_worlds --seed=$(or $(SEED),1) --jobs=2 --time=$$(($(TIME) / 2))
	@ROT_TIME=$$(($(TIME) / 4)) ROT_SEED=$(or $(SEED),1) $(BUILD)/unit/log/store/test_rot -j1
	@python3 tests/rot/adversary.py $(BUILD)/spate $(or $(SEED),1) $(or $(STORIES),100)

# Every release form of tests/README.md, a piece of each in turn.
check-release: deps ## all of R1 to R10 as before a release, for TIME seconds (3600); STATE=FILE says what is done, and the next run goes on there (ROWS="R3 R10" for some)
	@tests/install-deps $(DEB_FUZZ)
	@$(BUILD_ALL) live-programs crash-programs $(BUILD)/sim-broker $(BUILD)/power
	@$(BUILD_ALL) MODE=fuzz CC=clang-14 fuzz-programs
	@TIME=$(if $(filter command\ line,$(origin TIME)),$(TIME),3600) SEED=$(or $(SEED),1) ROWS="$(ROWS)" tests/run-release $(BUILD) $(or $(STATE),build/release-state)

# The same requests to a Kafka and to Spate (tests/differential/README.md).
SRC_DIFF := $(sort $(wildcard tests/differential/*.c))
OBJ_DIFF := $(call obj,$(SRC_DIFF))
$(OBJ_DIFF): | $(GEN)/stamp
$(BUILD)/differential: $(OBJ_DIFF) $(BUILD)/libnet.a $(BUILD)/liblog.a
	@$(call say,ld,$@)
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^ $(LIBS)
check-differential: deps deps-clients $(BUILD)/spate $(BUILD)/differential ## every API and version against a Kafka 4.3 (DIFF="--api fetch" for one)
	@SPATE_BIN=$(BUILD)/spate DIFFERENTIAL=$(BUILD)/differential tests/differential/run $(DIFF)

# Hostile requests and peers (tests/hostile/README.md): made with the codec of the differential test.
OBJ_HOSTILE := $(call obj,$(sort $(wildcard tests/hostile/*.c)) $(addprefix tests/differential/,bytes_out.c codec.c link.c records.c relaxed.c side.c))
$(OBJ_HOSTILE): | $(GEN)/stamp
$(BUILD)/hostile: $(OBJ_HOSTILE) $(BUILD)/libnet.a $(BUILD)/liblog.a
	@$(call say,ld,$@)
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^ $(LIBS)
check-crowd: live-programs ## CONNECTIONS (10000) that idle, read slowly or write slowly, beside a producer and a consumer; short in `make live`
	@SPATE_BIN=$(BUILD)/spate LIVE_BIN=$(BUILD)/live CONNECTIONS=$(or $(CONNECTIONS),10000) tests/run-live tests/live/crowd.sh
check-hostile: live-programs ## every hostile request and peer against the broker (BROKER=HOST:PORT against a Kafka); short in `make live`
	@SPATE_BIN=$(BUILD)/spate LIVE_BIN=$(BUILD)/live EVERY=1 LIVE_TIMEOUT=1200 tests/run-live tests/live/hostile.sh

# ---- benchmarks --------------------------------------------------------------------------------------
LIMIT_BINS := $(patsubst bench/limits/%.c,$(BUILD)/limits/%,$(LIMITS))
$(BUILD)/limits/l8_boot: bench/limits/l8_boot.c | deps-stamp
	@mkdir -p $(@D)
	@$(call say,ld,$@)
	$(Q)$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) -static $(LDFLAGS_ALL) -o $@ $<
$(BUILD)/limits/%: bench/limits/%.c | deps-stamp
	@mkdir -p $(@D)
	@$(call say,ld,$@)
	$(Q)$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) -MMD -MP -MF $@.d $(LDFLAGS_ALL) -o $@ $< $(LIBS)

$(BUILD)/bench-run: $(OBJ_RUN) $(BUILD)/libload.a $(BUILD)/libnet.a $(BUILD)/liblog.a
	@$(call say,ld,$@)
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^ $(LIBS)

.PHONY: limit-programs bench-peers
limit-programs: $(LIMIT_BINS)
bench: spate $(LIMIT_BINS) $(BUILD)/bench-run ## the broker beside its limit programs, in about five minutes (BENCH="--help" for more)
	@$(BUILD)/bench-run $(BENCH)
DEB_PEERS := default-jdk-headless maven redis-server redis-tools nats-server
$(BUILD)/nats-publish: bench/peers/nats_publish.c $(BUILD)/libload.a $(BUILD)/libnet.a $(BUILD)/liblog.a
	@$(call say,ld,$@)
	$(Q)$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) $(LDFLAGS_ALL) -o $@ $^ $(LIBS)
bench-peers: deps spate $(LIMIT_BINS) $(BUILD)/bench-run $(BUILD)/nats-publish ## Spate beside Kafka, Redis and NATS in one run: the table of ratios (BENCH= as for bench)
	@tests/install-deps $(DEB_PEERS)
	@bench/peers/run $(BENCH)

# ---- dependencies --------------------------------------------------------------------------------
deps: ## install the Debian packages that building and testing need
	@tests/install-deps $(DEB_BUILD) $(DEB_TEST)
deps-stamp:
	@mkdir -p build
.PHONY: check-release check-crowd check-hostile coverage check-rot check-power check-kill power-short spate run bench unit unit-programs crash-programs crash-short sim-program sim-short sim-broker-short check-crash live live-programs test asan soak soak-groups check-clients check-librdkafka check-differential deps deps-clients deps-stamp clean help fuzz-programs check-fuzz check-sim check-sim-broker check-mutants

clean: ## remove all that was built
	rm -rf build spate

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

-include $(OBJ_LOG:.o=.d) $(OBJ_NET:.o=.d) $(OBJ_LOAD:.o=.d) $(OBJ_CLI:.o=.d) $(OBJ_RUN:.o=.d) $(OBJ_DIFF:.o=.d) $(OBJ_HOSTILE:.o=.d) $(OBJ_HISTORY:.o=.d) $(OBJ_SIM:.o=.d) $(OBJ_SIM_BROKER:.o=.d) $(OBJ_SHRINK:.o=.d) $(OBJ_REQUESTS:.o=.d) $(OBJ_POWER:.o=.d) $(UNIT_BINS:=.d) $(LIMIT_BINS:=.d) $(patsubst %.o,%.d,$(call obj,$(CRASH_LIB))) $(CRASH_BINS:=.d)
