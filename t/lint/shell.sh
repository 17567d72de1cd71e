#!/bin/sh
# Planted for `make lint`: shellcheck has to see the missing quotes.
rm -rf $1/scratch
