# Compile rules: one set of objects per flavour, strict flags always errors.
#
#   plain   gcc, optimised: what is installed
#   clang   clang, optimised: a second opinion on warnings
#   asan    gcc with AddressSanitizer and UndefinedBehaviorSanitizer
#   tsan    gcc with ThreadSanitizer
#   fuzz    clang with coverage for libFuzzer, ASan and UBSan
#
# Only src/httpd and mod_wspush.c see httpd's headers. So a forbidden include in
# a room below does not compile, wherever httpd has a folder of its own.

ifeq ($(origin CC),default)
CC := gcc
endif
OUT := build/$(FLAVOUR)

STRICT := -Wall -Wextra -Wpedantic -Werror -Wshadow -Wconversion \
  -Wsign-conversion -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith \
  -Wwrite-strings -Wvla -Wundef -Wformat=2 -Wswitch-enum
LANGUAGE := -std=gnu11 -D_GNU_SOURCE -fPIC -pthread
TRACEABLE := -fno-omit-frame-pointer -fno-sanitize-recover=all
# gcc guesses wrongly at these in code that its sanitizers have changed; the
# plain flavour has them.
GUESSES   := -Wno-format-overflow -Wno-maybe-uninitialized

FLAGS_plain := -O2 -g -fstack-protector-strong -D_FORTIFY_SOURCE=2
FLAGS_clang := -O2 -g -Wthread-safety -Wdocumentation
FLAGS_asan  := -O1 -g $(TRACEABLE) $(GUESSES) -fsanitize=address,undefined
FLAGS_tsan  := -O1 -g $(TRACEABLE) $(GUESSES) -fsanitize=thread
FLAGS_fuzz  := -O1 -g $(TRACEABLE) \
  -fsanitize=fuzzer-no-link,address,undefined
LINK_asan   := -fsanitize=address,undefined
LINK_tsan   := -fsanitize=thread
LINK_fuzz   := -fsanitize=fuzzer,address,undefined
ifneq ($(filter clang fuzz,$(FLAVOUR)),)
COMPILER := $(or $(CLANG),clang)
else
COMPILER := $(CC)
endif
ifeq ($(FLAGS_$(FLAVOUR)),)
$(error FLAVOUR=$(FLAVOUR) is none of plain, clang, asan, tsan, fuzz)
endif

CFLAGS_ALL = $(LANGUAGE) $(STRICT) $(FLAGS_$(FLAVOUR)) $(CFLAGS) -Isrc -Iinclude
APR_FLAGS = $(shell $(APR_CONFIG) --cppflags) -isystem $(APR_INCLUDEDIR) \
  -isystem $(APU_INCLUDEDIR)
HTTPD_FLAGS = $(APR_FLAGS) -isystem $(INCLUDEDIR)
APR_LIBS = $(shell $(APU_CONFIG) --link-ld --libs) \
  $(shell $(APR_CONFIG) --link-ld --libs)

# room-flags,SOURCE: the include path of the room that SOURCE lies in
room-flags = $(if $(filter src/httpd/% \
  mod_wspush.c,$(1)),$(HTTPD_FLAGS),$(APR_FLAGS))

ROOM_SOURCES := $(sort $(wildcard src/protocol/*.c src/registry/*.c \
  src/io/*.c))
HTTPD_SOURCES := $(sort $(wildcard src/httpd/*.c)) mod_wspush.c
ROOM_OBJECTS := $(ROOM_SOURCES:%.c=$(OUT)/%.o)
OBJECTS := $(ROOM_OBJECTS) $(HTTPD_SOURCES:%.c=$(OUT)/%.o)

# A change of flags or compiler rebuilds the flavour: the stamp changes.
FLAGS_STAMP := $(OUT)/flags
.PHONY: flags
$(FLAGS_STAMP): flags | setup
	$(if $(LIBEXECDIR),,$(error APXS=$(APXS) does not answer))
	@mkdir -p $(@D)
	@printf '%s\n' '$(COMPILER) $(CFLAGS_ALL) $(HTTPD_FLAGS)' > $@.new
	@if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@; fi

$(OUT)/%.o: %.c $(FLAGS_STAMP)
	@mkdir -p $(@D)
	@echo "  cc    $@"
	@$(COMPILER) $(CFLAGS_ALL) $(call room-flags,$<) -MMD -MP -c $< -o $@

$(OUT)/mod_wspush.so: $(OBJECTS) mk/exports.map
	@echo "  link  $@"
	@$(COMPILER) -shared -pthread $(LINK_$(FLAVOUR)) $(LDFLAGS) \
	  -Wl,--as-needed -Wl,-z,relro -Wl,-z,now \
	  -Wl,--version-script=mk/exports.map $(OBJECTS) -o $@

# The rooms below httpd, for test programs that have no httpd around them.
$(OUT)/librooms.a: $(ROOM_OBJECTS)
	@rm -f $@
	@$(AR) rcs $@ $^

.PHONY: module rooms
module: $(OUT)/mod_wspush.so
rooms: $(OUT)/librooms.a

-include $(OBJECTS:.o=.d)
