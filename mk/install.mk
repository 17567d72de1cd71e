# Install: the module where httpd looks for modules, the header for modules
# that call it, the pages, and on Debian the two files a2enmod wants.

PREFIX   ?= $(or $(call ask-apxs,exec_prefix),/usr)
PAGESDIR  = $(PREFIX)/share/mod_wspush/htdocs
MODS      = $(SYSCONFDIR)/mods-available
# Debian's layout: in the tree that is installed to, or (a packager's DESTDIR
# is still empty) on the machine that installs.
HAS_MODS  = $(wildcard $(DESTDIR)$(MODS) $(MODS))
PAGES    := $(shell find htdocs -type f 2>/dev/null)

.PHONY: install uninstall
install: all
	install -d "$(DESTDIR)$(LIBEXECDIR)" "$(DESTDIR)$(INCLUDEDIR)"
	install -m 644 build/mod_wspush.so "$(DESTDIR)$(LIBEXECDIR)/"
	$(if $(wildcard include/mod_wspush.h),install -m 644 \
	  include/mod_wspush.h "$(DESTDIR)$(INCLUDEDIR)/")
	for page in $(PAGES:htdocs/%=%); do \
	  install -D -m 644 "htdocs/$$page" "$(DESTDIR)$(PAGESDIR)/$$page" \
	    || exit 1; done
	$(if $(HAS_MODS),scripts/install-mods "$(DESTDIR)$(MODS)" "$(LIBEXECDIR)",\
	  @echo 'add to httpd.conf: LoadModule wspush_module' \
	  '$(LIBEXECDIR)/mod_wspush.so')

uninstall:
	rm -f "$(DESTDIR)$(LIBEXECDIR)/mod_wspush.so"
	rm -f "$(DESTDIR)$(INCLUDEDIR)/mod_wspush.h"
	rm -rf "$(DESTDIR)$(PREFIX)/share/mod_wspush"
	rm -f "$(DESTDIR)$(SYSCONFDIR)/mods-enabled/wspush.load" \
	  "$(DESTDIR)$(SYSCONFDIR)/mods-enabled/wspush.conf"
	rm -f "$(DESTDIR)$(MODS)/wspush.load"
	if cmp -s conf/wspush.conf "$(DESTDIR)$(MODS)/wspush.conf"; then \
	  rm -f "$(DESTDIR)$(MODS)/wspush.conf"; fi
