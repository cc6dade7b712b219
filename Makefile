# SPDX-License-Identifier: GPL-2.0
#
# strata: `make help` lists what can be made.

.DEFAULT_GOAL := all
MAKEFLAGS += --no-print-directory

# The kernel to build for: the one that the test machine runs, Debian's newest
# 6.1 here, or else the running one. DKMS (make install) has its own.
newest = $(lastword $(shell ls -dv /lib/modules/6.1.*-amd64/build 2>/dev/null))
ifndef KVER
KVER := $(or $(patsubst /lib/modules/%/build,%,$(newest)),$(shell uname -r))
native := 1
endif
KDIR ?= /lib/modules/$(KVER)/build

# The module for that kernel is built in place, strata.ko beside this file.
# Any other build lies in build/NAME: a tree of links to the sources.
ifdef native
ifneq ($(STRATA_DEBUG),1)
ifeq ($(origin KDIR),file)
in_place := 1
endif
endif
endif
ifdef in_place
OUT := $(CURDIR)
else
OUT ?= $(CURDIR)/build/$(or $(KVER),kernel)$(if $(filter 1,$(STRATA_DEBUG)),-debug)
endif

# CC on the command line means the compiler of the programs. The module needs
# the one its kernel was built with, which the kernel's headers know;
# KERNEL_CC overrides that.
kbuild_in = env -u MAKEOVERRIDES $(MAKE) -C $(KDIR) M=$(1) \
	$(if $(KERNEL_CC),CC=$(KERNEL_CC)) \
	$(if $(filter 1,$(STRATA_DEBUG)),STRATA_DEBUG=1) \
	$(if $(filter 0,$(STRATA_PROFILE)),STRATA_PROFILE=0)
kbuild = $(call kbuild_in,$(OUT))
MAKEOVERRIDES := $(filter-out CC=% KVER=% KDIR=% OUT=%,$(MAKEOVERRIDES))
user_make = $(MAKE) $(if $(filter command,$(origin CC)),CC=$(CC))

.PHONY: all module module-debug tools tests drill build-6.12 build-7.2 demo check check-quick \
	check-debug check-la57 check-nohz check-6.12 check-7.2 check-vmx \
	check-vmx-7.2 check-compat check-launcher bench install uninstall lint docs clean \
	help headers links print-kdir

all: module tools tests

headers:
	@test -e $(KDIR)/Makefile || { \
		echo "strata: no kernel headers in $(KDIR): install the package" \
			"linux-headers-$(or $(KVER),amd64)" \
			"(apt-get install linux-headers-$(or $(KVER),amd64))." >&2; \
		exit 1; }

# For scripts.
print-kdir: headers
	@readlink -f $(KDIR)

# A farm of links, so that two kernels' objects never meet. Links whose
# source is gone are removed, or the build would stop on them.
links: headers
ifneq ($(OUT),$(CURDIR))
	@mkdir -p $(OUT)
	@find -L $(OUT) -type l -delete
	@find Kbuild module uapi -type d -exec mkdir -p $(OUT)/{} \;
	@find Kbuild module uapi -type f ! -name '*.o' ! -name '.*' \
		! -name '*.mod' ! -name '*.cmd' \
		-exec ln -sfn $(CURDIR)/{} $(OUT)/{} \;
endif

module: links
	+@$(kbuild) modules
	@module/add-btf $(OUT)/strata.ko $(KDIR) build/btf

# For the debug kernel of the test machine, with the oracle; the kernel is
# built first when it is missing, in about ten minutes.
module-debug:
	+@kdir=$$(selftests/lab/debug-kernel | tail -n 1) && test -n "$$kdir" && \
	$(MAKE) module STRATA_DEBUG=1 KDIR="$$kdir" OUT="$(CURDIR)/build/$$( \
		cat "$$kdir/include/config/kernel.release")"

# Against the headers of Debian's 6.12, fetched into .cache.
build-6.12:
	+@kdir=$$(selftests/lab/fetch-kernel 6.12) && \
	$(MAKE) module KDIR="$$kdir" OUT="$(CURDIR)/build/$$( \
		cat "$$kdir/include/config/kernel.release")"

# 7.2 wants a newer compiler than Debian 12 has: it comes with its headers.
build-7.2:
	@kdir=$$(selftests/lab/fetch-kernel 7.2) && \
	selftests/lab/in-chroot 7.2 make -j$$(nproc) module KDIR="$$kdir" \
		OUT="$(CURDIR)/build/$${kdir#/usr/src/linux-headers-}"

tools:
	+@test ! -e userspace-tool/Makefile || $(user_make) -C userspace-tool
	+@$(user_make) -C tracing

tests: drill
	+@$(user_make) -C selftests

# A module for the guests of the tests, which run the test machine's kernel.
drill: headers
ifdef in_place
	+@$(call kbuild_in,$(CURDIR)/selftests/guest/drill) modules
endif

demo:
	@selftests/lab/deps demo
	@selftests/demo

check:
	@selftests/lab/deps check
	@selftests/check

check-quick:
	@selftests/lab/deps check
	@selftests/check --stage build,unit,lab,svm

check-debug check-la57 check-nohz check-6.12 check-7.2 check-vmx check-vmx-7.2 check-compat check-launcher: check-%:
	@selftests/lab/deps check
	@STRATA_CHECK_LONG=1 selftests/check --stage build,$*

bench:
	@selftests/lab/deps bench
	@selftests/bench/run

lint:
	@selftests/lab/deps lint
	@selftests/lint/run

# The tables of the documentation, from those of the source.
docs:
	@selftests/lint/doc-tables --write

install:
	@./dkms/install

uninstall:
	@./dkms/install --uninstall

clean:
	+@test ! -e $(KDIR)/Makefile || \
		$(MAKE) -C $(KDIR) M=$(CURDIR) clean >/dev/null
	+@test ! -e userspace-tool/Makefile || $(MAKE) -C userspace-tool clean
	+@test ! -e $(KDIR)/Makefile || \
		$(MAKE) -C $(KDIR) M=$(CURDIR)/selftests/guest/drill clean >/dev/null
	+@$(MAKE) -C selftests clean
	@rm -rf build

help:
	@echo 'Build'
	@echo '  all            module, tools and tests (the default)'
	@echo '  module         strata.ko for $(or $(KVER),the kernel whose headers are installed)'
	@echo '                 KVER=..., KDIR=...  for another kernel, in build/KVER'
	@echo '                 STRATA_DEBUG=1      with the oracle, in build/KVER-debug'
	@echo '                 KERNEL_CC=...       with another compiler'
	@echo '  module-debug   strata.ko for the debug kernel, with the oracle, in build/'
	@echo '  build-6.12     strata.ko for Debian'"'"'s 6.12, in build/'
	@echo '  build-7.2      strata.ko for Debian'"'"'s 7.2, in build/ (root)'
	@echo '  tools          the launcher (CC=clang-14 for another compiler)'
	@echo '  tests          the test programs'
	@echo '  clean          remove what was built; .cache stays'
	@echo 'Run, in a test machine'
	@echo '  demo           boot Debian'"'"'s kernel in a VM, print what its exits cost'
	@echo '  check          every test; check-quick, check-debug, check-la57 and'
	@echo '                 check-nohz are parts of it; check-debug has more programs,'
	@echo '                 check-launcher all of the launcher'
	@echo '  bench          instructions per operation, strata beside kvm-amd'
	@echo '  lint           style, static analysis, symbols, entry-path checks'
	@echo 'Write'
	@echo "  docs           the documentation's tables, from those of the source"
	@echo 'Use on this machine'
	@echo '  install        register with DKMS, install the udev rule (as root)'
	@echo '  uninstall      undo that'
