/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Load tool: which server process holds the other end (see where.h).
 *
 *     our address --/proc/net/tcp--> inode --/proc/PID/fd--> pid
 *
 * A server that listens on [::] has its IPv4 connections in /proc/net/tcp6.
 */
#include "where.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TCP_ESTABLISHED_ 1U

typedef struct {
    unsigned long inode;
    wsp_where_t *entry;
} found_t;

typedef struct {
    found_t *found;
    size_t count, room;
} search_t;

static int by_address(const void *a, const void *b)
{
    const wsp_where_t *x = a, *y = b;

    if (x->ip != y->ip) {
        return x->ip < y->ip ? -1 : 1;
    }
    return (x->port > y->port) - (x->port < y->port);
}

static int by_inode(const void *a, const void *b)
{
    const found_t *x = a, *y = b;

    return (x->inode > y->inode) - (x->inode < y->inode);
}

static int by_count(const void *a, const void *b)
{
    const wsp_where_share_t *x = a, *y = b;

    return (x->count < y->count) - (x->count > y->count);
}

/* One line of /proc/net/tcp or tcp6; the last 8 digits of a v4-mapped address
 * are the IPv4 one. */
static bool parse_line(const char *line, unsigned *local_port, wsp_where_t *key,
                       unsigned long *inode)
{
    char remote[33];
    unsigned remote_port, state;

    if (sscanf(line,
               " %*d: %*[0-9A-F]:%X %32[0-9A-F]:%X %X %*s %*s %*s %*s %*s %lu",
               local_port, remote, &remote_port, &state, inode) != 5 ||
        state != TCP_ESTABLISHED_ || strlen(remote) < 8) {
        return false;
    }
    key->ip = (uint32_t)strtoul(remote + strlen(remote) - 8, NULL, 16);
    key->port = htons((uint16_t)remote_port);
    return true;
}

static void read_table(const char *path, uint16_t server_port,
                       wsp_where_t *list, size_t count, search_t *s)
{
    char line[512];
    FILE *f = fopen(path, "re");

    while (f && fgets(line, sizeof(line), f)) {
        wsp_where_t key;
        unsigned port;
        unsigned long inode;
        if (!parse_line(line, &port, &key, &inode) || port != server_port) {
            continue;
        }
        wsp_where_t *hit =
            bsearch(&key, list, count, sizeof(*list), by_address);
        if (hit && s->count < s->room) {
            s->found[s->count++] = (found_t){inode, hit};
        }
    }
    if (f) {
        fclose(f);
    }
}

static void look_into(pid_t pid, const search_t *s)
{
    char path[64], link[64];
    struct dirent *e;

    snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
    DIR *dir = opendir(path);
    if (!dir) {
        return;
    }
    while ((e = readdir(dir)) != NULL) {
        found_t key;
        ssize_t n = readlinkat(dirfd(dir), e->d_name, link, sizeof(link) - 1);
        if (n <= 0) {
            continue;
        }
        link[n] = '\0';
        if (sscanf(link, "socket:[%lu]", &key.inode) != 1) {
            continue;
        }
        const found_t *hit =
            bsearch(&key, s->found, s->count, sizeof(*s->found), by_inode);
        if (hit) {
            hit->entry->pid = pid;
        }
    }
    closedir(dir);
}

void wsp_where_find(wsp_where_t *list, size_t count, uint16_t server_port)
{
    search_t s = {.room = count};
    struct dirent *e;

    for (size_t i = 0; i < count; i++) {
        list[i].pid = 0;
    }
    qsort(list, count, sizeof(*list), by_address);
    s.found = calloc(count ? count : 1, sizeof(*s.found));
    DIR *proc = opendir("/proc");
    if (s.found && proc) {
        read_table("/proc/net/tcp", server_port, list, count, &s);
        read_table("/proc/net/tcp6", server_port, list, count, &s);
        qsort(s.found, s.count, sizeof(*s.found), by_inode);
        while ((e = readdir(proc)) != NULL) {
            int pid = atoi(e->d_name);
            if (pid > 0) {
                look_into(pid, &s);
            }
        }
    }
    if (proc) {
        closedir(proc);
    }
    free(s.found);
}

size_t wsp_where_shares(const wsp_where_t *list, size_t count,
                        wsp_where_share_t *shares, size_t room)
{
    size_t n = 0;

    for (size_t i = 0; i < count; i++) {
        size_t k = 0;
        if (list[i].pid == 0) {
            continue;
        }
        while (k < n && shares[k].pid != list[i].pid) {
            k++;
        }
        if (k == n) {
            if (n == room) {
                continue;
            }
            shares[n++] = (wsp_where_share_t){list[i].pid, 0};
        }
        shares[k].count++;
    }
    qsort(shares, n, sizeof(*shares), by_count);
    return n;
}
