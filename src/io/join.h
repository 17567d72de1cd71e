/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Joining: tickets become clients, at a moment when every backlog is complete
 * up to one id (hub.h), so that history and news meet without a seam.
 *
 *   mailbox ──> arriving ────collect────> joining ──hub is level──> client
 *               topics subscribed         horizon H                 at H
 *
 * The collect between the two makes the horizon newer than everything that was
 * acknowledged to a publisher before the client came and than the subscription
 * of each of its channels. What is up to the horizon is history to it, and what
 * is newer cannot have passed unnoticed, even where no history is kept.
 */
#ifndef WSP_IO_JOIN_H
#define WSP_IO_JOIN_H

struct wsp_loop;

/** New clients per turn of the loop. */
#define WSP_JOINS_PER_TURN 256u

/** Take the tickets out of the mailbox, subscribe to their channels. */
void wsp_join_take(struct wsp_loop *loop);
/** A collect is about to happen: what has arrived may join after it. */
void wsp_join_before_collect(struct wsp_loop *loop);
/** Let them join. Only while wsp_hub_is_level. */
void wsp_join_run(struct wsp_loop *loop);

#endif
