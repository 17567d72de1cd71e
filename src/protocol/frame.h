/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frame layout of RFC 6455, section 5.2: opcodes, header encoding for the
 * server's own (never masked) frames, and unmasking. Decoding is in reader.h.
 */
#ifndef WSP_PROTOCOL_FRAME_H
#define WSP_PROTOCOL_FRAME_H

#include <stddef.h>
#include <stdint.h>

typedef enum {
    WSP_OP_CONTINUATION = 0x0,
    WSP_OP_TEXT = 0x1,
    WSP_OP_BINARY = 0x2,
    WSP_OP_CLOSE = 0x8,
    WSP_OP_PING = 0x9,
    WSP_OP_PONG = 0xA
} wsp_opcode_t;

#define WSP_FRAME_FIN 0x80u
#define WSP_FRAME_RSV1 0x40u
#define WSP_FRAME_MASKED 0x80u
/** Longest header of a server's frame: 2 bytes + 64-bit length. */
#define WSP_FRAME_HEADER_MAX 10u
/** Longest header of a client's frame: the same + 4 bytes of mask. */
#define WSP_FRAME_CLIENT_HEADER_MAX 14u
/** Longest payload of a control frame (RFC 6455 5.5). */
#define WSP_FRAME_CONTROL_MAX 125u

/** Bytes wsp_frame_header will write for a payload of @a len bytes. */
size_t wsp_frame_header_bytes(uint64_t len);

/**
 * Write the header of one unfragmented, unmasked frame, minimal length form.
 * @param out   room for WSP_FRAME_HEADER_MAX bytes
 * @param flags WSP_FRAME_FIN, WSP_FRAME_RSV1
 * @return bytes written
 * @context any thread
 */
size_t wsp_frame_header(uint8_t *out, unsigned flags, wsp_opcode_t op,
                        uint64_t len);

/**
 * XOR @a len bytes in place with the mask.
 * @param key   the four mask bytes in wire order
 * @param phase how many payload bytes of this frame came before (mod 4 used)
 * @context any thread
 * @rfc 6455 5.3
 */
void wsp_frame_unmask(uint8_t *bytes, size_t len, const uint8_t key[4],
                      uint64_t phase);

#endif
