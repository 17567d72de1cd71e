# mod_wspush: a push server (WebSocket) inside Apache httpd.
#
#   make            the module: build/mod_wspush.so
#   make demo       a private Apache with the demo pages, http://localhost:8080/
#   make test       everything the project checks; the last line is the result
#   make help       all targets and variables
#
# Objects never lie beside the sources but in build/FLAVOUR/. A flavour is one
# set of compiler flags (mk/compile.mk); the tests build the flavours they need.

# --- what a caller may set ----------------------------------------------
APXS         ?= apxs
DESTDIR      ?=
PORT         ?= 8080
MPM          ?= event
FLAVOUR      ?= plain
FUZZ_SECONDS ?= 10
PARTS        ?=
TESTS        ?=

# --- where httpd lives: asked from apxs once, when first used -------------
# (not at the start: `make help` or set-up must work without apxs)
ask-apxs = $(shell $(APXS) -q $(1) 2>/dev/null)
LIBEXECDIR = $(eval LIBEXECDIR := $$(call ask-apxs,LIBEXECDIR))$(LIBEXECDIR)
INCLUDEDIR = $(eval INCLUDEDIR := $$(call ask-apxs,INCLUDEDIR))$(INCLUDEDIR)
SYSCONFDIR = $(eval SYSCONFDIR := $$(call ask-apxs,SYSCONFDIR))$(SYSCONFDIR)
APR_CONFIG = $(eval APR_CONFIG := $$(call ask-apxs,APR_CONFIG))$(APR_CONFIG)
APU_CONFIG = $(eval APU_CONFIG := $$(call ask-apxs,APU_CONFIG))$(APU_CONFIG)
APR_INCLUDEDIR = $(eval APR_INCLUDEDIR := $$(call \
  ask-apxs,APR_INCLUDEDIR))$(APR_INCLUDEDIR)
APU_INCLUDEDIR = $(eval APU_INCLUDEDIR := $$(call \
  ask-apxs,APU_INCLUDEDIR))$(APU_INCLUDEDIR)
HTTPD = $(eval HTTPD := $$(call ask-apxs,SBINDIR)/$$(call \
  ask-apxs,PROGNAME))$(HTTPD)

# Passed on to make and to the scripts that tests and checks start.
export APXS HTTPD

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules

include mk/compile.mk
include mk/check.mk
include mk/install.mk
include bench/bench.mk

# --- build -----------------------------------------------------------------
.PHONY: all setup
all: build/mod_wspush.so

# What is missing is installed or named; a few file look-ups when nothing is.
setup:
	@scripts/setup build

build/mod_wspush.so: build/plain/mod_wspush.so
	@ln -f $< $@ 2>/dev/null || cp $< $@

# --- run -------------------------------------------------------------------
.PHONY: demo
demo:
	@scripts/setup demo
	@$(MAKE) --no-print-directory all
	@exec scripts/demo --port "$(PORT)" --mpm "$(MPM)"

# --- the reference page, printed by the module itself ----------------------
.PHONY: docs
docs: all
	@scripts/docs build/mod_wspush.so > build/directives.html.new
	@mv build/directives.html.new htdocs/directives.html
	@echo "wrote htdocs/directives.html"

.PHONY: clean help
clean:
	rm -rf build

help:
	@sed -n 's/^#: //p' $(MAKEFILE_LIST)

#: mod_wspush
#:   make                   build/mod_wspush.so
#:   make install           module, public header, pages and, on Debian,
#:                          wspush.load and wspush.conf for a2enmod wspush
#:   make uninstall
#:   make demo              private Apache with the demo (Ctrl-C stops it)
#:   make test              every check below but lint, with its set-up
#:   make lint              clang-format, clang-tidy, cppcheck, gcc -fanalyzer,
#:                          shellcheck; each first has to find a planted bug
#:   make unit              C unit tests under ASan and UBSan, some under TSan
#:   make apache            Apache::Test suites under one MPM
#:   make asan | tsan       Apache::Test suites with a sanitized module
#:   make fuzz              each fuzz target for FUZZ_SECONDS
#:   make docs              write htdocs/directives.html from the module
#:   make setup | clean | help
#: variables
#:   APXS=apxs DESTDIR= PREFIX=/usr   as usual
#:   PORT=8080 MPM=event              demo; MPM also: apache, asan, tsan
#:   PARTS="unit-asan docs"           test: only these parts
#:   TESTS="t/00-smoke.t"             apache, asan, tsan: only these files
#:   FUZZ_SECONDS=10                  per fuzz target
