/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packets (see packet.h). Made by the hub (news), replay.c (history) and
 * receive.c (answers), written by send.c.
 *
 * Invariants:
 *   1. prefix[m] lies in the room before the body, or is its own allocation;
 *      in both cases it is there until the packet goes.
 *   2. A packet in a FIFO has one owner and next is that FIFO's.
 */
#include "io/packet.h"

#include <string.h>

#include "io/alloc.h"

/* Of this thread: a packet lives and dies in one. */
static _Thread_local int64_t held_bytes;

static uint8_t *body_of(wsp_packet_t *packet)
{
    return packet->data + packet->content_type_bytes + packet->event_bytes +
           packet->room_bytes;
}

static bool is_in_room(const wsp_packet_t *packet, const uint8_t *prefix)
{
    const uint8_t *room =
        packet->data + packet->content_type_bytes + packet->event_bytes;
    return packet->room_bytes > 0 && prefix == room;
}

/* ---- prefixes ---- */

/* The meta lines of a message or gap; the id's text is put into @a id. */
static void fill_lines(const wsp_packet_t *packet, wsp_text_t label,
                       char id[WSP_ID_TEXT_SIZE], wsp_meta_lines_t *lines)
{
    memset(lines, 0, sizeof *lines);
    lines->id.at = id;
    lines->id.len = wsp_id_format(packet->id, id);
    if (packet->kind == WSP_PACKET_GAP) {
        lines->gap = lines->id;
        return;
    }
    lines->content_type.at = (const char *)packet->data;
    lines->content_type.len = packet->content_type_bytes;
    lines->event.at = (const char *)packet->data + packet->content_type_bytes;
    lines->event.len = packet->event_bytes;
    lines->channel = label;
}

static size_t prefix_bytes(const wsp_meta_lines_t *lines, wsp_meta_t meta,
                           size_t body_bytes)
{
    size_t meta_bytes = wsp_meta_bytes(meta, lines);
    return wsp_frame_header_bytes(meta_bytes + body_bytes) + meta_bytes;
}

static void write_prefix(uint8_t *out, wsp_opcode_t op, wsp_meta_t meta,
                         const wsp_meta_lines_t *lines, size_t body_bytes)
{
    size_t meta_bytes = wsp_meta_bytes(meta, lines);
    out += wsp_frame_header(out, WSP_FRAME_FIN, op, meta_bytes + body_bytes);
    wsp_meta_write(meta, lines, (char *)out);
}

static void build_prefix(wsp_packet_t *packet, wsp_meta_t meta,
                         wsp_text_t label)
{
    char id[WSP_ID_TEXT_SIZE];
    wsp_meta_lines_t lines;
    size_t len;

    fill_lines(packet, label, id, &lines);
    len = prefix_bytes(&lines, meta, packet->body_bytes);
    packet->prefix_bytes[meta] = (uint16_t)len;
    packet->prefix[meta] = wsp_alloc(len);
    write_prefix(packet->prefix[meta], (wsp_opcode_t)packet->op, meta, &lines,
                 packet->body_bytes);
}

/* ---- making ---- */

/* Count it, once its sizes are filled in. */
static wsp_packet_t *hold(wsp_packet_t *packet)
{
    held_bytes += (int64_t)wsp_packet_cost(packet);
    return packet;
}

static wsp_packet_t *make(wsp_packet_kind_t kind, size_t data_bytes)
{
    /* The data is about to be overwritten: do not clear it first. */
    wsp_packet_t *packet = malloc(sizeof *packet + data_bytes);
    if (packet == NULL) {
        abort();
    }
    memset(packet, 0, sizeof *packet);
    packet->kind = (uint8_t)kind;
    packet->refs = 1;
    return packet;
}

wsp_packet_t *wsp_packet_read(const wsp_registry_t *registry,
                              const wsp_message_t *message, wsp_text_t label,
                              wsp_meta_t meta)
{
    char id[WSP_ID_TEXT_SIZE];
    char fields[2 * (WSP_FIELD_MAX + 1)];
    size_t content_type = message->content_type_bytes;
    size_t event = message->event_bytes;
    wsp_meta_lines_t lines = {
        .id = {id, wsp_id_format(message->id, id)},
        .content_type = {fields, content_type},
        .event = {fields + content_type, event},
        .channel = label,
    };
    wsp_opcode_t op = message->is_binary ? WSP_OP_BINARY : WSP_OP_TEXT;
    wsp_packet_t *packet;
    size_t room;

    wsp_message_copy(registry, message, NULL, fields, fields + content_type);
    room = prefix_bytes(&lines, meta, message->body_bytes);
    packet = make(WSP_PACKET_MESSAGE,
                  content_type + event + room + message->body_bytes);
    packet->id = message->id;
    packet->op = (uint8_t)op;
    packet->content_type_bytes = (uint16_t)content_type;
    packet->event_bytes = (uint16_t)event;
    packet->room_bytes = (uint16_t)room;
    packet->body_bytes = message->body_bytes;
    memcpy(packet->data, fields, content_type + event);
    packet->prefix[meta] = packet->data + content_type + event;
    packet->prefix_bytes[meta] = (uint16_t)room;
    write_prefix(packet->prefix[meta], op, meta, &lines, message->body_bytes);
    wsp_message_copy(registry, message, (char *)body_of(packet), NULL, NULL);
    return hold(packet);
}

wsp_packet_t *wsp_packet_gap(wsp_id_t lost)
{
    wsp_packet_t *packet = make(WSP_PACKET_GAP, 0);
    packet->id = lost;
    packet->op = WSP_OP_TEXT;
    return hold(packet);
}

wsp_packet_t *wsp_packet_frame(wsp_opcode_t op, wsp_meta_t meta,
                               const void *body, size_t len)
{
    static const wsp_meta_lines_t no_lines;
    bool is_data = op == WSP_OP_TEXT || op == WSP_OP_BINARY;
    wsp_packet_t *packet;
    size_t room;

    if (!is_data) {
        meta = WSP_META_NONE;
    }
    room = prefix_bytes(&no_lines, meta, len);
    packet = make(WSP_PACKET_FRAME, room + len);
    packet->body_bytes = (uint32_t)(room + len);
    write_prefix(packet->data, op, meta, &no_lines, len);
    if (len > 0) {
        memcpy(packet->data + room, body, len);
    }
    return hold(packet);
}

wsp_packet_t *wsp_packet_raw(const void *bytes, size_t len)
{
    wsp_packet_t *packet = make(WSP_PACKET_FRAME, len);
    packet->body_bytes = (uint32_t)len;
    memcpy(packet->data, bytes, len);
    return hold(packet);
}

/* ---- references ---- */

void wsp_packet_ref(wsp_packet_t *packet)
{
    packet->refs++;
}

void wsp_packet_unref(wsp_packet_t *packet)
{
    if (--packet->refs > 0) {
        return;
    }
    held_bytes -= (int64_t)wsp_packet_cost(packet);
    for (unsigned i = 0; i < WSP_META_KINDS; i++) {
        if (!is_in_room(packet, packet->prefix[i])) {
            free(packet->prefix[i]);
        }
    }
    free(packet);
}

size_t wsp_packet_cost(const wsp_packet_t *packet)
{
    return sizeof *packet + packet->content_type_bytes + packet->event_bytes +
           packet->room_bytes + packet->body_bytes;
}

int64_t wsp_packet_held_bytes(void)
{
    return held_bytes;
}

/* ---- writing ---- */

unsigned wsp_packet_pieces(wsp_packet_t *packet, wsp_meta_t meta,
                           wsp_text_t label,
                           struct iovec out[WSP_PACKET_PIECES])
{
    uint8_t *body = body_of(packet);

    if (packet->kind == WSP_PACKET_FRAME) {
        out[0] = (struct iovec){body, packet->body_bytes};
        return 1;
    }
    if (packet->kind == WSP_PACKET_GAP && meta != WSP_META_WSPUSH) {
        return 0;
    }
    if (packet->prefix[meta] == NULL) {
        build_prefix(packet, meta, label);
    }
    out[0] = (struct iovec){packet->prefix[meta], packet->prefix_bytes[meta]};
    if (is_in_room(packet, packet->prefix[meta])) {
        out[0].iov_len += packet->body_bytes;
        return 1;
    }
    if (packet->body_bytes == 0) {
        return 1;
    }
    out[1] = (struct iovec){body, packet->body_bytes};
    return 2;
}

/* ---- FIFO ---- */

void wsp_fifo_push(wsp_fifo_t *fifo, wsp_packet_t *packet)
{
    packet->next = NULL;
    if (fifo->last != NULL) {
        fifo->last->next = packet;
    }
    else {
        fifo->first = packet;
    }
    fifo->last = packet;
    fifo->bytes += wsp_packet_cost(packet);
}

wsp_packet_t *wsp_fifo_pop(wsp_fifo_t *fifo)
{
    wsp_packet_t *packet = fifo->first;

    if (packet == NULL) {
        return NULL;
    }
    fifo->first = packet->next;
    if (fifo->first == NULL) {
        fifo->last = NULL;
    }
    fifo->bytes -= wsp_packet_cost(packet);
    packet->next = NULL;
    return packet;
}

void wsp_fifo_clear(wsp_fifo_t *fifo)
{
    wsp_packet_t *packet;
    while ((packet = wsp_fifo_pop(fifo)) != NULL) {
        wsp_packet_unref(packet);
    }
}
