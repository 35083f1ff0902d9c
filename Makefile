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
	$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) $(filter %.a,$^) $(libs)

$(views): $(call objects,views)
$(common): $(call objects,common)
$(handover): $(call objects,handover)
$(out)/lib%.a:
	@mkdir -p $(@D)
	@rm -f $@
	ar rcs $@ $^

$(out)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

# Text that is built into a program: x.lua and x.sql become x.lua.inc and x.sql.inc, the bytes of a C array.
$(out)/%.inc: %
	@mkdir -p $(@D)
	od -An -v -tx1 $< | sed 's/ \([0-9a-f][0-9a-f]\)/0x\1,/g' >$@
$(out)/handover/speed_view.o: $(out)/handover/tandem.lua.inc
$(out)/batch-layer/schema.o: $(patsubst %,$(out)/%.inc,$(wildcard batch-layer/schema/*.sql))

-include $(wildcard $(out)/*/*.d $(out)/*/*/*.d)

# Tests: each tests/<kind>/test_<name>.c is a program of its own; other .c files beside it are linked into all of that kind.
test_programs = $(patsubst %.c,$(out)/%,$(wildcard tests/$(1)/test_*.c))
test_objects  = $(patsubst %.c,$(out)/%.o,$(filter-out $(wildcard tests/$(1)/test_*.c),$(wildcard tests/$(1)/*.c)))
libs_tests := -lcmocka -lcurl $(libs_serve) -llzma
.SECONDEXPANSION:
$(out)/tests/%: $(out)/tests/%.o $$(call test_objects,$$(firstword $$(subst /, ,$$*))) $(layer_libraries) $(shared)
	$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) $(filter %.a,$^) $(libs_tests)

# One kind of tests: make test-unit, make test-laws, make test-integration (set-up must have run).
.PHONY: test-unit test-laws
test-unit test-laws: test-%: $$(call test_programs,$$*)
	@for t in $^; do echo "== $$t"; $$t || exit 1; done

.PHONY: clean
clean:
	rm -rf build/bin build/release-* build/sanitize-*
