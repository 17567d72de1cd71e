# Checks. A test program is found by its name:
#
#   t/unit/test_*.c   TAP, linked with the rooms below httpd, run under ASan and
#                     UBSan. One line comments may say more:
#                       wsp-test-flags: ...  more words for compiler and linker
#                       wsp-test-tsan        run it under TSan as well
#   t/fuzz/fuzz_*.c   libFuzzer targets; t/fuzz/corpus/NAME/ is replayed by
#                     `make test`, and grows by hand, not by `make fuzz`
#   t/*.t             Apache::Test suites, t/foreign/*.t other people's clients
#
# See docs/testing.md.

UNIT_TESTS := $(sort $(wildcard t/unit/test_*.c))
TSAN_TESTS := $(if $(UNIT_TESTS),$(sort $(shell grep -l 'wsp-test-tsan' \
  $(UNIT_TESTS))))
FUZZ_TESTS := $(sort $(wildcard t/fuzz/fuzz_*.c))
UNIT_PROGRAMS   := $(UNIT_TESTS:%.c=$(OUT)/%)
TSAN_PROGRAMS   := $(TSAN_TESTS:%.c=$(OUT)/%)
FUZZ_PROGRAMS   := $(FUZZ_TESTS:%.c=$(OUT)/%)
REPLAY_PROGRAMS := $(FUZZ_TESTS:t/fuzz/fuzz_%.c=$(OUT)/t/fuzz/replay_%)

# build-test,SOURCES: compile and link a test program with the rooms
build-test = mkdir -p $(@D) && echo "  test  $@" && $(COMPILER) $(CFLAGS_ALL) \
  $(APR_FLAGS) -It/unit -It/fuzz -MMD -MP -MF $@.d -MT $@ $(1) \
  $$(sed -n 's|.*/\* wsp-test-flags: \(.*\) \*/.*|\1|p' $<) \
  $(OUT)/librooms.a $(LINK_$(FLAVOUR)) $(LDFLAGS) $(APR_LIBS) -o $@

$(OUT)/t/unit/%: t/unit/%.c $(OUT)/librooms.a $(FLAGS_STAMP)
	@$(call build-test,$<)
$(OUT)/t/fuzz/fuzz_%: t/fuzz/fuzz_%.c $(OUT)/librooms.a $(FLAGS_STAMP)
	@$(call build-test,$<)
$(OUT)/t/fuzz/replay_%: t/fuzz/fuzz_%.c t/fuzz/replay_main.c \
  $(OUT)/librooms.a $(FLAGS_STAMP)
	@$(call build-test,$< t/fuzz/replay_main.c)

-include $(UNIT_PROGRAMS:=.d) $(FUZZ_PROGRAMS:=.d) $(REPLAY_PROGRAMS:=.d)

# Steps that scripts/test calls with one FLAVOUR each. Built first, whole;
# running is a step of its own.
.PHONY: test-programs unit-run replay-run
test-programs: module $(if $(filter tsan,$(FLAVOUR)),$(TSAN_PROGRAMS),\
  $(UNIT_PROGRAMS) $(REPLAY_PROGRAMS))
unit-run:
	@scripts/tap --flavour $(FLAVOUR) $(if $(filter tsan,$(FLAVOUR)),\
	  $(TSAN_PROGRAMS),$(UNIT_PROGRAMS))
replay-run:
	@scripts/tap --flavour $(FLAVOUR) $(REPLAY_PROGRAMS)

# --- targets for people ---------------------------------------------------
SUB = @$(MAKE) --no-print-directory

.PHONY: test unit apache asan tsan fuzz lint rooms-check docs-check
test:
	@scripts/setup test
	@scripts/test $(PARTS)

unit: setup
	$(SUB) FLAVOUR=asan test-programs
	$(SUB) FLAVOUR=asan unit-run
	$(if $(TSAN_TESTS),$(SUB) FLAVOUR=tsan test-programs)
	$(if $(TSAN_TESTS),$(SUB) FLAVOUR=tsan unit-run)

apache asan tsan: FLAVOUR_apache := plain
apache asan tsan:
	@scripts/setup test
	$(SUB) bench-tools
	$(SUB) FLAVOUR=$(or $(FLAVOUR_$@),$@) module
	@scripts/apache-suite --mpm $(MPM) --flavour $(or $(FLAVOUR_$@),$@) $(TESTS)

fuzz:
	@scripts/setup test
	$(SUB) FLAVOUR=fuzz fuzz-programs
	@scripts/fuzz $(FUZZ_SECONDS) build/fuzz
.PHONY: fuzz-programs
fuzz-programs: $(FUZZ_PROGRAMS)

lint:
	@scripts/setup lint
	@CC="$(CC)" LANGUAGE="$(LANGUAGE) -Isrc -Iinclude" \
	  APR_FLAGS="$(APR_FLAGS)" HTTPD_FLAGS="$(HTTPD_FLAGS)" scripts/lint

rooms-check: setup
	@CC="$(CC)" LANGUAGE="$(LANGUAGE) -Isrc -Iinclude" \
	  APR_FLAGS="$(APR_FLAGS)" HTTPD_INCLUDES="$(INCLUDEDIR)" \
	  scripts/check-rooms

docs-check:
	@scripts/check-docs build/mod_wspush.so
