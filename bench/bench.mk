# Load and verification tools, see bench/README.md. Included by the Makefile;
# also works on its own: make -f bench/bench.mk bench-tools

BENCH_CC     ?= $(if $(filter default undefined,$(origin CC)),gcc,$(CC))
BENCH_OUT    := build/bench
BENCH_STRICT := -std=gnu11 -D_GNU_SOURCE -O2 -g -Wall -Wextra -Wpedantic \
  -Werror -Wshadow -Wconversion -Wsign-conversion -Wstrict-prototypes \
  -Wmissing-prototypes -Wpointer-arith -Wwrite-strings -Wvla -Wundef \
  -Wformat=2 -Wswitch-enum
BENCH_SOURCES := bench/wsload.c $(sort $(wildcard bench/load/*.c))
BENCH_OBJECTS := $(BENCH_SOURCES:bench/%.c=$(BENCH_OUT)/%.o)

.PHONY: bench-tools bench
#: measure
#:   make bench-tools       build/bench/wsload, the load and checking client
#:   make bench             all measurements, report in build/bench/report.md
bench-tools: $(BENCH_OUT)/wsload

$(BENCH_OUT)/wsload: $(BENCH_OBJECTS)
	@echo "  link  $@"
	@$(BENCH_CC) $(LDFLAGS) $(BENCH_OBJECTS) -o $@

$(BENCH_OUT)/%.o: bench/%.c
	@mkdir -p $(@D)
	@echo "  cc    $@"
	@$(BENCH_CC) $(BENCH_STRICT) $(CFLAGS) -Ibench -MMD -MP -c $< -o $@

-include $(BENCH_OBJECTS:.o=.d)

bench: bench-tools build/mod_wspush.so
	@bench/all $(BENCH_OUT)/report.md
