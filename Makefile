# Tandem. `make help` says what there is.
#
#   make demo      everything from nothing: set-up, private servers, layers, events, answers, audit
#   make test      everything from nothing: set-up, then all tests      (SANITIZE=1: under ASan and UBSan; CC=clang)

CC       ?= gcc
ifeq ($(origin CC),default)
CC       := gcc
endif
SANITIZE ?= 0
flavour  := $(if $(filter 1,$(SANITIZE)),sanitize,release)-$(notdir $(CC))
# The default flavour's programs are build/bin; every other flavour has a folder of its own.
out      := build/$(flavour)
bin      := $(if $(filter release-gcc,$(flavour)),build/bin,$(out)/bin)

comma    := ,
# Commands are shown short; V=1 shows them whole.
quiet    := $(if $(filter 1,$(V)),,@)
warnings := -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Werror
optimise := $(if $(filter 1,$(SANITIZE)),-O1 -fno-omit-frame-pointer -fsanitize=address$(comma)undefined -fno-sanitize-recover=all,-O2 -fstack-protector-strong)
CFLAGS   := -std=c17 -g $(optimise) $(warnings) -D_FORTIFY_SOURCE=$(if $(filter 1,$(SANITIZE)),0,2) -pthread -MMD -MP -I. -I$(out)
# PostgreSQL's headers are outside the compiler's own search path.
CPPFLAGS += $(shell pkg-config --cflags libpq 2>/dev/null)
LDFLAGS  += $(if $(filter 1,$(SANITIZE)),-fsanitize=address$(comma)undefined) -pthread

libs_speed := -lrdkafka -lhiredis -lpq
libs_batch := -lrdkafka -lhiredis -lpq
libs_serve := -levent -levent_pthreads -lrdkafka -lhiredis -lpq -ljansson -lm
libs_feed  := -lrdkafka -lpq -lcurl -llzma -lm

programs := tandem-speed tandem-batch tandem-serve tandem-feed

objects   = $(patsubst %.c,$(out)/%.o,$(wildcard $(1)/*.c))
views    := $(out)/libviews.a
common   := $(out)/libcommon.a
handover := $(out)/libhandover.a
shared   := $(handover) $(common) $(views)

.PHONY: all
all: $(addprefix $(bin)/,$(programs))

# A layer is its main.o and a library of all the rest, so that tests can link what they test.
layers   := speed-layer batch-layer serving-layer tools
layer_libraries := $(patsubst %,$(out)/lib%.a,$(layers))
$(foreach l,$(layers),$(eval $(out)/lib$(l).a: $(filter-out %/main.o,$(call objects,$(l)))))

$(bin)/tandem-speed: $(out)/speed-layer/main.o $(out)/libspeed-layer.a $(shared)
$(bin)/tandem-batch: $(out)/batch-layer/main.o $(out)/libbatch-layer.a $(shared)
$(bin)/tandem-serve: $(out)/serving-layer/main.o $(out)/libserving-layer.a $(shared)
$(bin)/tandem-feed:  $(out)/tools/main.o $(out)/libtools.a $(shared)
$(bin)/tandem-speed: libs := $(libs_speed)
$(bin)/tandem-batch: libs := $(libs_batch)
$(bin)/tandem-serve: libs := $(libs_serve)
$(bin)/tandem-feed:  libs := $(libs_feed)
$(addprefix $(bin)/,$(programs)):
	@mkdir -p $(@D)
	$(if $(quiet),@echo "  LD  $@")
	$(quiet)$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) $(filter %.a,$^) $(libs)

$(views): $(call objects,views)
$(common): $(call objects,common)
$(handover): $(call objects,handover)
$(out)/lib%.a:
	@mkdir -p $(@D)
	@rm -f $@
	$(quiet)ar rcs $@ $^

$(out)/%.o: %.c
	@mkdir -p $(@D)
	$(if $(quiet),@echo "  CC  $<")
	$(quiet)$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

# Text that is built into a program: x.lua and x.sql become x.lua.inc and x.sql.inc, the bytes of a C array.
$(out)/%.inc: %
	@mkdir -p $(@D)
	$(quiet)od -An -v -tx1 $< | sed 's/ \([0-9a-f][0-9a-f]\)/0x\1,/g' >$@
$(out)/handover/speed_view.o: $(out)/handover/tandem.lua.inc
$(out)/batch-layer/schema.o: $(patsubst %,$(out)/%.inc,$(wildcard batch-layer/schema/*.sql))

-include $(wildcard $(out)/*/*.d $(out)/*/*/*.d)

# Tests: each tests/<kind>/test_<name>.c is a program of its own; other .c files beside it are linked into all of that kind.
test_programs = $(patsubst %.c,$(out)/%,$(wildcard tests/$(1)/test_*.c))
test_objects  = $(patsubst %.c,$(out)/%.o,$(filter-out $(wildcard tests/$(1)/test_*.c),$(wildcard tests/$(1)/*.c)))
libs_tests := -lcmocka -lcurl $(libs_serve) -llzma
.SECONDARY:
.SECONDEXPANSION:
$(out)/tests/%: $(out)/tests/%.o $$(call test_objects,$$(firstword $$(subst /, ,$$*))) $(layer_libraries) $(shared)
	$(if $(quiet),@echo "  LD  $@")
	$(quiet)$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) $(filter %.a,$^) $(libs_tests)

# The slow decoder is held against the fast one by a unit test and by the fuzzer.
slow_decoder := $(patsubst %,tests/fuzz/%.c,compare_decoders slow_decoder slow_json)
$(out)/tests/unit/test_event_against_slow: $(slow_decoder:%.c=$(out)/%.o)

# ---- set-up, the private deployment ----

.PHONY: setup setup-dev up down status demo
setup:
	@deploy/local/setup
setup-dev:
	@deploy/local/setup --dev
up: setup
	@$(MAKE) --no-print-directory all
	@deploy/local/layers up
down status:
	@deploy/local/layers $@
demo: setup
	@$(MAKE) --no-print-directory all
	@deploy/local/demo $(DATA)

# ---- tests ----

# The build below is a make of its own, because pkg-config and the libraries are there only after set-up.
.PHONY: test test-all test-unit test-laws test-integration
test: setup-dev
	@tests/run CC=$(CC) SANITIZE=$(SANITIZE)

# One kind of tests (set-up must have run): make test-unit, test-laws, test-integration.
test-unit test-laws: test-%: $$(call test_programs,$$*)
	@tests/run-programs $^
test-integration: $$(call test_programs,integration) $(addprefix $(bin)/,$(programs))
	@TANDEM_BIN=$(bin) tests/run-programs $(filter $(out)/tests/%,$^)
test-programs: $(foreach kind,unit laws integration,$$(call test_programs,$(kind)))

# A whole Tandem under load, KILLS kills at random from SEED, and a verdict. It starts and removes servers of its own.
.PHONY: chaos
KILLS ?= 30
chaos: setup-dev
	@$(MAKE) --no-print-directory all
	@TANDEM_BIN=$(bin) tests/chaos/run --kills $(KILLS) $(if $(SEED),--seed $(SEED)) $(CHAOS)

# Views that are wrong in one place each: do the laws and the examples notice?
.PHONY: mutants
mutants:
	@tests/laws/mutants

# libFuzzer for FUZZ_SECONDS over the strict decoder; what it learns and finds stays in build/fuzz.
.PHONY: fuzz
FUZZ_SECONDS ?= 60
fuzz: build/fuzz/fuzz_event
	@mkdir -p build/fuzz/corpus
	build/fuzz/fuzz_event -max_total_time=$(FUZZ_SECONDS) -max_len=2048 -dict=tests/fuzz/event.dict -artifact_prefix=build/fuzz/ build/fuzz/corpus tests/fuzz/seeds
build/fuzz/fuzz_event: tests/fuzz/fuzz_event.c $(slow_decoder) $(wildcard tests/fuzz/*.h views/*.[ch]) common/mem.c
	@mkdir -p $(@D)
	clang -std=c17 -g -O1 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined $(warnings) -I. -o $@ $(filter %.c,$^)

# ---- checks of the text, figures ----

.PHONY: lint lint-format lint-tidy pure bench
sources = $(wildcard views/*.[ch] common/*.[ch] handover/*.[ch] *-layer/*.[ch] tools/*.[ch] tests/*/*.[ch])
lint: lint-format lint-tidy pure all
	@for check in $(filter-out %/pure %/tidy,$(wildcard tests/lint/*)); do $$check || exit 1; done
	@shellcheck $(shell grep -rlE '^#!/usr/bin/env bash' deploy tests .ci)
	@echo "lint: clean"
lint-format:
	@clang-format --dry-run -Werror $(sources)
lint-tidy: $(addprefix $(out)/,$(addsuffix .inc,handover/tandem.lua $(wildcard batch-layer/schema/*.sql)))
	@tests/lint/tidy "$(CPPFLAGS) -std=c17 -I. -I$(out)" $(filter %.c,$(sources))
pure: $(views)
	@tests/lint/pure $<

bench: setup-dev
	@$(MAKE) --no-print-directory all bench-programs
	@tests/bench/run
.PHONY: bench-programs
bench-programs: $(patsubst %.c,$(out)/%,$(wildcard tests/bench/bench_*.c))
$(out)/tests/bench/%: $(out)/tests/bench/%.o $(layer_libraries) $(shared)
	$(if $(quiet),@echo "  LD  $@")
	$(quiet)$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) $(filter %.a,$^) $(libs_tests)

.PHONY: clean help
clean:
	rm -rf build/bin build/release-* build/sanitize-*

help:
	@echo "make demo [DATA=file]   set-up, private servers, layers, events, answers, audit"
	@echo "make up | down | status the private deployment (folder .local)"
	@echo "make test               set-up, lint, all tests   [SANITIZE=1] [CC=clang]"
	@echo "make test-unit | test-laws | test-integration | lint | pure"
	@echo "make chaos KILLS=n      kills at random under load, then a verdict: exact?   [SEED=n]"
	@echo "make mutants            do the laws notice a wrong view? (a minute)"
	@echo "make fuzz               the decoder against a slow one, for FUZZ_SECONDS (60)"
	@echo "make bench              figures with their limits"
	@echo "make all | clean        programs into build/bin"
