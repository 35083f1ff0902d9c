# Tandem. `make help` says what there is.
#
#   make demo      everything from nothing: set-up, private servers, layers, events, answers, audit
#   make test      everything from nothing: set-up, then all tests      (SANITIZE=1: under ASan and UBSan; CC=clang)

CC       ?= gcc
ifeq ($(origin CC),default)
CC       := gcc
endif
SANITIZE ?= 0
# SANITIZE=fuzz is for make fuzz: the sanitizers of 1 and what libFuzzer looks at.
flavour  := $(or $(filter fuzz,$(SANITIZE)),$(if $(filter 1,$(SANITIZE)),sanitize,release))-$(notdir $(CC))
# The default flavour's programs are build/bin; every other flavour has a folder of its own.
out      := build/$(flavour)
bin      := $(if $(filter release-gcc,$(flavour)),build/bin,$(out)/bin)

comma    := ,
# Commands are shown short; V=1 shows them whole.
quiet    := $(if $(filter 1,$(V)),,@)
warnings := -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Werror
sanitize := $(if $(filter-out 0,$(SANITIZE)),-fsanitize=$(if $(filter fuzz,$(SANITIZE)),fuzzer-no-link$(comma))address$(comma)undefined)
optimise := $(if $(sanitize),-O1 -fno-omit-frame-pointer $(sanitize) -fno-sanitize-recover=all,-O2 -fstack-protector-strong)
CFLAGS   := -std=c17 -g $(optimise) $(warnings) -D_FORTIFY_SOURCE=$(if $(sanitize),0,2) -pthread -MMD -MP -I. -I$(out) $(EXTRA_CFLAGS)
# EXTRA_CFLAGS: what a packager adds. PostgreSQL's headers are outside the compiler's own search path.
CPPFLAGS += $(shell pkg-config --cflags libpq 2>/dev/null)
LDFLAGS  += $(sanitize) -pthread

libs_speed := -lrdkafka -lhiredis -lpq -levent
libs_batch := -lrdkafka -lhiredis -lpq -levent -lm
libs_serve := -levent -levent_pthreads -lrdkafka -lhiredis -lpq -ljansson -lsodium -lz -lm
libs_feed  := -lrdkafka -lpq -lcurl -llzma -lz -lm

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
$(out)/serving-layer/openapi.o: $(patsubst %,$(out)/%.inc,$(wildcard serving-layer/openapi/*.json))
$(out)/batch-layer/schema.o: $(patsubst %,$(out)/%.inc,$(wildcard batch-layer/schema/*.sql))

# The pages, bundled by node into one table that every flavour shares. What npm brings is asked for only when the lock file changes.
web := build/web/static_files.inc
define npm_ci
	@command -v node npm >/dev/null || { echo "node and npm are missing: make setup" >&2; exit 1; }
	@mkdir -p $(@D)
	$(if $(quiet),@echo "  NPM $(@D)")
	$(quiet)cp $^ $(@D) && cd $(@D) && npm ci --ignore-scripts --loglevel=error >/dev/null
	@touch $@
endef
build/web/npm.done: $(addprefix serving-layer/web/,package.json package-lock.json .npmrc)
	$(npm_ci)
$(web): build/web/npm.done $(shell find serving-layer/web)
	$(if $(quiet),@echo "  WEB $@")
	$(quiet)node serving-layer/web/build.mjs build/web
$(out)/serving-layer/static_files.o: $(web)

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

# The simulation starts its servers as the integration tests do, and does not wait where the layers' own code does.
$(out)/tests/simulation/test_simulation: LDFLAGS += -Wl,--wrap=poll
$(out)/tests/simulation/test_simulation: $(patsubst %,$(out)/tests/integration/%.o,deployment redis_server redis_state)

# The release before a view was added, for the test that adds it beside live traffic: the same programs without its row.
older := $(addprefix $(bin)/older/,tandem-speed tandem-batch tandem-serve)
$(out)/older/catalogue.c: views/catalogue.c
	@mkdir -p $(@D)
	$(quiet)sed '/^    {"popular_country"/,/},$$/d' $< >$@
$(out)/older/catalogue.o: $(out)/older/catalogue.c
	$(quiet)$(CC) $(CPPFLAGS) $(CFLAGS) -Wno-unused-function -c -o $@ $<
$(bin)/older/tandem-speed: libs := $(libs_speed)
$(bin)/older/tandem-batch: libs := $(libs_batch)
$(bin)/older/tandem-serve: libs := $(libs_serve)
$(older): $(bin)/older/tandem-%: $(out)/older/catalogue.o $(layer_libraries) $(shared) $(addprefix $(bin)/,$(programs))
	@mkdir -p $(@D)
	$(if $(quiet),@echo "  LD  $@")
	$(quiet)$(CC) $(LDFLAGS) -o $@ $(patsubst serve,$(out)/serving-layer/main.o,$(filter serve,$*))$(patsubst %,$(out)/%-layer/main.o,$(filter speed batch,$*)) $< $(layer_libraries) $(shared) $(libs)
$(out)/tests/integration/test_new_view: $(older)
# The nightly scheduler's tests set its wall clock.
$(out)/tests/integration/test_nightly: LDFLAGS += -Wl,--wrap=clock_unix_ms

# A server that says what it is told to.
$(out)/tests/unit/test_redis_replies: $(patsubst %,$(out)/tests/fuzz/%.o,canned_redis harness)

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

# ---- packages ----

# Manual pages and completions, from what the programs print for --help.
.PHONY: manual install uninstall deb
manual: build/man/made
build/man/made: $(addprefix $(bin)/,$(programs)) $(addprefix deploy/package/,program_help.py manual completions)
	$(if $(quiet),@echo "  MAN build/man build/completions")
	$(quiet)deploy/package/manual $(bin) build/man
	$(quiet)deploy/package/completions $(bin) build/completions
	@touch $@
PREFIX   ?= /usr/local
install: all manual
	@TANDEM_BIN=$(bin) DESTDIR=$(DESTDIR) PREFIX=$(PREFIX) deploy/package/install put
uninstall: manual
	@TANDEM_BIN=$(bin) DESTDIR=$(DESTDIR) PREFIX=$(PREFIX) deploy/package/install remove
deb: $(web)
	@deploy/package/deb

# ---- tests ----

# The build below is a make of its own, because pkg-config and the libraries are there only after set-up.
.PHONY: test test-all test-unit test-laws test-integration
test: setup-dev
	@tests/run CC=$(CC) SANITIZE=$(SANITIZE)

# One kind of tests (set-up must have run): make test-unit, test-laws, test-integration.
test-unit test-laws: test-%: $$(call test_programs,$$*)
	@tests/run-programs $^
test-integration test-simulation: test-%: $$(call test_programs,$$*) $(addprefix $(bin)/,$(programs))
	@$(if $(filter test-simulation,$@),TMPDIR=$${TMPDIR:-/dev/shm}) TANDEM_BIN=$(bin) tests/run-programs $(filter $(out)/tests/%,$^)
# tracker.js as it is in the repository, in pages that node plays.
.PHONY: test-tracker
test-tracker:
	@tests/run-node $(wildcard tests/tracker/test_*.mjs)
# The pages in a real Chromium, with a private deployment behind them; pictures of them for docs/.
.PHONY: test-browser screenshots
test-browser: build/browser/npm.done $(addprefix $(bin)/,$(programs))
	@TANDEM_BIN=$(bin) tests/browser/run $(TEST)
screenshots: build/browser/npm.done $(addprefix $(bin)/,$(programs))
	@TANDEM_BIN=$(bin) EVENTS=3000 HOURS=40 tests/browser/with-deployment node tests/browser/screenshots.mjs docs/screenshots
	@TANDEM_BIN=$(bin) EVENTS=3000 HOURS=40 tests/browser/with-deployment node tests/browser/screenshots_shop.mjs docs/screenshots
build/browser/npm.done: $(addprefix tests/browser/,package.json package-lock.json .npmrc)
	$(npm_ci)
# Random schedules, many of them; does the simulation notice a broken hand-over?
.PHONY: soak simulation-mutants
SCHEDULES ?= 10000
soak: $(out)/tests/simulation/test_simulation
	@tests/simulation/soak $< $(SCHEDULES) $(JOBS)
simulation-mutants:
	@tests/simulation/mutants

# The API against its OpenAPI document, by schemathesis and others, and docs/api.md's examples; SEED=n, EXAMPLES=n.
.PHONY: test-api
test-api: all
	@TANDEM_BIN=$(bin) $(if $(SEED),SEED=$(SEED)) $(if $(EXAMPLES),EXAMPLES=$(EXAMPLES)) tests/api/run

# What is installed: manual pages, completions, units, cron; the Debian package itself, installed and started by a systemd.
.PHONY: test-package test-deb
test-package: all manual
	@TANDEM_BIN=$(bin) tests/package/run $(TEST)
test-deb: deb
	@TANDEM_BIN=$(bin) tests/deb/run
# The DAG in the real Airflow (300 MB from PyPI, once), beside a private deployment.
.PHONY: test-airflow
test-airflow: all
	@TANDEM_BIN=$(bin) tests/airflow/run
# deploy/kubernetes and docker-compose.yml without a cluster or an engine: schemas, rules, commands.
.PHONY: test-manifests
test-manifests: all
	@TANDEM_BIN=$(bin) tests/manifests/run
# Each alert brought about on a deployment of its own; the commands of docs/runbook.md are run.
.PHONY: test-runbook
test-runbook: all
	@tests/runbook/run $(ALERT)
# The batch view once more in SQL, by Postgres and by DuckDB: the same counters over a small history; and how long each takes over UCI_EVENTS.
.PHONY: test-sql bench-sql
UCI_EVENTS ?= 5000000
test-sql: all
	@TANDEM_BIN=$(bin) tests/sql/start
bench-sql: setup-dev
	@$(MAKE) --no-print-directory all
	@tests/sql/start --uci "$(or $(DATA),$(error DATA=online-retail.csv.xz must be given))" --events $(UCI_EVENTS)
# docker-compose.yml on a real engine; where none can be had it says so.
.PHONY: test-compose
test-compose:
	@tests/compose/run

test-programs: $(foreach kind,unit laws integration simulation,$$(call test_programs,$(kind)))

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

# libFuzzer (clang) over what is read from outside, each tests/fuzz/fuzz_<target>.c for SECONDS, two at a time; TARGET=name
# for one. What they learn and find stays in build/fuzz.
.PHONY: fuzz fuzz-programs
SECONDS      ?= 60
fuzz_targets := $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
TARGET       ?= $(fuzz_targets)
fuzz:
	@$(MAKE) --no-print-directory -j2 CC=clang SANITIZE=fuzz fuzz-programs
	@tests/fuzz/run $(SECONDS) $(TARGET)
fuzz-programs: $(TARGET:%=$(out)/tests/fuzz/fuzz_%)
# A library before those of the layers, so that what it has in place of the outside world is taken.
$(out)/libfuzz.a: $(patsubst %.c,$(out)/%.o,$(filter-out tests/fuzz/fuzz_%,$(wildcard tests/fuzz/*.c)))
$(out)/tests/fuzz/fuzz_%: $(out)/tests/fuzz/fuzz_%.o $(out)/libfuzz.a $(layer_libraries) $(shared)
	$(if $(quiet),@echo "  LD  $@")
	$(quiet)$(CC) $(LDFLAGS) -fsanitize=fuzzer -o $@ $(filter %.o,$^) $(filter %.a,$^) $(libs_tests)

# ---- checks of the text, figures ----

.PHONY: lint lint-format lint-tidy pure bench
sources = $(wildcard views/*.[ch] common/*.[ch] handover/*.[ch] *-layer/*.[ch] tools/*.[ch] tests/*/*.[ch])
lint: lint-format lint-tidy pure all
	@for check in $(filter-out %/pure %/tidy,$(wildcard tests/lint/*)); do $$check || exit 1; done
	@shellcheck $(shell grep -rlE '^#!/usr/bin/env bash' deploy tests .ci)
	@echo "lint: clean"
lint-format:
	@clang-format --dry-run -Werror $(sources)
lint-tidy: $(web) $(addprefix $(out)/,$(addsuffix .inc,handover/tandem.lua $(wildcard batch-layer/schema/*.sql serving-layer/openapi/*.json)))
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
	rm -rf build/bin build/web/static_files.inc build/release-* build/sanitize-* build/fuzz-* build/man build/completions build/deb

help:
	@echo "make demo [DATA=file]   set-up, private servers, layers, events, answers, audit"
	@echo "make up | down | status the private deployment (folder .local)"
	@echo "make test               set-up, lint, all tests   [SANITIZE=1] [CC=clang]"
	@echo "make test-unit | test-laws | test-integration | test-tracker | test-browser | lint | pure"
	@echo "make test-api           the API against its OpenAPI document, and the docs' examples   [SEED=n]"
	@echo "make test-package       what is installed: manual pages, completions, systemd, cron"
	@echo "make test-deb           the Debian package: lintian, then installed, run, upgraded, purged (as root)"
	@echo "make test-airflow       the nightly DAG in the real Airflow"
	@echo "make install | uninstall [DESTDIR=] [PREFIX=/usr/local]"
	@echo "make deb                a Debian package into build/deb"
	@echo "make test-manifests     Kubernetes and compose files against schemas and programs"
	@echo "make test-runbook       every alert brought about, its commands run     (ALERT=TandemKafkaAway)"
	@echo "make test-sql           the batch view against the same views in SQL (Postgres, DuckDB)"
	@echo "make test-compose       docker-compose.yml on a Docker engine, every container killed"
	@echo "make screenshots        pictures of the console's pages into docs/screenshots"
	@echo "make chaos KILLS=n      kills at random under load, then a verdict: exact?   [SEED=n]"
	@echo "make soak [SCHEDULES=10000]   random schedules of the real layers, step by step"
	@echo "make simulation-mutants is a broken hand-over noticed by them? (half an hour)"
	@echo "make mutants            do the laws notice a wrong view? (a minute)"
	@echo "make fuzz [SECONDS=60] [TARGET=name]  libFuzzer over what is read from outside"
	@echo "make bench              figures with their limits"
	@echo "make all | clean        programs into build/bin"
