/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Replay: the history that a newcomer or a returning client is sent before the
 * news. It is pulled from the segment in batches, the next one when the last
 * has been written, so a slow client's replay never holds more than a batch;
 * the news that come meanwhile wait in the backlogs.
 */
#ifndef WSP_IO_REPLAY_H
#define WSP_IO_REPLAY_H

#include "io/conn.h"

/** Messages and bytes of one batch. */
#define WSP_REPLAY_MESSAGES 64u
#define WSP_REPLAY_BYTES (256u * 1024u)

/**
 * Replay up to @a upto, each member's channel from where the offer says:
 * the last @a count messages of each channel, or all after @a id.
 * @context io thread; the member's topics are subscribed
 */
void wsp_replay_begin(wsp_conn_t *conn, wsp_start_t start, uint32_t count,
                      wsp_id_t id, wsp_id_t upto);

/** Put the next batch into out->replayed; ends the replay (replay.upto = 0)
 *  when that was all. */
void wsp_replay_pull(wsp_conn_t *conn);

#endif
