# make demo    a recorded drive through the real node: table, output bag and pictures in demo/
# make test    the tests; ARGS="-k boxes" passes options to pytest
# make lint    ruff and mypy
# make clean   undo all of the above
#
# The first of these builds an environment in .venv, later ones start at once. Where a ROS 2
# installation is sourced it is used as it is, with .venv-$ROS_DISTRO for what it lacks.
# PYTHON=/path/to/python3 chooses the interpreter.

.PHONY: demo test lint clean

ifndef PYTHON
IS_SUPPORTED := import sys; sys.exit(not (3, 10) <= sys.version_info < (3, 13))
PYTHON := $(firstword $(shell for python in python3 python3.12 python3.11 python3.10; do \
    if $$python -c '$(IS_SUPPORTED)' 2>/dev/null; then echo $$python; fi; done) python3)
endif

# Some images set ROS_DISTRO without sourcing anything, so rclpy decides.
ROS := $(if $(ROS_DISTRO),$(shell python3 -c 'import rclpy' 2>/dev/null && echo $(ROS_DISTRO)))
ifneq ($(ROS),)
PYTHON := python3
endif
ENVIRONMENT := .venv$(addprefix -,$(ROS))

# Tests and demo talk among themselves only: to no other machine, and to no other run on this one.
ROS_DOMAIN_ID ?= $(shell echo $$(($$$$ % 100 + 1)))
RUN := ROS_DOMAIN_ID=$(ROS_DOMAIN_ID) ROS_AUTOMATIC_DISCOVERY_RANGE=LOCALHOST \
    ROS_LOG_DIR='$(CURDIR)/$(ENVIRONMENT)/log' $(ENVIRONMENT)/bin/python

demo: $(ENVIRONMENT)/ready
	@$(RUN) -m mots_ros.ros.demo $(ARGS)

test: $(ENVIRONMENT)/ready
	@$(RUN) -m pytest $(ARGS)

lint: $(ENVIRONMENT)/ready
	@$(RUN) -m ruff check .
	@$(RUN) -m ruff format --check .
	@$(RUN) -m mypy

clean:
	rm -rf .venv .venv-* demo .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# peers.txt is only for bench/association.py, by hand.
REQUIREMENTS := $(filter-out requirements/peers.txt,$(wildcard requirements/*))

$(ENVIRONMENT)/ready: tools/environment.py $(REQUIREMENTS) $(shell find interfaces -type f)
	@$(PYTHON) tools/environment.py $(ENVIRONMENT) $(if $(ROS),--ros)
	@touch $@
